"""Sweeps: every run once, on disk before the next, the same numbers after a kill and on a cluster."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import gdw
from gdw.__main__ import main
from gdw.comparison import sweep
from gdw.comparison.records import finished, read
from gdw.comparison.sweep_spec import experiments_of, load_spec

PATIENCE = 300  # seconds; a busy machine takes a minute to start a process that imports torch
SPEC = """
methods = ["cross-entropy", "l2rw"]
seeds = 3
epochs = 3
[[scenarios]]
rate = [0.0, 0.6]
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("spec") / "spec.toml"
    path.write_text(SPEC)
    return path


def numbers(path):
    """Everything except time and speed, in a fixed order."""
    lines = [{k: v for k, v in line.items() if k not in ("seconds", "date")} for line in read(path)]
    return sorted(lines, key=lambda line: line["code"])


def lines_of(path):
    return path.read_text().count("\n") if path.exists() else 0


def wait_for_lines(path, count, process):
    for _ in range(PATIENCE * 20):
        if lines_of(path) >= count:
            return
        assert process.poll() is None, "ended before it was to be killed"
        time.sleep(0.05)
    pytest.fail(f"{count} runs did not finish in {PATIENCE} s")


@pytest.fixture(scope="module")
def unbroken(spec, tmp_path_factory):
    """In this process, by threads of one: what every other way must equal."""
    path = tmp_path_factory.mktemp("unbroken") / "unbroken.jsonl"
    with ThreadPoolExecutor(1) as executor:
        list(sweep.resume(load_spec(spec), path, executor))
    return numbers(path)


