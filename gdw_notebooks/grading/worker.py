"""The student's process: runs notebooks' cells and hands in answers; it imports everything once, and forks for each.

The grader starts it as ``python -P -m gdw_notebooks.grading.worker USER FONTS alone`` in a sandbox. What it sends
are claims of an untrusted process: no verdict is made here.
"""

import builtins
import contextlib
import ctypes
import gc
import importlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

MEGABYTE = 2**20
LARGEST_FILE_MB, OPEN_FILES = 200, 256
PROCESSES = 64  # and threads, added to those that the user has already
LONGEST_ERROR = 200  # characters
LACKING = re.compile(r"allocate memory|start new thread|\b(CUDA|NVIDIA|MPS|mps)\b")  # in PyTorch's and Python's errors
ALONE = "alone"  # in a sandbox: all processes that it sees are its own
DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
PRELOADED = (
    "torch", "pandas", "matplotlib.backends.backend_agg", "matplotlib.pyplot", "ipywidgets",
    "torch._dynamo", "gdw", "gdw.comparison.report", "gdw_notebooks.panels.training_lab",
    "gdw_notebooks.panels.review", "gdw_notebooks.recorded.standing",
)  # fmt: skip


class OutOfTime(BaseException):
    """Raised in a cell or in a student's function whose time is over."""


def limited(error: BaseException) -> bool:
    """Whether the sandbox may be why: its limits, or a file, a package, a keyboard or a device that it lacks."""
    from IPython.core.error import UsageError  # a magic that is not known here

    from gdw_notebooks.checks.exercise import explain

    told = isinstance(error, RuntimeError | AssertionError) and LACKING.search(explain(error)) is not None
    kinds = OSError | ImportError | EOFError | subprocess.SubprocessError | UsageError
    return told or isinstance(error, OutOfTime | MemoryError | kinds)


class Pipes:
    """The two pipes to the grader; what the notebook prints goes nowhere.

    Attributes:
        owner: the process that may use them. A cell can fork: both processes would go on, and one is enough.
    """

    def __init__(self):
        self.owner = os.getpid()
        self._in, self._out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)

    def send(self, **message: object) -> None:
        from gdw_notebooks.grading.messages import line

        if os.getpid() != self.owner:
            os._exit(0)
        self._out.write(line(message))
        self._out.flush()

    def receive(self) -> dict | None:
        """The grader's next message; None: it has closed the pipe."""
        text = self._in.readline()
        return json.loads(text) if text else None


class Timer:
    """Interrupts what uses too much processor time, where the system can: the grader ends what does not listen."""

    def __init__(self, seconds: int):
        self._seconds = seconds if hasattr(signal, "setitimer") else 0
        if self._seconds:
            signal.signal(signal.SIGPROF, self._over)

    @contextlib.contextmanager
    def running(self):
        """Interrupt what runs in this block; a block inside another one has a time of its own."""
        outer = signal.setitimer(signal.ITIMER_PROF, self._seconds, 1) if self._seconds else ()  # each second again
        try:
            yield
        finally:
            if self._seconds:
                signal.setitimer(signal.ITIMER_PROF, *outer)

    def _over(self, *_: object) -> None:
        raise OutOfTime(f"ended after {self._seconds} s")


