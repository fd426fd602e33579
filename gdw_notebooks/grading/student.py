"""The grader's side of a student's process: sends it notebooks, hears what is handed in, and ends it in time."""

import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from gdw_notebooks.checks.asked import Asked
from gdw_notebooks.checks.exercise import NotRun
from gdw_notebooks.grading.messages import LONGEST, BadMessage, line, pack, read, unpack
from gdw_notebooks.grading.sandbox import Sandbox
from gdw_notebooks.grading.watch import Limits, Watch

START_SECONDS = 300  # to import torch on a cold disk and a busy machine; not the student's time
END_SECONDS = 20
MOST_MESSAGES, LONG = 20_000, 1000  # of a notebook; one of more characters counts as several
MOST_WAITING = 50  # messages that are read before the grader gets to them
MOST_TOLD = 200  # characters of an error

Judge = Callable[[str, list, bool], object]


class Stopped(NotRun):
    """The student's processes were ended, or ended themselves; the message says why."""


class Student:
    """The process in which one student's notebooks run, one after another; a context manager.

    Attributes:
        cell: number of the code cell that runs, from 1.
        left_out: limits that this system does not have.
    """

    def __init__(self, sandbox: Sandbox, seat: int, limits: Limits):
        self.cell, self.left_out = 0, []
        self._sandbox, self._seat, self._limits, self._process = sandbox, seat, limits, None

    def __enter__(self) -> "Student":
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def run(
        self, cells: Sequence[str], asked: Sequence[Asked], skip: Sequence[int], judge: Judge, ours: Sequence[int] = ()
    ) -> list[list]:
        """Run a notebook's cells; returns the cells that stop, each with its error and whether the sandbox was why.

        Args:
            skip: numbers of cells that are left out.
            judge: is given what is handed in, while the cell waits: the check's class, its answers, and whether the
                check was called (otherwise they are the values of its variables). It returns False if they are
                placeholders.
            ours: numbers of the course's own cells, which run only if an answer needs them.

        Raises:
            Stopped: a limit was reached, or the process ended, or it sent what it should not.
            KeyboardInterrupt: the grading is over.
        """
        self.cell, self._left = 0, MOST_MESSAGES
        if self._process is None:
            self._start()
        self._watch.notebook()
        try:
            exercises = [{"kind": a.kind.__name__, "check": a.check, "answers": a.answers} for a in asked]
            self._send({"cells": list(cells), "asked": exercises, "skip": list(skip), "ours": list(ours)})
            return self._listen(len(cells), judge)
        except BadMessage as error:
            self.end()
            raise Stopped(str(error)) from None
        finally:
            if self._process is not None:
                self._watch.pause(True)

    def end(self) -> None:
        """End the process; the next notebook starts another one."""
        if self._process is None:
            return
        self._watch.end()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()
        with suppress(subprocess.TimeoutExpired):  # killed, and still waiting for a disk
            self._process.wait(END_SECONDS)
        shutil.rmtree(self._own, ignore_errors=True)
        self._process = None

    def _start(self) -> None:
        self._own = Path(tempfile.mkdtemp(prefix="gdw-grade-"))
        self._lines = queue.Queue(MOST_WAITING)
        self._process = self._sandbox.start(self._seat, self._own)
        self._watch = Watch(self._process.pid, self._limits, self._sandbox.over)
        self._watch.start()
        threading.Thread(target=self._read, args=(self._process.stdout, self._lines), daemon=True).start()
        self._send({"memory_mb": self._limits.memory_mb, "seconds": self._limits.cell_seconds})
        ready = self._next(START_SECONDS)
        self.left_out = [str(what) for what in ready.get("left_out", [])]

    def _listen(self, cells: int, judge: Judge) -> list[list]:
        while True:
            message = self._next()
            if "cell" in message:
                self.cell = _whole(message["cell"], 1, cells)
                self._watch.cell()
            elif "answer_to" in message:
                self._hand_in(message, judge)
            elif "stopped" in message:
                if "ended" not in self._next():
                    raise BadMessage("a message came after the last cell")
                return [self._stop(one, cells) for one in list(message["stopped"])]
            elif "ended" in message:
                raise Stopped(f"Python ended in code cell {self.cell}")
            else:
                raise BadMessage("a message has no meaning")

    def _hand_in(self, message: dict, judge: Judge) -> None:
        try:
            kind, parts, called = str(message["answer_to"]), list(message["parts"]), bool(message["called"])
        except (KeyError, TypeError) as error:
            raise BadMessage("an answer cannot be read") from error
        self._watch.pause(True)
        answer = [unpack(part, lambda p=place: self._function(p)) for place, part in enumerate(parts)]
        found = judge(kind, answer, called)
        self._watch.pause(False)
        self._send({"judged": found is not False})

    def _function(self, place: int) -> Callable:
        """A stand-in for the student's function."""

        def ask(*arguments: object) -> object:
            self._watch.cell()
            self._watch.pause(False)
            self._send({"place": place, "arguments": [pack(value) for value in arguments]})
            reply = self._next()
            self._watch.pause(True)
            if "error" in reply:
                how, why = (NotRun, "the function stops with ") if reply.get("limited") else (RuntimeError, "")
                raise how(f"{why}{reply['error']}"[:MOST_TOLD])
            return unpack(reply.get("returned"))

        return ask

    @staticmethod
    def _stop(one: object, cells: int) -> list:
        try:
            number, error, limited = one
        except (TypeError, ValueError):
            raise BadMessage("the list of errors cannot be read") from None
        return [_whole(number, 1, cells), str(error)[:MOST_TOLD], bool(limited)]

    def _next(self, seconds: float | None = None) -> dict:
        try:
            text = self._lines.get(timeout=seconds)
        except queue.Empty:
            text = None
        if self._sandbox.over.is_set():  # one whose cell was ended may still go on
            raise KeyboardInterrupt
        self._left -= 1 + len(text or b"") // LONG
        if self._left < 0:
            raise BadMessage("too many messages, or too long ones")
        if text is None:
            where = f"ended in code cell {self.cell}" if self.cell else "did not start"
            reason = self._watch.broken or f"Python {where}"
            self.end()
            raise Stopped(reason)
        return read(text)

    def _send(self, message: dict) -> None:
        with suppress(OSError, ValueError):  # a process that is gone is found by the next message
            self._process.stdin.write(line(message))
            self._process.stdin.flush()

    @staticmethod
    def _read(pipe, lines: queue.Queue) -> None:
        with suppress(OSError, ValueError):
            while text := pipe.readline(LONGEST + 1):
                _put(lines, text)
                if len(text) > LONGEST:
                    break
        _put(lines, None)


def _put(lines: queue.Queue, text: bytes | None) -> None:
    deadline = time.monotonic() + START_SECONDS  # nobody reads any more
    with suppress(queue.Full):
        lines.put(text, timeout=max(0.0, deadline - time.monotonic()))


def _whole(number: object, lowest: int, highest: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not lowest <= number <= highest:
        raise BadMessage("a message has a cell that there is not")
    return number
