"""Ctrl-C ends `gdw run` and `gdw sweep` in one sentence and status 130; the same command continues from there."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

import gdw
from gdw.__main__ import main
from gdw.comparison import sweep
from gdw.comparison.records import read
from gdw.comparison.sweep_spec import load_spec
from gdw.training.many import Checkpoints
from tests.trust.killing import same

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="watches processes through /proc")

ROOT = Path(__file__).parents[2]
PATIENCE = 120  # seconds; a busy machine takes long to start a process that imports torch
LONG = ["run", "--rate", "0.4", "--epochs", "3000", "--train-per-class", "40", "--device", "cpu"]


def started(*arguments):
    command = [sys.executable, "-m", "gdw", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for(happened, process):
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if process.poll() is not None:
            pytest.fail(process.communicate()[1])
        assert time.monotonic() < deadline
        time.sleep(0.05)


def stopped(process):
    """Ctrl-C in a terminal reaches every process of the group."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    assert "Traceback" not in err
    assert out == ""
    assert process.returncode == 130
    assert ended(process.pid), "a worker is left"
    return err.splitlines()[-1]


def ended(group):
    for _ in range(PATIENCE * 10):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_a_run_that_is_stopped_keeps_its_checkpoint_and_the_runs_before(tmp_path):
    file, folder = tmp_path / "out.json", tmp_path / "kept"
    arguments = ["--json", str(file), "--checkpoint", str(folder), "--checkpoint-seconds", "0.2"]
    quick = [*LONG[:4], "1", *LONG[5:], "--method", "cross-entropy", "--json", str(file)]
    assert main(quick) == 0
    before = file.read_bytes()
    process = started(*LONG, "--method", "gdw", *arguments)
    wait_for(lambda: folder.exists() and any(folder.glob("*.previous.safetensors")), process)
    assert stopped(process) == (
        f"gdw: stopped: {file} has 0 of 1 runs and the broken-off run is in {folder}; "
        "the same command continues from there"
    )
    assert file.read_bytes() == before
    experiment = gdw.Experiment(rate=0.4, epochs=3000, train_per_class=40, device="cpu")
    kept, whole = Checkpoints(folder, experiment).training(), gdw.Training(experiment)
    position = kept._loop.epoch, kept._loop.batch
    assert (0, 0) < position < (3000, 0)
    stream = whole.events()
    next(stream)
    while (whole._loop.epoch, whole._loop.batch) != position:
        next(stream)
    assert same(kept, whole)


def test_a_sweep_that_is_stopped_ends_its_workers_and_keeps_the_runs_before(tmp_path):
    spec, file = tmp_path / "spec.toml", tmp_path / "out.jsonl"
    text = 'methods = ["cross-entropy"]\nseeds = 1\ntrain_per_class = 40\nepochs = {}\n[[scenarios]]\nrate = 0.4\n'
    spec.write_text(text.format(1), "utf-8")
    with ThreadPoolExecutor(1) as executor:
        list(sweep.resume(load_spec(spec), file, executor))
    before = file.read_bytes()
    spec.write_text(text.format(300_000), "utf-8")
    process = started("sweep", str(spec), "--json", str(file), "--workers", "1")
    wait_for(lambda: workers_of(process.pid) >= 1, process)
    assert stopped(process) == f"gdw: stopped: {file} has 0 of 1 runs; the same command continues with the rest"
    assert file.read_bytes() == before


def workers_of(group):
    """How many workers of the group there are; they may still be starting, which is the worst moment for a Ctrl-C."""
    count = 0
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            worker = b"spawn_main" in command.read_bytes()
            count += worker and os.getpgid(int(command.parent.name)) == group
    return count


def interrupting(monkeypatch, after):
    """Ctrl-C in this process, once so many events have come."""
    real, count = gdw.Training.events, iter(range(10**6))

    def events(self):
        for event in real(self):
            if next(count) == after:
                signal.raise_signal(signal.SIGINT)
            yield event

    monkeypatch.setattr(gdw.Training, "events", events)


def test_ctrl_c_waits_for_a_worker_that_is_being_started_whatever_thread_it_reaches():
    """The system gives a process's signal to any thread that does not block it; Python then tells the main thread."""
    end, reached = Event(), []
    other = Thread(target=end.wait)
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt), sweep._ctrl_c_held_back():
            signal.pthread_kill(other.ident, signal.SIGINT)
            time.sleep(0.1)
            reached.append("the end of the start")
    finally:
        end.set()
        other.join()
    assert reached
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_run_without_files_says_what_would_have_kept_it(monkeypatch, capsys):
    interrupting(monkeypatch, 3)
    before = signal.getsignal(signal.SIGINT)
    assert main(LONG) == 130
    captured = capsys.readouterr()
    last = captured.err.splitlines()[-1]
    assert last.startswith("gdw: stopped: nothing is kept; --json FILE keeps finished runs")
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_of_two_runs_is_stopped(monkeypatch, capsys, tmp_path):
    arguments = [*LONG[:4], "1", *LONG[5:], "--seeds", "2", "--json", str(tmp_path / "out.json")]
    with monkeypatch.context() as patch:
        interrupting(patch, 7)
        assert main(arguments) == 130
    assert "out.json has 1 of 2 runs; the same command continues from there" in capsys.readouterr().err
    assert main(arguments) == 0
    assert [record["seed"] for record in read(tmp_path / "out.json")] == [0, 1]


def test_tests_that_are_started_in_the_background_are_stopped_too():
    """A script's & gives a process that ignores Ctrl-C, and all that it starts; the tests must not depend on it."""
    of_a_child = "import signal; print(signal.getsignal(signal.SIGINT).__name__)"
    code = f"import subprocess, sys, tests.conftest; subprocess.run([sys.executable, '-c', {of_a_child!r}], check=True)"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what a process is started with
    try:
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.communicate(timeout=PATIENCE)[0] == "default_int_handler\n"
