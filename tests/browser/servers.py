"""Starts JupyterLab and Voilà on a free port of this machine, from a fresh copy of the course, and ends them again."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
import psutil

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 90  # a cold JupyterLab on a busy machine takes up to 20
STOP_SECONDS = 20  # it ends its kernels first

# JupyterLab asks at its first start whether it may fetch news: that would cover the page, and reach for the network.
QUIET_LAB = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
WHOLE_NOTEBOOK = {"windowingMode": "none"}  # every cell is in the page, also where nobody has scrolled to it


@dataclass(frozen=True)
class Server:
    """A running server; `root` is the folder it serves, where a test may write notebooks; `stop` ends it."""

    url: str
    token: str
    root: Path
    log: Path
    stop: Callable[[], None] = lambda: None


def copy_course(notebooks: Path, root: Path) -> None:
    """The notebooks and the files next to them, without outputs: a test then sees only what it made itself."""
    shutil.copytree(notebooks, root, ignore=shutil.ignore_patterns(".*", "source", "__pycache__"))
    for path in root.rglob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, path)


@contextmanager
def jupyterlab(root: Path, scratch: Path) -> Iterator[Server]:
    token = secrets.token_hex(16)
    _quiet(scratch)
    options = [
        "--no-browser",
        "--allow-root",
        f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={token}",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port_retries=0",
        "--LabApp.expose_app_in_browser=True",  # as window.jupyterapp
    ]
    with _serving("jupyterlab", options, "--ServerApp.port", f"/api/status?token={token}", root, scratch, token) as lab:
        yield lab


@contextmanager
def gdw_course(command: Path, folder: Path, scratch: Path, borrowed: dict[str, Path]) -> Iterator[Server]:
    """`gdw-course start FOLDER --no-browser`, run beside the folder; ``borrowed`` is added to its environment.

    The token is in the address that it prints.
    """
    port = _free_port()
    (scratch / "config").mkdir(parents=True)
    (scratch / "config" / "jupyter_lab_config.json").write_text('{"LabApp": {"expose_app_in_browser": true}}', "utf-8")
    _quiet(scratch)
    environment = _environment(scratch) | {name: str(path) for name, path in borrowed.items()}
    environment.pop("PYTHONPATH", None)  # it may lead to the repository
    start = [str(command), "start", folder.name, "--no-browser", "--port", str(port)]
    server = Server(f"http://127.0.0.1:{port}", "", folder, scratch / "gdw-course.log")
    with _running(start, server, "/login", folder.parent, environment) as running:
        yield running


def _quiet(scratch: Path) -> None:
    notebook = scratch / "lab" / "settings" / "@jupyterlab" / "notebook-extension"
    notebook.mkdir(parents=True)
    (notebook / "tracker.jupyterlab-settings").write_text(json.dumps(WHOLE_NOTEBOOK))
    settings = scratch / "lab" / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(QUIET_LAB))


@contextmanager
def voila(root: Path, scratch: Path) -> Iterator[Server]:
    # A static file tells that it is up; a visit to a page would start a kernel.
    options = [str(root), "--no-browser", "--Voila.ip=127.0.0.1", "--Voila.port_retries=0"]
    with _serving("voila", options, "--Voila.port", "/voila/static/voila.js", root, scratch, "") as page:
        yield page


# The command's own server for a page that starts at once: another notebook, and kernels that load nothing before.
DEMO = """
import sys
from gdw_notebooks.__main__ import main
from gdw_notebooks.course import demo, forked

demo.PAGE, forked.POSSIBLE = sys.argv[1], False
sys.exit(main(["demo", *sys.argv[2:]]))
"""


@contextmanager
def demo(notebook: Path, scratch: Path, *options: str) -> Iterator[Server]:
    """`gdw-course demo`, with this notebook in the classroom's place. Its token is in its log."""
    port = _free_port()
    server = Server(f"http://127.0.0.1:{port}", "", notebook.parent, scratch / "demo.log")
    command = [sys.executable, "-c", DEMO, str(notebook), "--no-browser", "--port", str(port), *options]
    with _running(command, server, "/login", REPOSITORY, _environment(scratch)) as running:
        (token,) = set(re.findall(r"\?token=(\w+)", running.log.read_text("utf-8")))
        yield replace(running, token=token)


@contextmanager
def _serving(
    module: str, options: list[str], port_option: str, ready: str, root: Path, scratch: Path, token: str
) -> Iterator[Server]:
    port = _free_port()
    command = [sys.executable, "-m", module, *options, f"{port_option}={port}"]
    server = Server(f"http://127.0.0.1:{port}", token, root, scratch / f"{module}.log")
    with _running(command, server, ready, REPOSITORY, _environment(scratch)) as running:  # voila.json is there
        yield running


@contextmanager
def _running(command: list[str], server: Server, ready: str, cwd: Path, environment: dict) -> Iterator[Server]:
    """The command, from when the page ``ready`` answers; its messages are in the server's log."""
    with server.log.open("w") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=cwd, env=environment
        )

    def stop() -> None:
        process.terminate()
        process.wait(STOP_SECONDS)

    try:
        _wait(process, server, ready)
        yield replace(server, stop=stop)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def command_of(process: psutil.Process) -> list[str]:
    """Of a process that may be over, or not ours to see: nothing then."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _environment(scratch: Path) -> dict[str, str]:
    """Nothing is read from, or left in, the home folder of the user who runs the tests."""
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "lab/settings",
        "JUPYTERLAB_WORKSPACES_DIR": "lab/workspaces",
        "IPYTHONDIR": "ipython",
    }
    return os.environ | {name: str(scratch / folder) for name, folder in folders.items()}


def end_kernels(server: Server) -> None:
    """What a test left running in JupyterLab; a kernel with torch in it holds 300 MB."""
    for session in json.loads(_ask(server, "GET", "/api/sessions")):
        _ask(server, "DELETE", f"/api/sessions/{session['id']}")


def _ask(server: Server, method: str, path: str) -> bytes:
    headers = {"Authorization": f"token {server.token}"}
    request = urllib.request.Request(server.url + path, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=STOP_SECONDS) as answer:
        return answer.read()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(process: subprocess.Popen, server: Server, ready: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(server.url + ready, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"{server.log.stem} did not start:\n" + server.log.read_text()[-3000:])
