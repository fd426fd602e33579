"""What a student's process may do: limits on time and memory, and a hook that refuses what a notebook does not need.

This is a guard and not a jail. The limits are the operating system's own. The hook sees what Python code does through
Python: it stops mistakes and simple mischief. Somebody who knows Python's inner workings can get around it. To grade
notebooks of strangers, run the grader in a container or a virtual machine.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

MEGABYTE = 2**20
SPARE_SECONDS = 10  # of processor time: the grader's own clock ends a notebook first, and can then say where
LARGEST_FILE_MB = 200
PROCESSES = 64  # and threads, added to those that the user has already; for root the system does not count
# What starts a program, uses the network, or reaches around Python. The names are those of Python's audit events.
REFUSED = (
    "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile",
    "pty.spawn", "os.kill", "os.killpg", "signal.pthread_kill", "socket.connect", "socket.bind", "socket.getaddrinfo",
    "socket.gethostbyname", "socket.sendto", "socket.sendmsg", "ctypes.dlopen", "ctypes.dlsym", "winreg.CreateKey",
    "winreg.SetValue", "winreg.DeleteKey",
)  # fmt: skip
# What changes files: how many of the event's first arguments are paths.
CHANGES = {
    "os.remove": 1, "os.rename": 2, "os.rmdir": 1, "os.mkdir": 1, "os.link": 2, "os.symlink": 2, "os.chmod": 1,
    "os.chown": 1, "os.truncate": 1, "os.utime": 1, "os.setxattr": 1, "os.removexattr": 1, "shutil.rmtree": 1,
    "shutil.move": 2, "os.chdir": 1,
}  # fmt: skip
READ_ONLY_COPIES = ("os.link", "os.symlink")  # their first path is only named
LONGEST_TOLD = 80  # characters
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def limit(seconds: int, memory_mb: int) -> list[str]:
    """Set the operating system's limits for this process and its children; returns what cannot be limited here.

    Args:
        seconds: of processor time from now on.
        memory_mb: megabytes beyond what this process has already.
    """
    try:
        import resource
    except ImportError:
        return ["memory and number of processes: this system has no such limits for Python, so only time is limited"]
    left_out = []
    wanted = {
        "RLIMIT_CPU": int(time.process_time()) + seconds + SPARE_SECONDS,
        "RLIMIT_CORE": 0, "RLIMIT_FSIZE": LARGEST_FILE_MB * MEGABYTE,
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
            left_out.append(name.removeprefix("RLIMIT_"))
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        left_out.append("number of processes: root is not limited")
    return left_out


def watch(folder: Path, told: Callable[[str], None]) -> None:
    """From now on refuse what a notebook does not need, with a ``PermissionError``.

    Args:
        folder: files may be changed in it and nowhere else.
        told: is given the name of each thing that was refused.
    """
    root, null, busy = os.path.realpath(folder), os.path.realpath(os.devnull), threading.local()

    def inside(path: object, directory: object = -1) -> bool:
        if isinstance(path, int):  # a file that is open already
            return True
        path = os.fsdecode(path)
        if isinstance(directory, int) and directory >= 0 and not Path(path).is_absolute():
            path = os.path.join(os.readlink(f"/proc/self/fd/{directory}"), path)  # noqa: PTH118, PTH115
        path = os.path.realpath(path)
        return path in (null, root) or path.startswith(root + os.sep)

    def allowed(event: str, arguments: tuple) -> bool:
        if event == "open":
            path, mode, flags = arguments
            writes = any(letter in (mode or "") for letter in "wax+") or (flags or 0) & WRITE_FLAGS
            return not writes or path is None or inside(path)
        if event in CHANGES:
            first = 1 if event in READ_ONLY_COPIES else 0
            directory = arguments[-1] if event in ("os.remove", "os.rmdir", "os.mkdir", "os.chmod") else -1
            return all(inside(path, directory) for path in arguments[first : CHANGES[event]] if path is not None)
        return event not in REFUSED

    def hook(event: str, arguments: tuple) -> None:
        if getattr(busy, "on", False) or (event != "open" and event not in CHANGES and event not in REFUSED):
            return
        busy.on = True
        try:
            if not allowed(event, arguments):
                told(f"{event} {arguments[0]}"[:LONGEST_TOLD] if arguments else event)
                raise PermissionError(f"{event} is not allowed while a notebook is graded")
        finally:
            busy.on = False

    sys.addaudithook(hook)


def _address_space() -> int | None:
    """Bytes of address space that this process has now; None: not known on this system."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _threads_of_user() -> int | None:
    """Threads that this user has now; None: not known on this system."""
    count = 0
    try:
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and process.stat().st_uid == os.getuid():
                count += len(list((process / "task").iterdir()))
    except (OSError, AttributeError):  # a process that has just ended, or no /proc
        return count or None
    return count or None
