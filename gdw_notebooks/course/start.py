"""Copies the notebooks to a folder of the user's and opens JupyterLab there; never writes over the user's own work."""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gdw.errors import require_package
from gdw_notebooks.course.release import linked
from gdw_notebooks.recorded import places

HELP = "copy the notebooks to a folder and open JupyterLab there"
FOLDER = Path("gdw-course")
FIRST = "00_start_here.ipynb"
NOTES = ".gdw-course.json"  # in the user's folder: the hash of each copied file: a later copy sees what changed
COPIED = ("*.ipynb", "*.md", "demo/*.ipynb")  # no solutions: they stay in the package
PAGES = ("*.md", "*.svg", "teaching/*.md")  # of docs, the folder beside the course's


@dataclass
class Copied:
    """What a copy did, as paths inside the folder."""

    new: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help=f"where to (default: {FOLDER})")
    parser.add_argument("--copy-only", action="store_true", help="do not open JupyterLab")
    parser.add_argument("--no-browser", action="store_true", help="start JupyterLab and only print its address")
    parser.add_argument("--port", type=int, help="of JupyterLab (default: the first free one from 8888)")


def main(options: argparse.Namespace) -> int:
    """Copy, say what was kept, and become JupyterLab (on Windows: wait for it); returns the exit status."""
    if not options.copy_only:
        require_package("jupyterlab", "course", "gdw-course start")
    copied = copy_course(options.folder)
    print(sentence(copied, options.folder))
    if options.copy_only:
        return 0
    command = jupyterlab(options.folder, options.no_browser, options.port)
    if os.name != "nt":  # a signal to this process then reaches JupyterLab
        sys.stdout.flush()
        os.execv(command[0], command)  # noqa: S606 - the user's own command line, no shell
    return subprocess.call(command)  # noqa: S603 - as above


def jupyterlab(folder: Path, no_browser: bool = False, port: int | None = None) -> list[str]:
    """The command that serves the folder, its first notebook open."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.resolve()}"]
    command += ["--no-browser", f"--LabApp.default_url=/lab/tree/{FIRST}"] if no_browser else []  # in what it prints
    command += [f"--ServerApp.port={port}"] if port else []
    return [*command, *as_root(), str(folder.resolve() / FIRST)]


def as_root() -> list[str]:
    """In a container one is root, and Jupyter wants to be told that this is meant."""
    return ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def copy_course(folder: Path, source: Path | None = None) -> Copied:
    """Copy the notebooks, and the pages that they link to; a file that the user changed stays as it is.

    A file counts as changed unless it is what an earlier copy wrote: the hashes of those are in the folder's notes.

    Raises:
        NotADirectoryError: ``folder`` is a file.
        ValueError: ``folder`` is the course's own.
    """
    source = source or places.notebooks()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; name a folder, or none for {FOLDER}")
    if folder.resolve() == source.resolve():
        raise ValueError(f"{folder} is the folder that the course is copied from; name another one")
    written, copied = _notes(folder), Copied()
    for name, ours in _files(source):
        theirs = folder / name
        if not theirs.exists() and name not in written:
            _write(theirs, ours)
            copied.new.append(name)
        elif theirs.exists() and theirs.read_bytes() == ours:
            copied.same.append(name)
        elif theirs.exists() and _hash(theirs.read_bytes()) != written.get(name):
            copied.kept.append(name)
            continue
        else:  # as an earlier version of the course wrote it, or removed since then
            _write(theirs, ours)
            copied.renewed.append(name)
        written[name] = _hash(ours)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NOTES).write_text(json.dumps(written, indent=1) + "\n", "utf-8")
    return copied


def sentence(copied: Copied, folder: Path) -> str:
    """What a copy did, in words for the user."""
    counts = {"new": copied.new, "renewed": copied.renewed, "as before": copied.same}
    told = ", ".join(f"{len(names)} {what}" for what, names in counts.items() if names)
    text = f"The course is in {folder.resolve()}: {told or 'nothing new'}."
    if copied.kept:
        names = "\n  ".join(copied.kept)
        text += f"\nYou changed these files, so they stay as they are (copy to another folder to get ours):\n  {names}"
    return text


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    """Files of a copy by their path in it, with / on every system, and what is in them."""
    for pattern in COPIED:
        for path in sorted(source.glob(pattern)):
            yield path.relative_to(source).as_posix(), linked(path.read_text("utf-8")).encode("utf-8")
    for pattern in PAGES:
        for path in sorted((source.parent / "docs").glob(pattern)):
            yield path.relative_to(source.parent).as_posix(), path.read_bytes()


def _notes(folder: Path) -> dict[str, str]:
    """Hashes of what was copied before; none where the notes are missing or damaged: then all that differs is kept."""
    try:
        found = json.loads((folder / NOTES).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
