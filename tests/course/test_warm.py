"""The warm parent: it has loaded what pages need, holds nothing that a fork must not have, and no page outlives it."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gdw_notebooks.course import forked

pytest.importorskip("ipykernel")
pytestmark = pytest.mark.skipif(not forked.POSSIBLE, reason="no process is forked on this system")

# The modules that only a page loads are counted by a second classroom, whose tabs are all opened.
SCRIPT = """
import json, os, sys
import comm, torch
from ipywidgets.widgets import widget
from gdw_notebooks.course import warm

warm.load()
found = {"threads": len(os.listdir("/proc/self/task")), "widgets": len(widget._instances),
         "cuda": torch.cuda.is_initialized(), "targets": sorted(comm.get_comm_manager().targets)}
before = set(sys.modules)
from gdw_notebooks.panels.classroom import Classroom

room = Classroom()
for tab in range(len(room.children)):
    room.selected_index = tab
torch.optim.Adam([torch.zeros(1, requires_grad=True)])
print(json.dumps(found | {"late": sorted(set(sys.modules) - before)}))
"""


def test_the_parent_has_loaded_all_and_holds_no_thread_no_widget_and_no_gpu():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=300)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {
        "threads": 1, "widgets": 0, "cuda": False, "targets": ["jupyter.widget", "jupyter.widget.control"], "late": [],
    }  # fmt: skip


# A server, its warm parent, which loads the kernel alone, and one page.
SERVER = """
import json, os, socket, sys, time
from pathlib import Path
import ipykernel.kernelapp
from gdw_notebooks.course import warm

warm.load = lambda: None
ours, theirs = socket.socketpair()
server, file = os.getpid(), Path(sys.argv[1], "connection.json")
parent = os.fork()
if not parent:
    ours.close()
    sys.argv = ["warm", str(theirs.detach()), str(server)]
    warm.main()
theirs.close()
lines = ours.makefile("rw")
start = [sys.executable, "-m", "ipykernel_launcher", "-f", str(file)]
print(json.dumps({"start": start, "env": dict(os.environ), "cwd": sys.argv[1]}), file=lines, flush=True)
kernel = [json.loads(lines.readline()) for answer in ("ready", "started")][1]["answer"]
while not file.exists():
    time.sleep(0.05)
print("started", parent, kernel, flush=True)
time.sleep(600)
"""


def alive(pid):
    """Whether the process runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("killed", ["server", "warm parent"])
def test_no_page_is_left_five_seconds_after_a_kill(tmp_path, killed):
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with server:
        try:
            (said,) = itertools.islice((line for line in server.stdout if line.startswith("started")), 1)
            parent, kernel = map(int, said.split()[1:])
            assert alive(parent)
            assert alive(kernel)
            os.kill(server.pid if killed == "server" else parent, signal.SIGKILL)
            deadline = time.monotonic() + 5
            while (alive(parent) or alive(kernel)) and time.monotonic() < deadline:
                time.sleep(0.05)
            left = [pid for pid in (parent, kernel) if alive(pid)]
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            assert not left
        finally:
            server.kill()


def test_a_page_whose_parent_is_gone_before_it_begins_ends_at_once():
    """The parent may end between the fork and the call that asks for the signal."""
    code = "from gdw_notebooks.course import warm; warm.end_with(1 + 2**22); print('goes on')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
