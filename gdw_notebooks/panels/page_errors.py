"""On a page for visitors an error is one sentence; its traceback goes to the server's log.

A callback of ipywidgets that fails asks IPython to show the traceback. In a notebook that is right. A page made by
Voilà has no place for it: it would go to the visitor's browser unseen, the page would say nothing, and the log would
not have it.
"""

import io
import os
import sys
import threading
from datetime import datetime
from html import escape
from traceback import format_exception, walk_tb

from IPython.display import display
from ipywidgets import HTML, Button, HBox, Layout
from traitlets import TraitError

from gdw_notebooks.panels.rerun import current_cell
from gdw_notebooks.panels.served import is_served

OWN_PACKAGES = ("gdw", "gdw_notebooks")
STANDARD_ERROR = 2  # its number as a file
BAD_VALUE = "This page cannot take that value. Set the control again, or reload the page."
UNEXPECTED = "Something went wrong on this page, and your last step did nothing. Press Reset, or reload the page."


class PageNotice(HBox):
    """A sentence at the top of the page, with a button that puts it away; nothing is shown before the first one.

    Attributes:
        words: the HTML widget with the sentence.
        shut: the button.
    """

    def __init__(self):
        self.words = HTML()
        self.shut = Button(description="Close", tooltip="put this message away", layout=Layout(width="auto"))
        super().__init__([self.words, self.shut], layout=Layout(display="none", align_items="center"))
        self.shut.on_click(lambda button: self._set("", "none"))

    def report(self, error: BaseException) -> None:
        """One sentence for the visitor, the traceback for the lecturer."""
        log(error)
        self._set(f'<div class="gdw-notice" role="alert">{escape(sentence(error))}</div>', "flex")

    def _set(self, words: str, display: str) -> None:
        self.words.value, self.layout.display = words, display


def show_in_words() -> PageNotice | None:
    """From now on every failed callback and thread of this kernel is told by one notice; only on a page for visitors.

    Called again it does nothing. Errors in a cell stay with Voilà, which says which cell failed.

    Returns:
        The notice, displayed where the page is now; None in a notebook and in a script.
    """
    shell = sys.modules["IPython"].get_ipython() if is_served() and "IPython" in sys.modules else None
    if shell is None or getattr(shell, "gdw_notice", None) is not None:
        return getattr(shell, "gdw_notice", None)
    notice, in_cells = PageNotice(), shell.showtraceback

    def showtraceback(*args, **kwargs) -> None:
        error = sys.exc_info()[1]
        if error is None or current_cell() is not None:
            in_cells(*args, **kwargs)
        else:
            notice.report(error)

    shell.gdw_notice, shell.showtraceback = notice, showtraceback
    threading.excepthook = lambda failed: failed.exc_type is SystemExit or notice.report(failed.exc_value)
    display(notice)
    return notice


def sentence(error: BaseException) -> str:
    """The error in one sentence: our own, if the package has raised it as one, else a general one without details."""
    frames = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    ours = bool(frames) and frames[-1].split(".")[0] in OWN_PACKAGES
    if isinstance(error, ValueError) and ours and str(error).strip():
        return str(error).strip().splitlines()[0]
    return BAD_VALUE if isinstance(error, TraitError) else UNEXPECTED


def log(*errors: BaseException) -> None:
    """The tracebacks, to the server's log and nowhere else.

    A kernel sends all that is written to ``sys.stderr`` to the browser as well. Only the file behind it is the log.
    """
    try:
        number = sys.stderr.fileno()
    except (io.UnsupportedOperation, AttributeError, ValueError):  # a kernel on Windows
        number = STANDARD_ERROR
    when = datetime.now().astimezone().isoformat(timespec="seconds")
    texts = ["".join(format_exception(error)) for error in errors]
    with open(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False) as file:
        file.write(f"{when} error on the page of process {os.getpid()}\n{''.join(texts)}")