def test_killed_in_the_middle_and_started_again_it_equals_an_unbroken_sweep(spec, tmp_path, unbroken, capsys):
    path = tmp_path / "killed.jsonl"
    command = [sys.executable, "-m", "gdw", "sweep", str(spec), "--json", str(path), "--workers", "1"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            wait_for_lines(path, 3, process)
        finally:
            process.kill()  # SIGKILL, to the parent alone: its worker must end by itself
    before = path.read_text()
    for _ in range(PATIENCE * 10):
        if not group_alive(process.pid):
            break
        time.sleep(0.1)
    assert not group_alive(process.pid)
    with path.open("a") as file:
        file.write('{"method": "cross-en')  # torn by the kill
    assert main(["sweep", str(spec), "--json", str(path), "--workers", "0"]) == 0
    assert path.read_text().startswith(before)
    assert lines_of(path) == 12  # nothing twice
    assert numbers(path) == unbroken
    assert "cross-entropy" in capsys.readouterr().out


def group_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_each_run_is_on_disk_before_the_next_one_starts(spec, tmp_path, monkeypatch):
    path, seen = tmp_path / "runs.jsonl", []
    original = sweep._run_one

    class OneAtATime(ThreadPoolExecutor):
        """Local processes get one run per worker; here in this process, to look at the file at each start."""

        def __init__(self, workers, context, initializer, initargs):
            super().__init__(workers)

    def watched(*given):
        seen.append(lines_of(path))
        return original(*given)

    monkeypatch.setattr(sweep, "ProcessPoolExecutor", OneAtATime)
    monkeypatch.setattr(sweep, "_run_one", watched)
    list(sweep.resume(load_spec(spec)[:4], path, workers=1))
    assert seen == [0, 1, 2, 3]


def test_a_failed_run_is_reported_and_the_rest_go_on(tmp_path):
    path = tmp_path / "runs.jsonl"
    good = gdw.Experiment(method="cross-entropy", epochs=1)
    experiments = [good.with_(lr=1e30), good.with_(meta_per_class=1000), good]
    with ThreadPoolExecutor(1) as executor:
        lines = list(sweep.resume(experiments, path, executor))
    errors = {json.dumps(line["config"]["lr"]) + str(line["config"]["meta_per_class"]): line["error"] for line in lines}
    assert "stopped being finite" in errors["1e+305"]
    assert "too few" in errors["0.11000"]
    assert errors["0.15"] is None
    assert sum(map(bool, finished(experiments, path))) == 1  # the others are tried again


# What every worker runs first: two seeds at once end it, as more memory than there is would, and so does a data set.
DEADLY = """
import gdw.experiments.loading, os
from gdw.training.many import ManySeeds

load, init = gdw.experiments.loading.load_dataset, ManySeeds.__init__

def die(*given):
    print(*given, file=open({deaths!r}, "a"), flush=True)
    os._exit(9)

def dying_init(self, experiment, seeds, **more):
    return die("seeds", *seeds) if len(seeds) > 1 else init(self, experiment, seeds, **more)

gdw.experiments.loading.load_dataset = lambda name, **more: die(name) if name == "./deadly" else load(name, **more)
ManySeeds.__init__ = dying_init
"""


def test_a_worker_that_dies_takes_no_other_run_with_it(monkeypatch, tmp_path):
    """Seeds of a group are tried one by one, and a run is reported after its last attempt."""
    (tmp_path / "sitecustomize.py").write_text(DEADLY.format(deaths=str(tmp_path / "deaths")), "utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.setattr(sweep, "ATTEMPTS", 2)
    good = gdw.Experiment(method="cross-entropy", epochs=1)
    experiments = [good, good.with_(seed=1), good.with_(dataset="./deadly")]
    histories = list(sweep.run_all(experiments, workers=1, seeds_at_once=2))
    assert [(h.config["dataset"], h.seed) for h in histories if not h.error] == [("digits", 0), ("digits", 1)]
    (failed,) = [h for h in histories if h.error]
    assert failed.config["dataset"] == "./deadly"
    assert "BrokenProcessPool" in failed.error
    assert (tmp_path / "deaths").read_text("utf-8").splitlines() == ["seeds 0 1", "./deadly", "./deadly"]


def test_methods_of_a_seed_share_data_start_and_batches(tmp_path):
    """So that differences are paired."""
    first, second = (gdw.Training(gdw.Experiment(method=m, rate=0.4, epochs=1)) for m in ("cross-entropy", "gdw"))
    assert first.task.train.labels.equal(second.task.train.labels)
    assert all(a.equal(b) for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True))
    batches = [[e.step.indices for e in t.events() if isinstance(e, gdw.BatchDone)] for t in (first, second)]
    assert all(a.equal(b) for a, b in zip(*batches, strict=True))


def test_on_done_sees_every_history_before_its_line_is_written(tmp_path):
    seen, path = [], tmp_path / "runs.jsonl"
    experiments = [gdw.Experiment(method="cross-entropy", epochs=1, seed=seed) for seed in range(2)]
    lines = list(sweep.resume(experiments, path, workers=0, on_done=lambda h: seen.append((h, len(read(path))))))
    assert [history.accuracy for history, _ in seen] == [line["accuracy"] for line in lines]
    assert [written for _, written in seen] == [0, 1]


def test_a_spec_multiplies_lists_out_seeds_outermost():
    spec = {
        "methods": ["gdw", "mwnet"], "seeds": [3, 5], "epochs": 7, "settings": {"gdw": {"clip": 0.5}},
        "scenarios": [{"noise": ["uniform", "flip"], "rate": [0.2, 0.4]}, {"imbalance": 0.1}],
    }  # fmt: skip
    experiments = experiments_of(spec)
    assert len(experiments) == 2 * 5 * 2
    assert [e.seed for e in experiments] == [3] * 10 + [5] * 10
    assert [e.method for e in experiments[:2]] == ["gdw", "mwnet"]
    assert experiments[0].settings["clip"] == 0.5
    assert "clip" not in experiments[1].settings
    assert {e.epochs for e in experiments} == {7}
    assert (experiments[8].imbalance, experiments[8].rate) == (0.1, 0.0)


def test_the_command_line_says_what_is_wrong_in_one_sentence(tmp_path, capsys):
    (tmp_path / "bad.toml").write_text("methods = [")
    assert main(["sweep", str(tmp_path / "bad.toml"), "--json", str(tmp_path / "x.jsonl")]) == 2
    assert "is not TOML" in capsys.readouterr().err


def test_seeds_at_once_equal_seeds_one_by_one_and_go_on_where_they_were_broken_off(spec, tmp_path, unbroken):
    path, experiments = tmp_path / "at-once.jsonl", load_spec(spec)
    with ThreadPoolExecutor(1) as executor:
        list(sweep.resume(experiments[:5], path, executor))  # seed 0 of all four, and one of seed 1
        done = path.read_text()
        assert len(list(sweep.resume(experiments, path, executor, seeds_at_once=3))) == 7
        assert list(sweep.resume(experiments, path, executor, seeds_at_once=3)) == []
    assert path.read_text().startswith(done)
    for expected, found in zip(unbroken, numbers(path), strict=True):
        assert found["code"] == expected["code"]
        assert found["error"] is None
        assert found["accuracy"] == pytest.approx(expected["accuracy"], abs=1)  # float32: a test image or two
    assert [line.get("seeds_at_once") for line in read(path)].count(2) == 6  # seeds 1 and 2 of all but one


def test_seeds_are_grouped_where_they_can_train_at_once():
    experiments = experiments_of({"methods": ["gdw", "glc"], "seeds": 5, "scenarios": [{"rate": [0.2, 0.4]}]})
    groups = sweep.grouped(experiments, 2)
    assert sorted(e.code for group in groups for e in group) == sorted(e.code for e in experiments)
    assert all(len({(e.method, e.rate) for e in group}) == 1 for group in groups)
    sizes = {name: [len(group) for group in groups if group[0].method == name] for name in ("gdw", "glc")}
    assert sizes == {"gdw": [2, 2, 1] * 2, "glc": [1] * 10}  # GLC is trained seed by seed, so it stays one by one
    assert sweep.grouped(experiments, 1) == [(e,) for e in experiments]
    with pytest.raises(ValueError, match="seeds_at_once must be at least 1"):
        sweep.grouped(experiments, 0)


def test_a_group_whose_seeds_fail_tells_each_ones_error():
    good = gdw.Experiment(method="cross-entropy", epochs=1)
    bad = [good.with_(meta_per_class=1000, seed=seed) for seed in range(2)]
    diverging = [good.with_(lr=1e30, seed=seed) for seed in range(2)]
    with ThreadPoolExecutor(1) as executor:
        histories = list(sweep.run_all([*bad, *diverging], executor, seeds_at_once=2))
    assert [h.seed for h in histories if "too few" in h.error] == [0, 1]
    assert [h.seed for h in histories if "stopped being finite" in h.error] == [0, 1]
