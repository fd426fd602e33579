"""Which cell of a notebook makes a panel: a cell that is run again replaces its panel, and the old run must end."""

import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass

# Every panel that a cell has made and whose run can go on: by weak reference, since a panel may end before its cell.
_PLACES: "list[tuple[Cell, weakref.WeakMethod]]" = []


@dataclass(frozen=True)
class Cell:
    """One execution of a cell.

    Args:
        place: the front end's id of the cell; its source text where the front end sends none.
        execution: another one each time that the cell is run.
        watched: whether a front end shows widgets while the cell runs, as JupyterLab does.
    """

    place: str
    execution: str
    watched: bool


def current_cell() -> Cell | None:
    """The cell that is running now; None in a script, and in what a button or a control has started."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:  # IPython in a terminal
        return Cell(shell.user_ns["In"][-1], str(shell.execution_count), watched=False)
    request = kernel.get_parent("shell") or {}
    header = request.get("header", {})
    if header.get("msg_type") != "execute_request":
        return None
    cell_id = request.get("metadata", {}).get("cellId")
    watched = cell_id is not None and "google.colab" not in sys.modules  # there, no widget is redrawn from a thread
    return Cell(cell_id or request["content"]["code"], header["msg_id"], watched)


def one_per_cell(leave: Callable[[], None]) -> Cell | None:
    """Call ``leave`` of each panel that an earlier run of the present cell has made, and keep this one.

    Several panels of one execution, of different cells and of a script leave each other alone.

    Args:
        leave: a bound method of the panel that ends its run. It may be called later, when the cell is run again.

    Returns:
        The present cell.
    """
    cell = current_cell()
    if cell is None:
        return None
    old = [kept for kept in _PLACES if kept[0].place == cell.place and kept[0].execution != cell.execution]
    _PLACES[:] = [kept for kept in _PLACES if kept not in old and kept[1]() is not None]
    _PLACES.append((cell, weakref.WeakMethod(leave)))
    for _, method in old:
        if (leave_old := method()) is not None:
            leave_old()
    return cell
