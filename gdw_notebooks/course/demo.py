"""Serves the classroom page on this machine: the course's panels without code, by Voilà."""

import argparse
import subprocess
import sys

from gdw.errors import require_package
from gdw_notebooks.recorded import places

HELP = "serve the classroom page, without code, to this machine"
PAGE = "demo/classroom.ipynb"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help="of the page (default: 8866)")
    parser.add_argument("--no-browser", action="store_true", help="only print the page's address")


def main(options: argparse.Namespace) -> int:
    """Serve until it is interrupted; returns Voilà's exit status."""
    require_package("voila", "course", "gdw-course demo")
    return subprocess.call(voila(options.port, options.no_browser))


def voila(port: int | None = None, no_browser: bool = False) -> list[str]:
    """The command. The page answers to this machine alone."""
    command = [sys.executable, "-m", "voila", str(places.notebooks() / PAGE), "--Voila.ip=127.0.0.1"]
    command += ["--VoilaConfiguration.extension_denylist=jupyterlab-jupytext"]  # an editor, of no use to a page
    command += ["--no-browser"] if no_browser else []
    return [*command, f"--Voila.port={port}"] if port else command
