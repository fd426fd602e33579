"""The sandbox of the operating system in which a student's notebooks run: bubblewrap, with a filter of system calls.

Inside there is the operating system, Python and this package, all read-only, and one empty folder in memory. There is
no network, no other process, no solution, no check and no file of the user's. Started as root, the grader gives every
sandbox an ordinary user of its own, because Linux does not limit root's processes.
"""

import os
import shutil
import site
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib as mpl

from gdw_notebooks.grading import system_calls
from gdw_notebooks.grading.shells import write_shells
from gdw_notebooks.recorded import places

PACKAGE = places.REPOSITORY  # the folder that holds gdw_notebooks
CHECKS = places.PACKAGE / "checks"
HOME = Path("/student")  # inside the sandbox
DISK_MB, SHARED_MB = 500, 64  # in memory: of the home, of /dev/shm
FIRST_USER = 61184  # no system gives these numbers to a person; the first number of what systemd leaves free
SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "fonts", "localtime")
COPIES = ("gdw_notebooks", *(f"{place}lib/python*/*-packages/gdw_notebooks" for place in ("", "local/", "envs/*/")))
WORKER = "gdw_notebooks.grading.worker"
PROBE = f"import sys, {WORKER} as worker; worker.become(int(sys.argv[1])); import gdw_notebooks.grading.system_calls"
PROBE_SECONDS = 60


@dataclass(frozen=True)
class Sandbox:
    """How students' processes are started.

    Args:
        hidden: files and folders that no notebook may see, wherever they are: the students' own.
        trusted: start them without any sandbox.
        folder: what every sandbox gets to read: the shells of the checks, and matplotlib's list of fonts.
        over: set to end all students' processes: what they have sent is then no answer.
    """

    hidden: tuple[Path, ...] = ()
    trusted: bool = False
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="gdw-grade-")))
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Sandbox":
        for name in ("checks", "fonts"):
            (self.folder / name).mkdir()
        write_shells(self.folder / "checks")
        for file in Path(mpl.get_cachedir()).glob("fontlist-*.json"):
            shutil.copyfile(file, self.folder / "fonts" / file.name)
        for path in (self.folder, *self.folder.rglob("*")):  # an ordinary user reads it
            path.chmod(0o755 if path.is_dir() else 0o644)
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, seat: int, own: Path) -> subprocess.Popen:
        """Start a student's process, which talks through its standard input and output.

        Args:
            seat: a number that no other running sandbox of this grader has.
            own: its home, where there is no sandbox.
        """
        python = [sys.executable, "-P", "-m", WORKER, str(self._user(seat))]
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        options["start_new_session"] = True  # Ctrl-C in the terminal is the grader's: it must not end a cell
        if self.trusted:
            fonts = self.folder / "fonts"
            options |= {"cwd": own, "env": _environment(own)}
            return subprocess.Popen([*python, str(fonts), "trusted"], **options)  # noqa: S603 - our own module, no shell
        return self._sandboxed([*python, "/fonts", "alone"], **options)

    def refusal(self) -> str:
        """Why no sandbox can be made on this system; empty: one can."""
        if sys.platform != "linux":
            return "there is no sandbox for notebooks on this system, only on Linux"
        if shutil.which("bwrap") is None:
            return "bubblewrap is not installed (on Debian and Ubuntu: sudo apt install bubblewrap)"
        if not system_calls.possible():
            return "the sandbox does not know this kind of processor"
        python = [sys.executable, "-P", "-c", PROBE, str(self._user(0))]
        probe = self._sandboxed(python, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            said = probe.communicate(timeout=PROBE_SECONDS)[1].decode("utf-8", "replace").strip().splitlines()
        except subprocess.TimeoutExpired:
            probe.kill()
            probe.communicate()
            said = [f"it has not started in {PROBE_SECONDS} s"]
        return f"bubblewrap does not work here: {said[-1] if said else 'it says nothing'}" if probe.returncode else ""

    def _user(self, seat: int) -> int:
        """Of the student at this seat; -1: the user who grades."""
        return FIRST_USER + seat if hasattr(os, "geteuid") and os.geteuid() == 0 and not self.trusted else -1

    def _sandboxed(self, python: Sequence[str], **options) -> subprocess.Popen:
        reading, writing = os.pipe()
        try:
            os.write(writing, system_calls.filter_bytes())
            os.close(writing)
            command = ["bwrap", *self._arguments(), "--seccomp", str(reading), "--", *python]
            return subprocess.Popen(command, pass_fds=[reading], env={"PATH": os.defpath}, cwd="/", **options)  # noqa: S603 - fixed words, no shell
        finally:
            os.close(reading)

    def _arguments(self) -> list[str]:
        arguments = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        arguments += ["--as-pid-1", "--die-with-parent", "--new-session", "--clearenv", "--hostname", "student"]
        # Root needs no name space of users, and must change to an ordinary user inside.
        privileges = ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
        arguments += ["--cap-drop", "ALL", *privileges] if self._user(0) >= 0 else ["--unshare-user"]
        for name, value in _environment(HOME).items():
            arguments += ["--setenv", name, value]
        roots = _roots()
        for path in _parents([*roots, HOME, CHECKS]):
            arguments += ["--perms", "0755", "--dir", str(path)]
        for path in roots:
            arguments += ["--ro-bind", str(path), str(path)]
        for name in SYSTEM:
            arguments += _system_folder(Path("/") / name)
        for name in SETTINGS:
            arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        for path in _secrets(roots, self.hidden):
            arguments += ["--perms", "0755", "--tmpfs", str(path), "--remount-ro", str(path)] if path.is_dir() else (
                ["--ro-bind", os.devnull, str(path)]
            )  # fmt: skip
        arguments += ["--ro-bind", str(self.folder / "checks"), str(CHECKS)]
        arguments += ["--ro-bind", str(self.folder / "fonts"), "/fonts", "--proc", "/proc"]
        arguments += ["--dev", "/dev", "--remount-ro", "/dev"]
        for path, size, mode in ((Path("/dev/shm"), SHARED_MB, "1777"), (HOME, DISK_MB, "0777")):  # noqa: S108 - of the sandbox
            arguments += ["--perms", mode, "--size", str(size * 2**20), "--tmpfs", str(path)]
        return [*arguments, "--remount-ro", "/", "--chdir", str(HOME)]


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the grader's own settings; home and temporary files in the given folder."""
    fixed = {"PATH": os.defpath, "PYTHONPATH": str(PACKAGE), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    fixed |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "LANG": "C.UTF-8", "USER": "student"}
    fixed |= {name: os.environ[name] for name in ("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR") if name in os.environ}
    homes = ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "APPDATA", "LOCALAPPDATA", "XDG_CACHE_HOME")
    kept = {"MPLCONFIGDIR": str(home / "matplotlib"), "IPYTHONDIR": str(home / "ipython")}
    return fixed | dict.fromkeys(homes, str(home)) | kept


