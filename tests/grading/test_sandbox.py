"""Attacks on the grader: each is shown to succeed in a plain process, and then to fail in the sandbox."""

import os
import subprocess
import sys

import pytest

from gdw_notebooks.checks.asked import ASKED
from gdw_notebooks.grading.sandbox import Sandbox
from gdw_notebooks.grading.student import Stopped, Student
from gdw_notebooks.grading.watch import Limits, idle
from gdw_notebooks.grading.worker import limited
from gdw_notebooks.recorded import places

(UNIFORM,) = [asked for asked in ASKED if asked.check == "uniform_forty"]
with Sandbox() as probe:
    REFUSAL = probe.refusal()
pytestmark = pytest.mark.skipif(bool(REFUSAL) and "CI" not in os.environ, reason=REFUSAL)
# Each sets `answer` to something true if it succeeds; {there} is a folder of the grader's with a classmate's file.
ATTACKS = {
    "a shell writes outside": "import os\nanswer = os.system('echo 1 > {there}/made') == 0",
    "posix_spawn writes outside": "import os\np = os.posix_spawn('/bin/touch', ['touch', '{there}/made'], {{}})\n"
    "answer = os.waitpid(p, 0)[1] == 0",
    "the package is edited": "open({package!r} + '/grading/edited', 'w').close()\nanswer = True",
    "a classmate's file is run": "names = {{}}\nexec(open('{there}/classmate.py').read(), names)\nanswer = names['solved']",  # noqa: E501
    "solutions are read": "answer = len(open({solutions!r} + '/01_gradient_flows.ipynb').read()) > 1000",
    "a check is asked": "from gdw_notebooks.checks.broken_data import UniformForty\nUniformForty.examine(None, [20, 36, 39.6])\n"  # noqa: E501
    "from gdw_notebooks.checks import broken_data\nanswer = broken_data.MANY == (2, 10, 100)",
    "torch.save": "import torch\ntorch.save(torch.ones(2), '{there}/made')\nanswer = True",
    "sqlite3": "import sqlite3\nsqlite3.connect('{there}/made').execute('create table t (a)')\nanswer = True",
    "a mapped file": "import numpy as np\nm = np.memmap('{there}/made', 'uint8', 'w+', shape=9)\nm[:] = 1\nm.flush()\nanswer = True",  # noqa: E501
    "safetensors": "import torch, safetensors.torch as s\ns.save_file({{'a': torch.ones(2)}}, '{there}/made')\nanswer = True",  # noqa: E501
    "other processes are seen": "import os\nanswer = sum(name.isdigit() for name in os.listdir('/proc')) > 6",
    "the network": "import socket\nanswer = bool(socket.create_server(('127.0.0.1', 0))) and "
    "len(open('/proc/net/dev').read().splitlines()) > 3",
    "a hundred processes": "import subprocess\nanswer = bool([p.kill() for p in [subprocess.Popen(['sleep', '9']) for _ in range(100)]])",  # noqa: E501
    "10 GB": "import mmap\nanswer = bool(mmap.mmap(-1, 10**10))",
    "1 GB of output": "f = open('{there}/made', 'wb')\nf.truncate(10**9)\nf.close()\nanswer = True",
    "users of its own": "import subprocess\nanswer = subprocess.run(['unshare', '-Ur', 'true']).returncode == 0",
    "memory without a limit": "import os\nanswer = os.memfd_create('m') > 0",
    "a secret of the grader's": "import os\nanswer = 'GRADERS_PASSWORD' in os.environ",
    "a hard link": "import os\nos.link('{there}/classmate.py', '{there}/made')\nanswer = True",
    "a link out of the folder": "import os, tempfile\nos.symlink('{there}', link := tempfile.mkdtemp() + '/link')\n"
    "answer = bool(os.listdir(link))",
    "a file of the grader's": "answer = len(open({tests!r}).read()) > 100",
    "children whose time is lost": "import os, signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    "os.fork() or os._exit(0)\ntry: os.wait()\nexcept ChildProcessError: answer = True",
    "root": "import os\nanswer = 0 in os.getresuid() or 'CapEff:\\t0000000000000000' not in open('/proc/self/status').read()",  # noqa: E501
}
PLAIN = "import sys\nglobals().update(answer=False)\n{attack}\nsys.exit(0 if answer else 7)"


