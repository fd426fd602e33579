"""A cell that is run again ends the run of the panel it made; other cells, and scripts, leave it alone."""

import sys
from types import SimpleNamespace

import pytest

from gdw_notebooks.panels import rerun
from gdw_notebooks.panels.rerun import current_cell, one_per_cell
from gdw_notebooks.panels.session import Session
from gdw_notebooks.panels.training_lab import TrainingLab
from tests.panels.test_session import LONG, SHORT, WAIT


class Panel:
    def __init__(self):
        self.left = 0
        one_per_cell(self.leave)

    def leave(self):
        self.left += 1


@pytest.fixture
def notebook(monkeypatch):
    """Sets the cell that is running, as JupyterLab's kernel knows it."""
    monkeypatch.setattr(rerun, "_PLACES", [])

    def run_cell(cell_id, execution, code="", kind="execute_request"):
        request = {"header": {"msg_type": kind, "msg_id": execution}, "content": {"code": code}, "metadata": {}}
        if cell_id:
            request["metadata"]["cellId"] = cell_id
        shell = SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda channel: request))
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))

    return run_cell


def test_the_same_cell_again_ends_the_old_panel_once(notebook):
    notebook("a", "1")
    first = Panel()
    notebook("a", "2")
    second = Panel()
    notebook("a", "3")
    third = Panel()
    assert [first.left, second.left, third.left] == [1, 1, 0]


def test_without_ids_of_cells_the_source_text_tells(notebook):
    notebook(None, "1", "lab = Panel()")
    first = Panel()
    notebook(None, "2", "other = Panel()")
    other = Panel()
    notebook(None, "3", "lab = Panel()")
    Panel()
    assert (first.left, other.left) == (1, 0)


def test_two_panels_of_one_run_of_a_cell_and_of_two_cells_live_side_by_side(notebook):
    notebook("a", "1")
    pair = [Panel(), Panel()]
    notebook("b", "2")
    other = Panel()
    assert [panel.left for panel in (*pair, other)] == [0, 0, 0]
    notebook("a", "3")
    Panel()
    assert [panel.left for panel in (*pair, other)] == [1, 1, 0]


def test_a_panel_made_by_a_button_or_in_a_script_replaces_none(notebook, monkeypatch):
    notebook("a", "1")
    first = Panel()
    notebook("a", "2", kind="comm_msg")
    Panel()
    assert current_cell() is None
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    Panel()
    assert current_cell() is None
    assert first.left == 0


def test_a_lab_whose_cell_is_run_again_leaves_no_thread(notebook):
    notebook("a", "1")
    old = TrainingLab(LONG)
    old.train.click()
    while not old.session.progress:
        pass
    notebook("a", "2")
    new = TrainingLab(LONG)
    assert old.session.join(WAIT)
    assert (old.session.state, new.session.state) == ("stopped", "idle")
    assert "made a new lab" in old.status.value


def test_in_a_watched_cell_run_returns_at_once_and_histories_wait(notebook):
    notebook("a", "1")
    lab = TrainingLab(SHORT)
    assert lab.run() is lab
    session = Session()
    expected = session.run([SHORT, SHORT.with_(method="mwnet")])
    assert lab.histories == expected
    assert lab.session.state == "finished"
