"""The one command for the CIFAR protocol, on a tiny folder: killed, gone on with, its table and its Histories."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import cifar
from gdw import Experiment, History
from gdw.data.datasets import cifar10_at
from gdw.experiments.fields import PRESETS
from tests.picture_files import cifar_folder

ROOT = Path(__file__).parents[2]
SMALL = ("--epochs=2", "--model=cnn", "--meta-per-class=2", "--batch-size=10", "--seeds=2", "--scenario=uniform 60",
         "--device=cpu", "--threads=1")  # fmt: skip
PATIENCE = 120  # seconds for the first run of a busy machine
LARGEST_HISTORY = 1_000_000  # bytes


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return cifar_folder(tmp_path_factory.mktemp("cifar"), train=8, test=2)


def command(pictures, folder, *more):
    options = [f"--data={pictures}", f"--json={folder / 'runs.jsonl'}", f"--histories={folder / 'histories'}"]
    return [sys.executable, "-m", "benchmarks.cifar", *options, *SMALL, *more]


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def test_killed_and_started_again_it_goes_on_and_prints_the_table(pictures, tmp_path, capsys, monkeypatch):
    file = tmp_path / "runs.jsonl"
    methods = [f"--method={name}" for name in ("gdw", "gdw-tied", "mwnet")]
    process = subprocess.Popen(command(pictures, tmp_path, *methods), cwd=ROOT, start_new_session=True)
    give_up = time.monotonic() + PATIENCE
    while not lines_of(file) and time.monotonic() < give_up:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = lines_of(file)
    assert 1 <= len(before) < 6
    monkeypatch.setenv("GDW_DATA", "as it was")
    assert cifar.main([*command(pictures, tmp_path, *methods)[3:], "--workers=0"]) == 0
    shown = capsys.readouterr().out
    after = lines_of(file)
    assert after[: len(before)] == before
    assert len(after) == 6
    assert {json.loads(line)["config"]["dataset"] for line in after} == {"cifar10-folder"}
    assert "gdw − gdw-tied, uniform 60 (2 clean a class): " in shown
    assert "gdw − mwnet, uniform 60 (2 clean a class): " in shown
    assert "nan" not in shown
    saved = sorted(path.name for path in (tmp_path / "histories").iterdir())
    runs = [(m, s) for m in ("gdw", "gdw-tied", "mwnet") for s in range(2)]
    assert [name.rpartition("-")[0] for name in saved] == sorted(f"uniform-60-2-clean-a-class-{m}-{s}" for m, s in runs)
    for path in (tmp_path / "histories").iterdir():
        assert path.stat().st_size < LARGEST_HISTORY / 40  # two epochs of eighty
        assert len(History.load(path)) == 2


def test_the_default_is_the_published_protocol():
    planned = cifar.experiments_of("cifar10", cifar.METHODS, list(cifar.SCENARIOS), cifar.SEEDS, {})
    assert len(planned) == 5 * 4 * 3
    assert len({e.code for e in planned}) == 60
    for e in planned:
        assert (e.model, e.epochs, e.batch_size, e.lr, e.momentum, e.weight_decay) == (
            "resnet32", 80, 100, 0.1, 0.9, 5e-4,
        )  # fmt: skip
        assert 10 * e.meta_per_class == 1000
        assert e.settings == {}  # the methods' own defaults are the published ones
    assert PRESETS["cifar10-folder"] == PRESETS["cifar10"]
    assert {(e.noise, e.rate, e.imbalance) for e in planned} == {
        ("uniform", 0.4, 1.0), ("uniform", 0.6, 1.0), ("flip", 0.4, 1.0), ("uniform", 0.0, 0.01),
    }  # fmt: skip


def test_both_kinds_of_folder_are_told_apart(pictures, tmp_path):
    assert cifar10_at(pictures) == "cifar10-folder"
    (tmp_path / "cifar-10-batches-py").mkdir()
    assert cifar10_at(tmp_path) == "cifar10"


def test_bad_input_ends_in_one_sentence(pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GDW_DATA", "as it was")
    file = f"--json={tmp_path / 'runs.jsonl'}"
    for arguments, message in (
        ([f"--data={tmp_path}"], "holds neither cifar-10-batches-py nor train/<class>"),
        ([f"--data={pictures}", "--scenario=unifrom 40"], "unknown scenario 'unifrom 40'; did you mean 'uniform 40'"),
        ([f"--data={pictures}", "--method=gwd"], "unknown method 'gwd'"),
        ([f"--data={pictures}", "--seeds=0"], "--seeds must be at least 1"),
    ):
        assert cifar.main([file, *arguments]) == 2
        assert message in capsys.readouterr().err


def test_a_failed_run_is_said_and_the_status_is_1(pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GDW_DATA", "as it was")
    failing = [f"--data={pictures}", f"--json={tmp_path / 'runs.jsonl'}", "--method=gdw", "--seeds=1",
               "--scenario=uniform 40", "--meta-per-class=8", "--device=cpu"]  # fmt: skip
    assert cifar.main(failing) == 1
    assert "too few for meta_per_class 8" in capsys.readouterr().err


def test_it_stops_by_itself_and_goes_on_in_the_middle_of_a_run(pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GDW_DATA", "as it was")
    monkeypatch.setattr(cifar, "TABLE_SECONDS", 0.0)
    more = ["--method=gdw", f"--checkpoint={tmp_path / 'kept'}", "--seeds=1", "--workers=0"]
    monkeypatch.setattr(cifar, "_work_through", lambda *given: time.sleep(60))
    begun = time.monotonic()
    assert cifar.main([*command(pictures, tmp_path, *more)[3:], "--seconds=0.2"]) == 0
    assert time.monotonic() - begun < 50
    shown = capsys.readouterr().out
    assert "no run has finished" in shown
    assert "not run: 1 of 1" in shown
    monkeypatch.undo()
    monkeypatch.setenv("GDW_DATA", "as it was")
    assert cifar.main(command(pictures, tmp_path, *more)[3:]) == 0
    assert "not run" not in capsys.readouterr().out
    assert len(list((tmp_path / "kept").iterdir())) == 1  # the run as it ended
    assert cifar.main([*command(pictures, tmp_path, *more)[3:], "--seconds=3"]) == 2
    assert "--seconds must be above 10" in capsys.readouterr().err


def test_experiments_are_paired_from_the_start():
    planned = cifar.experiments_of("cifar10", ("gdw", "mwnet", "gdw"), ["flip 40"], 2, {"epochs": 3})
    assert [(e.method, e.seed) for e in planned] == [("gdw", 0), ("mwnet", 0), ("gdw", 1), ("mwnet", 1)]
    assert planned[0] == Experiment(dataset="cifar10", noise="flip", rate=0.4, method="gdw", epochs=3)
    first = cifar.experiments_of("cifar10", cifar.METHODS, list(cifar.SCENARIOS), 3, {})[:9]
    assert {(e.noise, e.rate) for e in first} == {("uniform", 0.6)}
    assert [(e.method, e.seed) for e in first] == [(m, s) for s in range(3) for m in ("mwnet", "gdw-tied", "gdw")]
