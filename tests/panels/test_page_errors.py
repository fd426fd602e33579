"""On a page for visitors a failed callback is one sentence on the page and a traceback in the server's log."""

import sys
import threading
from types import SimpleNamespace

import IPython
import pytest
from ipywidgets import Button, IntSlider
from ipywidgets.widgets import widget as widgets

from gdw.experiments.experiment import Experiment
from gdw_notebooks.panels import page_errors, rerun
from gdw_notebooks.panels.base import Panel
from tests.panels.test_base import Level

TRACEBACK = "Traceback (most recent call last)"


@pytest.fixture
def page(monkeypatch):
    """A served page whose kernel handles a message; ``page.cell()`` is set while a cell runs."""
    request = {"header": {"msg_type": "comm_msg", "msg_id": "1"}, "content": {"code": ""}, "metadata": {}}
    shell = SimpleNamespace(
        kernel=SimpleNamespace(get_parent=lambda channel: request), request=request, shown=[], displayed=[],
        showtraceback=lambda *args, **kwargs: shell.shown.append(sys.exc_info()[1]),
    )  # fmt: skip
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr(widgets, "get_ipython", lambda: shell)
    monkeypatch.setattr(page_errors, "display", shell.displayed.append)
    monkeypatch.setattr(rerun, "_PLACES", [])
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    return shell


def failing(error):
    def callback(*args):
        raise error

    return callback


def press(error):
    button = Button()
    button.on_click(failing(error))
    button._handle_button_msg(button, {"event": "click"}, [])


def send_value(widget, **state):
    widget._handle_msg({"content": {"data": {"method": "update", "state": state}}})


@pytest.mark.parametrize("error", [KeyError("weight"), OSError("/home/lecturer/data is gone"), RuntimeError("3 x 4")])
def test_an_unexpected_error_of_a_button_is_one_sentence(page, capfd, error):
    notice = page_errors.show_in_words()
    assert page.displayed == [notice]
    assert notice.layout.display == "none"
    press(error)
    assert page_errors.UNEXPECTED in notice.words.value
    assert notice.layout.display == "flex"
    assert str(error) not in notice.words.value
    log = capfd.readouterr().err
    assert TRACEBACK in log
    assert str(error) in log
    assert not page.shown
    notice.shut.click()
    assert (notice.words.value, notice.layout.display) == ("", "none")


def test_our_own_sentence_is_shown_as_it_is(page, capfd):
    notice, button = page_errors.show_in_words(), Button()
    button.on_click(lambda pressed: Experiment(rate=7))
    button._handle_button_msg(button, {"event": "click"}, [])
    assert "rate must lie in [0, 1], got 7" in notice.words.value
    assert TRACEBACK in capfd.readouterr().err


def test_a_wrong_value_from_the_browser_is_one_sentence(page, capfd):
    notice, slider = page_errors.show_in_words(), IntSlider()
    send_value(slider, value="<b>seven</b>")
    assert page_errors.BAD_VALUE in notice.words.value
    assert "TraitError" in capfd.readouterr().err


def test_a_panel_whose_drawing_fails_says_so_and_goes_on(page, capfd):
    panel = Level()
    (notice,) = page.displayed
    draw, panel.draw = panel.draw, failing(ZeroDivisionError("division by zero"))
    send_value(panel.level, value=0.75)
    assert page_errors.UNEXPECTED in notice.words.value
    assert "ZeroDivisionError" in capfd.readouterr().err
    panel.draw = draw
    send_value(panel.level, value=0.25)
    assert panel.picture.alt == "The level is 0.25"


def test_one_notice_for_all_panels_of_a_page(page):
    panels = [Level(), Level()]
    assert len(page.displayed) == 1
    assert all(isinstance(panel, Panel) for panel in panels)


def test_a_thread_that_fails_is_told_too(page, capfd):
    notice = page_errors.show_in_words()
    thread = threading.Thread(target=failing(KeyError("lost")))
    thread.start()
    thread.join()
    assert page_errors.UNEXPECTED in notice.words.value
    assert "KeyError: 'lost'" in capfd.readouterr().err


def test_an_error_in_a_cell_stays_with_voila(page):
    notice = page_errors.show_in_words()
    page.request["header"]["msg_type"] = "execute_request"
    error = KeyError("in a cell")
    press(error)
    assert page.shown == [error]
    assert notice.words.value == ""


def test_in_a_notebook_tracebacks_are_as_always(page, monkeypatch):
    monkeypatch.delenv("SERVER_SOFTWARE")
    assert page_errors.show_in_words() is None
    Level()
    error = KeyError("weight")
    press(error)
    assert page.shown == [error]
    assert page.displayed == []
