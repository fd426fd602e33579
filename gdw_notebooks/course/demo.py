"""Serves the classroom page: the course's panels without code, by Voilà, to this machine or to a room."""

import argparse
import getpass
import os
from pathlib import Path

from gdw.errors import require_package
from gdw_notebooks.recorded import places

HELP = "serve the classroom page, without code, to this machine or to a room"
PAGE = "demo/classroom.ipynb"
PAGES = 40
SHORTEST_PASSWORD = 8  # characters
PAGE_MB, PARENT_MB = 250, 1300  # a page, and the server with its warm parent, rounded up: benchmarks/classroom.py
PASSWORDS = "jupyter_server.auth.identity.PasswordIdentityProvider"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help="of the page (default: 8866)")
    parser.add_argument("--no-browser", action="store_true", help="only print the page's address")
    parser.add_argument("--lan", action="store_true", help="answer to the network too; needs a password")
    parser.add_argument("--password", help="for --lan; it is asked for if this is left out")
    parser.add_argument("--data", nargs="+", type=Path, default=[], metavar="FOLDER",
                        help="folders of pictures that visitors may train on; no others are read")  # fmt: skip
    parser.add_argument("--pages", type=int, default=PAGES, help=f"most pages at a time (default: {PAGES})")
    parser.add_argument("--unseen", type=float, default=60, metavar="SECONDS",
                        help="end a visit that never opens the page (default: 60)")  # fmt: skip


def main(options: argparse.Namespace) -> int:
    """Serve until it is interrupted."""
    require_package("voila", "course", "gdw-course demo")
    from gdw_notebooks.course.page_server import PageServer, configure
    from gdw_notebooks.panels import served

    arguments = voila_options(options)
    os.environ[served.FOLDERS] = served.absolute(options.data)
    print(cost(options.pages), flush=True)
    server = PageServer.instance()
    configure(server)
    server.initialize(arguments)
    server.start()
    return 0


def voila_options(options: argparse.Namespace) -> list[str]:
    """Voilà's own options. Without ``--lan`` the page answers only to this machine, to users who have its token.

    Raises:
        ValueError: a password without ``--lan``, one that is too short, or no room for a page.
    """
    if options.pages < 1:
        raise ValueError(f"--pages must be at least 1, got {options.pages}")
    if options.password is not None and not options.lan:
        raise ValueError("--password is for --lan; without it the page answers to this machine alone, by a token")
    arguments = [str(places.notebooks() / PAGE), f"--Voila.ip={'0.0.0.0' if options.lan else '127.0.0.1'}"]  # noqa: S104 - only if the lecturer asks by --lan
    arguments += _password(options.password) if options.lan else ["--Voila.auto_token=True"]
    arguments += [f"--PageKernels.pages={options.pages}", f"--PageKernels.unseen_seconds={options.unseen}"]
    arguments += ["--no-browser"] if options.no_browser or options.lan else []
    return [*arguments, f"--Voila.port={options.port}"] if options.port else arguments


def _password(given: str | None) -> list[str]:
    """Jupyter's own login page; it keeps only the password's hash."""
    from jupyter_server.auth.security import passwd

    given = getpass.getpass("Password for the room: ") if given is None else given
    if len(given) < SHORTEST_PASSWORD:
        raise ValueError(f"the room's password needs at least {SHORTEST_PASSWORD} characters, got {len(given)}")
    by_password = f"--Voila.identity_provider_class={PASSWORDS}"
    return [by_password, f"--PasswordIdentityProvider.hashed_password={passwd(given)}"]


def cost(pages: int) -> str:
    """What so many pages need, in a sentence."""
    gb = (PARENT_MB + pages * PAGE_MB) / 1000
    return f"An open page takes about {PAGE_MB} MB of memory, so {pages} pages need about {gb:.1f} GB (Windows: more)."