class Notebook:
    """One notebook in this process."""

    def __init__(self, pipes: Pipes, shell, timer: Timer, task: dict):
        self._pipes, self._shell, self._timer, self._task = pipes, shell, timer, task
        self._asked = {exercise["kind"]: exercise["answers"] for exercise in task["asked"]}
        self._answered, self._seen, self._builtins = set(), {}, dict(vars(builtins))

    def run(self) -> bool:
        """Run the cells from top to bottom, then once more those that stopped: one may need another below it.

        Returns whether that was all: if cells were left out and one stopped, they all have to run, in a new process.
        """
        from gdw_notebooks.checks import Exercise, Feedback
        from gdw_notebooks.checks.exercise import explain
        from gdw_notebooks.grading.needed import not_needed

        def hand_in(exercise, *answer):
            kind = type(exercise).__name__
            if kind in self._asked and self._hand_in(kind, answer, called=True):
                self._answered.add(kind)
            return Feedback(exercise.title, "not answered yet", "It is handed in.")

        Exercise.__call__, self._pipes.owner = hand_in, os.getpid()
        sys.path.insert(0, "")  # as in Jupyter: a module that a cell has written is found
        stopped: dict[int, BaseException] = {}
        checks = [exercise["check"] for exercise in self._task["asked"]]
        left_out = not_needed(self._task["cells"], self._task["ours"], checks)
        leave = {*self._task["skip"], *left_out}
        self._run_cells([n for n in range(1, len(self._task["cells"]) + 1) if n not in leave], stopped)
        if left_out and not all(isinstance(error, OutOfTime) for error in stopped.values()):
            return False
        self._run_cells([number for number, error in stopped.items() if not isinstance(error, OutOfTime)], stopped)
        told = [[number, explain(error)[:LONGEST_ERROR], limited(error)] for number, error in sorted(stopped.items())]
        self._pipes.send(stopped=told)
        return True

    def _run_cells(self, numbers: list[int], stopped: dict[int, BaseException]) -> None:
        for number in numbers:
            self._pipes.send(cell=number)
            error = self._run_cell(self._task["cells"][number - 1])
            _repair(self._builtins)
            self._hand_in_variables()
            stopped.pop(number, None)
            if error is not None:
                stopped[number] = error

    def _run_cell(self, code: str) -> BaseException | None:
        try:
            with self._timer.running():
                result = self._shell.run_cell(code, store_history=False, silent=False)
            return result.error_before_exec or result.error_in_exec
        except BaseException as error:
            return error

    def _hand_in_variables(self) -> None:
        """What is in an exercise's variables, as long as its check was not called on an answer."""
        from gdw_notebooks.grading.messages import packed

        names = self._shell.user_ns
        for kind, variables in self._asked.items():
            if kind in self._answered or not all(name in names for name in variables):
                continue
            answer = tuple(names[name] for name in variables)
            seen = [*map(id, answer)], [*map(packed, answer)]  # a list may have changed in place
            if seen != self._seen.get(kind):
                self._seen[kind] = seen
                self._hand_in(kind, answer, called=False)

    def _hand_in(self, kind: str, answer: tuple, *, called: bool) -> bool:
        """Wait for the grader, and whether it has found more than placeholders."""
        from gdw_notebooks.grading.messages import packed

        self._pipes.send(answer_to=kind, called=called, parts=[packed(part) for part in answer])
        while "judged" not in (request := self._pipes.receive() or {"judged": False}):
            self._pipes.send(**self._called(answer[request["place"]], request["arguments"]))
        return request["judged"]

    def _called(self, function, arguments: list) -> dict:
        """What a student's function returns for the grader's arguments, or how it stops."""
        from gdw_notebooks.checks.exercise import explain
        from gdw_notebooks.grading.messages import packed, unpack

        try:
            with self._timer.running():
                return {"returned": packed(function(*unpack(arguments)))}
        except BaseException as error:  # a student's function may raise anything, SystemExit too
            return {"error": explain(error)[:LONGEST_ERROR], "limited": limited(error)}


def main() -> None:
    pipes = Pipes()
    become(int(sys.argv[1]))
    home = Path(os.environ["HOME"])
    with contextlib.suppress(OSError):
        shutil.copytree(sys.argv[2], os.environ["MPLCONFIGDIR"], dirs_exist_ok=True, copy_function=shutil.copyfile)
    settings, shell = pipes.receive(), _shell()
    gc.freeze()  # a collection in a fork would copy all that is imported
    pipes.send(ready=True, left_out=limit(settings["memory_mb"]))
    while (task := pipes.receive()) is not None:
        _make_empty(home)
        timer = Timer(settings["seconds"])
        if not hasattr(os, "fork"):
            Notebook(pipes, shell, timer, task | {"ours": []}).run()
            pipes.send(ended=0)
            return
        ended = _forked(Notebook(pipes, shell, timer, task).run)
        if ended and task["ours"]:  # it did not come to its end without the cells that were left out
            _make_empty(home)
            ended = _forked(Notebook(pipes, shell, timer, task | {"ours": []}).run)
        pipes.send(ended=ended)


