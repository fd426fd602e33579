"""The student's process: runs the cells of one notebook, sends what was answered, and calls the student's functions.

The grader starts it as ``python -P -m gdw_notebooks.grading.worker``. Its first line on standard input says what to
run. What it sends are claims of an untrusted process: no verdict is made here.
"""

import io
import os
import sys
import threading
from pathlib import Path

from gdw_notebooks.grading.messages import line, pack, read, unpack

MOST_REFUSALS = 5  # that are told, of each notebook
LONGEST_ERROR = 200  # characters


class Pipes:
    """The two pipes to the grader; what the notebook prints goes nowhere."""

    def __init__(self):
        self._in, self._out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        self._lock, self._refused = threading.Lock(), 0
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)

    def send(self, **message: object) -> None:
        with self._lock:
            self._out.write(line(message))
            self._out.flush()

    def receive(self) -> dict | None:
        """The grader's next message; None: it has closed the pipe."""
        text = self._in.readline()
        return read(text) if text else None

    def refused(self, what: str) -> None:
        self._refused += 1
        if self._refused <= MOST_REFUSALS:
            self.send(refused=what)


class Handed:
    """What the student hands to the checks. The checks themselves do not run in this process."""

    def __init__(self):
        self.answers: dict[str, tuple] = {}

    def replace_checks(self) -> None:
        from gdw_notebooks.checks import Exercise, Feedback

        def hand_in(exercise, *answer):
            self.answers[type(exercise).__name__] = answer
            return Feedback(exercise.title, "handed in", "")

        Exercise.__call__ = hand_in


def main() -> None:
    pipes = Pipes()
    task = pipes.receive()
    handed, shell = Handed(), _shell()
    handed.replace_checks()
    from gdw_notebooks.grading import guard

    left_out = guard.limit(task["seconds"], task["memory_mb"])
    guard.watch(Path.cwd(), pipes.refused)
    pipes.send(started=True, left_out=left_out)
    stopped = run_cells(shell, task["cells"], lambda number: pipes.send(cell=number))
    answers = found(task["asked"], handed.answers, shell.user_ns)
    packed = {name: [pack(part) for part in parts] for name, parts in answers.items()}
    pipes.send(answers=packed, stopped=stopped)
    while (request := pipes.receive()) is not None:
        pipes.send(**called(request, answers))


def run_cells(shell, cells: list[str], at) -> list[list]:
    """Run cells from top to bottom, then once more those that stopped; returns which still stop, with their errors.

    A cell may need one that is below it: students run cells in the order they like.
    """
    stopped = dict.fromkeys(range(len(cells)), "")
    for _ in range(2):
        for number in list(stopped):
            at(number + 1)
            result = shell.run_cell(cells[number], store_history=False, silent=False)
            error = result.error_before_exec or result.error_in_exec
            if error is None:
                del stopped[number]
            else:
                stopped[number] = f"{type(error).__name__} ({error})"[:LONGEST_ERROR]
    return [[number + 1, error] for number, error in stopped.items()]


def found(asked: list[dict], handed: dict[str, tuple], names: dict) -> dict[str, tuple]:
    """For each exercise what was handed to its check, or else what is in the variables of its cell."""
    answers = {}
    for exercise in asked:
        kind, variables = exercise["kind"], exercise["answers"]
        if kind in handed:
            answers[kind] = handed[kind]
        elif all(name in names for name in variables):
            answers[kind] = tuple(names[name] for name in variables)
    return answers


def called(request: dict, answers: dict[str, tuple]) -> dict:
    """What a student's function returns for the grader's arguments, or how it stops."""
    from gdw_notebooks.checks.exercise import explain

    try:
        function = answers[request["kind"]][request["place"]]
        return {"returned": pack(function(*unpack(request["arguments"])))}
    except BaseException as error:  # a student's function may raise anything, SystemExit too
        return {"error": explain(error)[:LONGEST_ERROR]}


def _shell():
    """IPython without a kernel: it needs no network and understands what is not plain Python in notebooks."""
    import torch  # noqa: F401  (before the limits: its libraries take much address space)
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    from gdw.training.provenance import commit

    commit()  # asks git once, which the guard would refuse
    HistoryManager.enabled = False
    import matplotlib as mpl

    mpl.use("Agg")
    shell = InteractiveShell.instance()
    sys.stdout, sys.stderr = io.TextIOWrapper(io.FileIO(1, "w"), "utf-8"), io.TextIOWrapper(io.FileIO(2, "w"), "utf-8")
    return shell


if __name__ == "__main__":
    main()