def _roots() -> list[Path]:
    """What is bound, outer folders first: the system, Python, its packages, and the parts of this one."""
    parts = [PACKAGE / "gdw", places.PACKAGE, places.notebooks() / "histories", places.standing(), places.glossary()]
    packages = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    wanted = [Path("/usr"), Path(sys.base_prefix), Path(sys.prefix), *map(Path, packages), *parts]
    executables = [Path(sys.executable).parent, Path(sys.executable).resolve().parent]
    found = {path for path in (*wanted, *executables) if path.exists()}
    return sorted((path for path in found if not any(parent in found for parent in path.parents)), key=str)


def _secrets(roots: Sequence[Path], hidden: Sequence[Path]) -> Iterator[Path]:
    """What is bound with a root and must not be seen: solutions, other copies of the course, students' files."""
    copies = [path for root in roots for pattern in COPIES for path in root.glob(pattern)]
    solved = [places.notebooks() / "solutions", places.notebooks() / "source", places.site()]
    for path in (*solved, *(path for path in copies if path != places.PACKAGE), *(path.resolve() for path in hidden)):
        if path.exists() and any(root == path or root in path.parents for root in roots):
            yield path


def _parents(paths: Sequence[Path]) -> list[Path]:
    """Folders that bubblewrap would make for root alone."""
    return sorted({parent for path in paths for parent in path.parents if parent != Path("/")}, key=str)


def _system_folder(path: Path) -> list[str]:
    if path.is_symlink():
        return ["--symlink", os.readlink(path), str(path)]  # noqa: PTH115 - as it is written
    return ["--ro-bind", str(path), str(path)] if path.is_dir() else []