def _forked(run: Callable[[], bool]) -> int:
    """Run it in a process of its own, and end what that has started; returns its exit code: 0 for True."""
    child = os.fork()
    if child == 0:
        done = False
        with contextlib.suppress(BaseException):
            done = run()
        os._exit(not done)
    while (ended := os.wait())[0] != child:  # the first process of a sandbox gets those whose parent is gone
        pass
    if sys.argv[3] == ALONE:  # what the notebook has started and left
        with contextlib.suppress(OSError):
            os.kill(-1, signal.SIGKILL)
            while True:
                os.wait()
    return os.waitstatus_to_exitcode(ended[1])


def become(user: int) -> None:
    """Change from root to an ordinary user, for ever; -1: stay."""
    if user >= 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)  # bubblewrap's --die-with-parent ends with a change


def limit(memory_mb: int) -> list[str]:
    """Set the operating system's limits for this process and its children; returns what cannot be limited here."""
    try:
        import resource
    except ImportError:
        return ["this system has no limits on memory and processes for Python"]
    left_out = []
    wanted = {
        "RLIMIT_CORE": 0, "RLIMIT_FSIZE": LARGEST_FILE_MB * MEGABYTE, "RLIMIT_NOFILE": OPEN_FILES,
        "RLIMIT_AS": (size := _address_space()) and size + memory_mb * MEGABYTE,
        "RLIMIT_NPROC": (threads := _threads_of_user()) and threads + PROCESSES,
    }  # fmt: skip
    for name, value in wanted.items():
        try:
            kind = getattr(resource, name)
            highest = resource.getrlimit(kind)[1]
            value = value if highest == resource.RLIM_INFINITY else min(value, highest)
            resource.setrlimit(kind, (value, value))
        except (AttributeError, TypeError, ValueError, OSError):  # None: the present size is not known here
            left_out.append(f"no limit on {name.removeprefix('RLIMIT_')}")
    return left_out


def _address_space() -> int | None:
    """Bytes of address space that this process has now; None: not known on this system."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _threads_of_user() -> int | None:
    """Threads that this user has in this sandbox; None: not known on this system."""
    count = 0
    with contextlib.suppress(OSError, AttributeError):  # a process that has just ended, or no /proc
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and process.stat().st_uid == os.getuid():
                count += len(list((process / "task").iterdir()))
    return count or None


def _make_empty(home: Path) -> None:
    """Nothing of an earlier notebook is left; the next one starts in a new folder."""
    for path in home.iterdir():
        if path.name != "matplotlib":
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else path.unlink()
    folder = home / "notebook"
    folder.mkdir()
    os.chdir(folder)


def _shell():
    """IPython without a kernel: it needs no network and understands what is not plain Python in notebooks."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    from gdw.experiments.provenance import commit

    commit()  # asks git once
    HistoryManager.enabled = False
    for name in ("enable_gui", "ask_exit", "showtraceback", "showsyntaxerror"):  # of a kernel, or shown to nobody
        setattr(InteractiveShell, name, lambda *anything, **more: None)
    InteractiveShell.enable_matplotlib = lambda *anything, **more: ("agg", "agg")  # whichever: nothing is drawn
    shell = InteractiveShell.instance()
    with contextlib.suppress(ImportError):
        from ipykernel.zmqshell import KernelMagics

        shell.register_magics(KernelMagics)  # %autosave and others, which every notebook's kernel knows
    return shell


def _repair(names: dict) -> None:
    """What a cell may have spoilt for the cells below it, and for this program: Python's own functions, the streams."""
    vars(builtins).update(names)
    for name in ("stdout", "stderr"):
        if getattr(getattr(sys, name, None), "closed", True):
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.devnull, "w"), "utf-8"))


if __name__ == "__main__":
    main()
