"""What a student's processes use, seen from outside: processor time, memory and their number."""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import psutil

POLL_SECONDS = 0.2
PROCESSES = 64  # and threads, at once
MEGABYTE = 2**20
WHOLE = "the notebook was ended"  # so begins what is said when all of it took too long


@dataclass(frozen=True)
class Limits:
    """For a notebook.

    Args:
        cell_seconds: for a cell, of processor time, or of waiting for something other than a processor.
        memory_mb: beyond what Python with torch takes, for all its processes together.
        cells: a notebook may take as long as this number of cells.
    """

    cell_seconds: int = 180
    memory_mb: int = 3000
    cells: int = 5

    @property
    def notebook_seconds(self) -> int:
        return self.cells * self.cell_seconds


class Watch(threading.Thread):
    """Counts a student's seconds, and ends all its processes at a limit.

    A second counts if the student's processes compute, or if none of them wants a processor or a disk: a busy machine
    takes nothing from anybody.

    Args:
        pid: the process that all others are children of.
        over: set to end them.

    Attributes:
        broken: which limit was reached; empty: none.
    """

    def __init__(self, pid: int, limits: Limits, over: threading.Event):
        super().__init__(daemon=True)
        self.broken, self._limits, self._over, self._root = "", limits, over, psutil.Process(pid)
        self._base_mb, self._cell, self._notebook, self._paused, self._ended = 0.0, 0.0, 0.0, True, threading.Event()

    def notebook(self) -> None:
        """A notebook begins."""
        self._base_mb = self._base_mb or sum(map(_own_mb, self._processes()))
        self._cell, self._notebook, self._paused = 0.0, 0.0, False

    def cell(self) -> None:
        """A cell begins."""
        self._cell = 0.0

    def pause(self, paused: bool) -> None:
        """While the grader works, no second counts."""
        self._paused = paused

    def end(self) -> None:
        """End all processes, and wait until they are gone."""
        self._ended.set()
        kill_all(self._root)

    def run(self) -> None:
        before, then = self._seconds(self._processes()), time.monotonic()
        while not self._ended.wait(POLL_SECONDS):
            processes, now = self._processes(), time.monotonic()
            used = max(before, self._seconds(processes))  # less: one ended while it was asked, and is counted next time
            spent = max(used - before, now - then if idle(processes) else 0.0)
            before, then = used, now
            if not self._paused:
                self._cell, self._notebook = self._cell + spent, self._notebook + spent
                self.broken = self._reached(processes)
            if self.broken or self._over.is_set():
                kill_all(self._root)
                return

    def _reached(self, processes: list[psutil.Process]) -> str:
        limits = self._limits
        if self._cell > 1.25 * limits.cell_seconds + 2:  # the worker interrupts a cell earlier, and goes on
            return f"ended after {limits.cell_seconds} s"
        if self._notebook > limits.notebook_seconds:
            return f"{WHOLE} after {limits.notebook_seconds} s"
        if sum(map(_threads, processes)) > 2 * PROCESSES:
            return "it started too many processes"
        most = self._base_mb + limits.memory_mb
        if sum(map(_resident_mb, processes)) > most and sum(map(_own_mb, processes)) > most:
            return f"it took more than {limits.memory_mb} MB"
        return ""

    def _processes(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            return [self._root, *self._root.children(recursive=True)]
        return []

    @staticmethod
    def _seconds(processes: list[psutil.Process]) -> float:
        """Of these processes, and of those children of theirs that are over."""
        total = 0.0
        for one in processes:
            with suppress(psutil.Error):
                times = one.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total


def kill_all(root: psutil.Process) -> None:
    """End a process and all that it has started."""
    with suppress(psutil.Error):
        for one in [*root.children(recursive=True), root]:
            with suppress(psutil.Error):
                one.kill()


def idle(processes: list[psutil.Process]) -> bool:
    """Whether none of them wants a processor, and not all that have no child wait for a disk.

    One that waits for a vfork looks like one that waits for a disk; but what it has started does not.
    """
    states: dict[int, str] = {}
    parents: set[int] = set()
    for one in processes:
        with suppress(psutil.Error):
            states[one.pid] = one.status()
            parents.add(one.ppid())
    last = {state for pid, state in states.items() if pid not in parents}
    return psutil.STATUS_RUNNING not in states.values() and last != {psutil.STATUS_DISK_SLEEP}


def _threads(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return process.num_threads()
    return 0


def _resident_mb(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return process.memory_info().rss / MEGABYTE
    return 0.0


def _own_mb(process: psutil.Process) -> float:
    """Its own memory and its share of what several processes hold; where the system does not say, all of it."""
    with suppress(psutil.Error, AttributeError):
        return process.memory_full_info().pss / MEGABYTE
    return _resident_mb(process)