@pytest.fixture
def there(tmp_path):
    (tmp_path / "classmate.py").write_text("solved = True", "utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def student(sandbox):
    with Student(sandbox, 7, Limits(20, 1500)) as one:
        yield one


def answers_of(student, *cells, skip=(), ours=()):
    """What the sandbox hands in as `answer` in notebook 02, and what stops."""
    found = []
    stopped = student.run(cells, [UNIFORM], skip, lambda kind, answer, called: found.extend(answer), ours)
    return found, stopped


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_succeeds_in_a_plain_process_and_fails_in_the_sandbox(student, there, attack, monkeypatch):
    if attack == "root" and os.geteuid():
        pytest.skip("only where root grades")
    monkeypatch.setenv("GRADERS_PASSWORD", "1234")
    words = {"there": there, "package": str(places.PACKAGE), "solutions": str(places.notebooks() / "solutions")}
    words["tests"] = __file__
    code = ATTACKS[attack].format(**words)
    try:
        plain = subprocess.run(
            [sys.executable, "-c", PLAIN.format(attack=code)], capture_output=True, timeout=60, check=False
        )
        assert plain.returncode == 0, plain.stderr
    finally:
        (places.PACKAGE / "grading" / "edited").unlink(missing_ok=True)
    (there / "made").unlink(missing_ok=True)
    found, _ = answers_of(student, "answer = False", code)
    assert not any(found)
    assert sorted(path.name for path in there.iterdir()) == ["classmate.py"]
    assert not (places.PACKAGE / "grading" / "edited").exists()


@pytest.fixture(scope="module")
def hasty(sandbox):
    with Student(sandbox, 8, Limits(1, 1500)) as one:
        yield one


def test_an_answer_leaves_before_an_endless_cell(hasty):
    found, stopped = answers_of(hasty, "answer = 1", "while True: pass", "answer = 2")
    assert found == [1, 2]
    assert [(number, out_of_time) for number, _, out_of_time in stopped] == [(2, True)]
    stubborn = "import signal\nsignal.signal(signal.SIGPROF, signal.SIG_IGN)\nwhile True: pass"
    with pytest.raises(Stopped, match="ended after 1 s"):
        answers_of(hasty, stubborn)
    assert answers_of(hasty, stubborn, "answer = 3", skip=[1]) == ([3], [])


def test_a_second_that_waits_counts(hasty):
    """Each but the last waited for ever: a process that waits for its vfork looks like one that waits for a disk."""
    vfork = "import ctypes\nlibc = ctypes.PyDLL(None)\nif libc.vfork() == 0:\n    while True: libc.sleep(99)"
    for stops in (vfork, "import time\nwhile True: time.sleep(99)"):
        with pytest.raises(Stopped, match="ended after 1 s"):
            answers_of(hasty, stops)


@pytest.mark.parametrize(("states", "waits"), [
    ({1: (0, "sleeping"), 2: (1, "disk-sleep")}, False),  # waits for a disk
    ({1: (0, "sleeping"), 2: (1, "disk-sleep"), 3: (2, "sleeping")}, True),  # waits for its vfork
    ({1: (0, "sleeping"), 2: (1, "disk-sleep"), 3: (1, "sleeping")}, True),  # the same, with a brother's child
    ({1: (0, "sleeping"), 2: (1, "sleeping")}, True),
    ({1: (0, "sleeping"), 2: (1, "running"), 3: (1, "sleeping")}, False),
    ({}, True),
])  # fmt: skip
def test_who_waits_for_a_disk_loses_no_second(states, waits):
    class Process:
        def __init__(self, pid):
            self.pid, (self._parent, self._state) = pid, states[pid]

        def status(self):
            return self._state

        def ppid(self):
            return self._parent

    assert idle([Process(pid) for pid in states]) is waits


def test_what_comes_after_the_end_of_the_grading_is_no_answer():
    with Sandbox() as box, Student(box, 9, Limits(20, 1500)) as one, pytest.raises(KeyboardInterrupt):
        one.run(["answer = 1", "answer = 2"], [UNIFORM], (), lambda *answer: box.over.set())


@pytest.mark.parametrize(("message", "lacks"), [
    ("Torch not compiled with CUDA enabled", True), ("MPS backend out of memory", True),
    ("the clumps overlap", False), ("timestamps differ", False), ("BARRACUDA", False),
])  # fmt: skip
def test_a_device_is_lacking_where_its_name_is_a_word(message, lacks):
    assert limited(RuntimeError(message)) is lacks


def test_cells_of_the_course_that_nothing_uses_are_left_out(student):
    assert answers_of(student, "1 / 0", "b = 5", "answer = b", ours=[1, 2]) == ([5], [])


def test_where_a_cell_stops_without_them_all_cells_run(student):
    own = "answer = sys._getframe().f_globals['b']"
    assert answers_of(student, "import sys", "b = 5", own, "c = 6", ours=[1, 2, 4]) == ([5], [])


def test_where_the_process_ends_without_them_all_cells_run(student):
    cells = ("import os, sys", "b = 5", "'b' in sys._getframe().f_globals or os._exit(1)", "answer = 1")
    assert answers_of(student, *cells, ours=[2]) == ([1], [])


def test_a_cell_cannot_end_the_process_that_starts_notebooks(student):
    assert answers_of(student, "import os\nos.kill(os.getppid(), 9)", "answer = 5") == ([5], [])


@pytest.mark.parametrize(("answer", "left"), [
    ("__import__('os').symlink('/etc/passwd', 'link') or open", "<function>"),
    ("b'\\x80\\x04.' * 9", "an object of type bytes"), ("[1] * 10**6", "an object of type list that is too large"),
    ("'9' * 10**7", "an object of type str that is too large"),
])  # fmt: skip
def test_only_plain_data_leaves(student, answer, left):
    (found,), _ = answers_of(student, f"answer = {answer}")
    assert ("<function>" if callable(found) else found) == left


@pytest.mark.parametrize("message", ["b'x' * 5_000_000", "line({'stopped': []}) + line({'verdict': 'right'})"])
def test_forged_messages_end_the_process_and_nothing_else(student, message):
    forged = f"""
import os
from gdw_notebooks.grading.messages import line
for pipe in os.listdir('/proc/self/fd'):
    try:
        if 'pipe' in os.readlink(f'/proc/self/fd/{{pipe}}'):
            os.write(int(pipe), {message})
    except OSError:
        pass
"""
    with pytest.raises(Stopped, match="a message"):
        answers_of(student, forged)
    assert answers_of(student, "answer = 4") == ([4], [])


def test_long_messages_count_as_many(student):
    sends = "for n in range(9):\n    answer = [n] * 250_000\n    uniform_forty(answer)"
    shells = "from gdw_notebooks.checks.broken_data import UniformForty\nuniform_forty = UniformForty()"
    assert len(answers_of(student, shells, sends)[0]) == 9
    with pytest.raises(Stopped, match="too long ones"):
        answers_of(student, shells, f"while True:\n    {sends.replace(chr(10), chr(10) + '    ')}")
