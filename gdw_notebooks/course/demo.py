"""Serves the classroom page: the course's panels without code, by Voilà, to this machine or to a room."""

import argparse
import getpass
import os
from pathlib import Path

from gdw.errors import require_package
from gdw_notebooks.course.room_address import EVERYWHERE
from gdw_notebooks.recorded import places

HELP = "serve the classroom page, without code, to this machine or to a room"
PAGE = "demo/classroom.ipynb"
PORT = 8866
PAGES = 60  # a class
SHORTEST_PASSWORD = 8  # characters
PASSWORD = "GDW_COURSE_PASSWORD"  # noqa: S105 - of the environment; an option would be seen by all users of the machine
# A page that has just opened, one with all its tabs open, the server with its warm parent, and the processor's time to
# open a page, rounded up: benchmarks/classroom.py
OPENED_MB, PAGE_MB, PARENT_MB, OPENED_S = 90, 250, 1300, 0.6
HUB_PREFIX = "JUPYTERHUB_SERVICE_PREFIX"  # of the environment that JupyterHub gives: /user/NAME/
PASSWORDS = "jupyter_server.auth.identity.PasswordIdentityProvider"


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--port", type=int, default=PORT, help=f"of the page (default: {PORT}, or the next free one)")
    add("--base-url", metavar="/PATH/", help="the page's path behind a proxy (on a JupyterHub it is known)")
    add("--no-browser", action="store_true", help="only print the page's address")
    add("--lan", action="store_true", help=f"answer to the network, by a password: typed, or from {PASSWORD}")
    add("--data", nargs="+", type=Path, default=[], metavar="FOLDER",
        help="folders of pictures that visitors may train on; no others are read")  # fmt: skip
    add("--pages", type=int, default=PAGES, help=f"most pages at a time (default: {PAGES})")
    add("--unseen", type=float, default=60, metavar="SECONDS",
        help="end a visit that never opens the page (default: 60)")  # fmt: skip


def main(options: argparse.Namespace) -> int:
    """Serve until it is interrupted."""
    for package in ("voila", "segno") if options.lan else ("voila",):
        require_package(package, "course", "gdw-course demo")
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
        ValueError: a password that is too short, or no room for a page.
    """
    if options.pages < 1:
        raise ValueError(f"--pages must be at least 1, got {options.pages}")
    arguments = [str(places.notebooks() / PAGE), f"--Voila.ip={EVERYWHERE if options.lan else '127.0.0.1'}"]
    arguments += _password() if options.lan else ["--Voila.auto_token=True"]
    arguments += [f"--Voila.base_url={path_of(options)}", f"--Voila.port={options.port}"]
    arguments += ["--Voila.port_retries=0"] if path_of(options) != "/" else []  # a proxy knows one port
    arguments += [f"--PageKernels.pages={options.pages}", f"--PageKernels.unseen_seconds={options.unseen}"]
    return [*arguments, "--no-browser"] if options.no_browser and not options.lan else arguments


def path_of(options: argparse.Namespace) -> str:
    """The page's path for browsers, between slashes: as given, else where a hub shows this port to its user."""
    hub = os.environ.get(HUB_PREFIX)
    path = (f"{hub}proxy/{options.port}" if hub else "") if options.base_url is None else options.base_url
    return f"/{path.strip('/')}/".replace("//", "/")


def _password() -> list[str]:
    """Jupyter's own login page; it keeps only the password's hash. Pages do not inherit the password."""
    from jupyter_server.auth.security import passwd

    given = os.environ.pop(PASSWORD, None) or getpass.getpass("Password for the room: ")
    if len(given) < SHORTEST_PASSWORD:
        raise ValueError(f"the room's password needs at least {SHORTEST_PASSWORD} characters, got {len(given)}")
    by_password = f"--Voila.identity_provider_class={PASSWORDS}"
    return [by_password, f"--PasswordIdentityProvider.hashed_password={passwd(given)}"]


def cost(pages: int) -> str:
    """What a number of pages needs of memory and of the processor."""
    gb, cores = (PARENT_MB + pages * PAGE_MB) / 1000, os.cpu_count() or 1
    return (
        f"An open page takes {OPENED_MB} to {PAGE_MB} MB of memory, so {pages} pages need up to {gb:.1f} GB "
        "(Windows: more). "
        f"If all open at once, it takes about {pages * OPENED_S / cores:.0f} s on the {cores} cores here; a page that "
        "trains keeps one core busy."
    )
