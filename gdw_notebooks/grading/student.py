"""The grader's side of a student's process: starts it in its own folder, sends it questions, and ends it in time."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from gdw_notebooks.checks.asked import Asked
from gdw_notebooks.grading.messages import LONGEST, BadMessage, line, pack, read, unpack

PACKAGE = Path(__file__).parents[2]  # the folder that holds gdw_notebooks
KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR")
# No network, and all that the process started ends with it. With -r for users who are not root.
ISOLATED = ("unshare", "--net", "--pid", "--fork", "--kill-child")
START_SECONDS = 120  # to import torch on a cold disk; not the student's time
END_SECONDS = 5


class OutOfTime(Exception):
    """The student's process did not answer in time."""


class Ended(Exception):
    """The student's process is gone."""


@cache
def isolation() -> tuple[str, ...]:
    """The command before Python that takes the network away; empty where this system allows none."""
    if shutil.which(ISOLATED[0]) is None:
        return ()
    for command in (ISOLATED, (*ISOLATED, "--map-root-user")):
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run([*command, "true"], capture_output=True, timeout=10, check=False)  # noqa: S603 - fixed arguments, no shell
            if done.returncode == 0:
                return command
    return ()


class Student:
    """One notebook in its own process; a context manager that ends it and removes its folder.

    Args:
        notebook: the whole file.
        cells: its code.
        asked: the exercises to look for.
        seconds: for all cells and all calls of the student's functions together.
        memory_mb: megabytes beyond what Python with torch takes.

    Attributes:
        cell: the number of the code cell that runs, from 1.
        stopped: cells that end with an error, each with it.
        refused: what the guard refused.
        left_out: limits that this system does not have.
    """

    def __init__(self, notebook: bytes, cells: Sequence[str], asked: Sequence[Asked], seconds: int, memory_mb: int):
        self.cell, self.stopped, self.refused, self.left_out = 0, [], [], []
        self._task = {
            "cells": list(cells), "seconds": seconds, "memory_mb": memory_mb,
            "asked": [{"kind": a.kind.__name__, "answers": a.answers} for a in asked],
        }  # fmt: skip
        self._notebook, self._seconds, self._lines = notebook, seconds, queue.Queue()

    def __enter__(self) -> "Student":
        self._folder = Path(tempfile.mkdtemp(prefix="gdw-grade-"))
        (self._folder / "notebook.ipynb").write_bytes(self._notebook)
        command = [*isolation(), sys.executable, "-P", "-m", "gdw_notebooks.grading.worker"]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell; the notebook is a file
            command, cwd=self._folder, env=_environment(self._folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        if hasattr(os, "killpg"):
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait(END_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def answers(self) -> dict[str, list]:
        """By the check's class what was handed to it; functions are stand-ins that ask the student's process.

        Raises:
            OutOfTime: the cells take too long.
            Ended: the process is gone.
            BadMessage: it sends what it should not.
        """
        self._deadline = time.monotonic() + START_SECONDS
        self._send(self._task)
        started = self._wait_for("started")
        self.left_out = [str(what) for what in started.get("left_out", [])]
        self._deadline = time.monotonic() + self._seconds
        message = self._wait_for("answers")
        try:
            self.stopped = [(int(number), str(error)) for number, error in message["stopped"]]
            packed = {str(kind): list(parts) for kind, parts in message["answers"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadMessage("the answers cannot be read") from error
        return {
            kind: [unpack(part, lambda k=kind, p=place: self._function(k, p)) for place, part in enumerate(parts)]
            for kind, parts in packed.items()
        }

    def _function(self, kind: str, place: int):
        """A stand-in for the student's function."""

        def ask(*arguments: object) -> object:
            self._send({"kind": kind, "place": place, "arguments": [pack(value) for value in arguments]})
            reply = self._next()
            if "error" in reply:
                raise RuntimeError(str(reply["error"]))
            return unpack(reply.get("returned"))

        return ask

    def _wait_for(self, name: str) -> dict:
        while name not in (message := self._next()):
            if isinstance(message.get("cell"), int):
                self.cell = message["cell"]
        return message

    def _next(self) -> dict:
        """The next message that is no note."""
        while True:
            try:
                text = self._lines.get(timeout=max(0.0, self._deadline - time.monotonic()))
            except queue.Empty:
                raise OutOfTime from None
            if text is None:
                raise Ended
            message = read(text)
            if "refused" not in message:
                return message
            self.refused.append(str(message["refused"]))

    def _send(self, message: dict) -> None:
        try:
            self._process.stdin.write(line(message))
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise Ended from None

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            while text := self._process.stdout.readline(LONGEST + 1):
                self._lines.put(text)
                if len(text) > LONGEST:
                    break
        self._lines.put(None)


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the grader's own settings but what Python needs to start; home and temporary files in the folder."""
    home = folder / "home"
    home.mkdir()
    homes = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "APPDATA", "LOCALAPPDATA"), str(home))
    homes |= {"MPLCONFIGDIR": str(_font_list(home)), "IPYTHONDIR": str(home / "ipython"), "XDG_CACHE_HOME": str(home)}
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    fixed = {"PYTHONPATH": str(PACKAGE), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    fixed |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    return kept | homes | fixed


def _font_list(home: Path) -> Path:
    """Matplotlib's list of fonts, copied: making it again takes seconds."""
    folder = home / "matplotlib"
    folder.mkdir()
    with suppress(ImportError, OSError):
        import matplotlib as mpl

        for file in Path(mpl.get_cachedir()).glob("fontlist-*.json"):
            json.loads(file.read_text("utf-8"))
            shutil.copy(file, folder)
    return folder
