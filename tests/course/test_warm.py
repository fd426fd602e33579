"""The warm parent before its first fork: it has loaded what pages need, and holds nothing that a fork must not have."""

import json
import subprocess
import sys

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
