"""`gdw run --json` and `gdw sweep --json`: no file of somebody else's is touched, and no record is lost."""

import json
import os
import stat

import pytest

import gdw
from gdw import files
from gdw.__main__ import main
from gdw.comparison import records, sweep
from gdw.comparison.records import finished, opened, read, record

RUN = ["run", "--rate", "0.4", "--epochs", "1", "--train-per-class", "40", "--device", "cpu"]
RUN += ["--method", "cross-entropy"]
SPEC = 'methods = ["cross-entropy"]\nseeds = 2\nepochs = 1\ntrain_per_class = 40\n[[scenarios]]\nrate = 0.4\n'


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(SPEC, "utf-8")
    return path


def history():
    return gdw.run(gdw.Experiment(method="cross-entropy", epochs=1, train_per_class=40))


def others_file(kind, path):
    if kind == "History":
        history().save(path)
    elif kind == "notebook":
        path.write_text('{\n "cells": [],\n "nbformat": 4\n}', "utf-8")
    elif kind == "CSV":
        path.write_text("path,label\na.png,cat\n", "utf-8")
    elif kind == "one line without an end":
        path.write_text("my notes", "utf-8")
    elif kind == "bytes":
        path.write_bytes(bytes(range(256)))
    elif kind == "numbers":
        path.write_text("1\n2\n", "utf-8")
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["History", "notebook", "CSV", "one line without an end", "bytes", "numbers"])
@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_file_of_another_kind_is_refused_and_not_touched(command, kind, spec, tmp_path, capsys):
    path = tmp_path / "own.json"
    before = others_file(kind, path)
    arguments = [*RUN] if command == "run" else ["sweep", str(spec)]
    assert main([*arguments, "--json", str(path)]) == 2
    assert "own.json" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.torn"))


def test_runs_and_sweeps_write_one_kind_of_file(spec, tmp_path):
    path = tmp_path / "runs.jsonl"
    assert main([*RUN, "--json", str(path)]) == 0
    before = read(path)
    assert main(["sweep", str(spec), "--json", str(path), "--workers", "0"]) == 0
    assert read(path)[: len(before)] == before
    assert len(read(path)) > len(before)


def test_a_torn_line_is_set_aside_and_an_empty_file_is_welcome(tmp_path):
    path, experiment = tmp_path / "sweep.jsonl", gdw.Experiment(method="cross-entropy", epochs=1, train_per_class=40)
    path.touch()
    line = json.dumps(record(gdw.run(experiment)))
    path.write_text(f"{line}\n{line[:50]}", "utf-8")
    assert list(sweep.resume([experiment], path)) == []
    assert path.read_text("utf-8") == line + "\n"
    assert files.beside(path, ".torn").read_text("utf-8") == line[:50] + "\n"
    path.write_text(f"{line}\n{line[:5]}", "utf-8")
    assert list(sweep.resume([experiment], path)) == []
    assert files.beside(path, ".torn").read_text("utf-8") == f"{line[:50]}\n{line[:5]}\n"


def test_the_same_command_goes_on_and_another_ones_records_stay(tmp_path, capsys, monkeypatch):
    path = tmp_path / "out.json"
    assert main([*RUN, "--json", str(path)]) == 0
    first = read(path)
    table = capsys.readouterr().out
    trained = []
    real = gdw.Training.events
    monkeypatch.setattr(gdw.Training, "events", lambda self: (trained.append(self.experiment.seed), real(self))[1])
    assert main([*RUN, "--json", str(path)]) == 0
    assert trained == []
    assert capsys.readouterr().out == table
    assert main([*RUN, "--seeds", "2", "--rate", "0.2", "--json", str(path)]) == 0
    assert main([*RUN, "--seeds", "2", "--json", str(path)]) == 0
    assert trained == [0, 1, 1]
    entries = read(path)
    assert entries[0] == first[0]
    assert [(r["config"]["rate"], r["seed"]) for r in entries] == [(0.4, 0), (0.2, 0), (0.2, 1), (0.4, 1)]


def test_a_later_failure_hides_no_finished_run(tmp_path):
    file = tmp_path / "a.jsonl"
    assert main([*RUN, "--json", str(file)]) == 0
    (whole,) = read(file)
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(whole | {"error": "it failed", "accuracy": None}) + "\n")
    assert read(file) == [whole]


@pytest.mark.parametrize("kind", ["the records", "a text", "a link to a text"])
def test_a_model_replaces_nothing_but_a_model(kind, tmp_path, capsys):
    file, model = tmp_path / "a.jsonl", tmp_path / "model"
    assert main([*RUN, "--json", str(file), "--save-model", str(model)]) == 0
    (tmp_path / "text.csv").write_text("path,label\n", "utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "text.csv")
    target = {"the records": file, "a text": tmp_path / "text.csv", "a link to a text": tmp_path / "link"}[kind]
    before = target.read_bytes()
    assert main([*RUN, "--json", str(file), "--save-model", str(target)]) == 2
    assert ("are one file" if kind == "the records" else "no saved model") in capsys.readouterr().err
    assert target.read_bytes() == before
    assert main([*RUN, "--save-model", str(model)]) == 0


def test_a_link_stays_and_leads_to_what_was_written(tmp_path):
    (tmp_path / "nowhere").symlink_to(tmp_path / "no folder" / "m")
    with pytest.raises(FileNotFoundError, match="no folder"):
        files.check_writable(tmp_path / "nowhere")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    files.write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text("utf-8") == "new"


def test_a_failed_run_is_tried_again(tmp_path):
    path = tmp_path / "out.json"
    assert main([*RUN, "--lr", "1e30", "--json", str(path)]) == 1
    assert main([*RUN, "--lr", "1e30", "--json", str(path)]) == 1
    (entry,) = read(path)
    assert "stopped being finite" in entry["error"]


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_read_only_file_is_noticed_before_training(command, spec, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gdw.Training, "events", lambda self: pytest.fail("trained"))
    path = tmp_path / "out.json"
    path.touch()
    path.chmod(stat.S_IRUSR)
    assert main([*(RUN if command == "run" else ["sweep", str(spec)]), "--json", str(path)]) == 2
    assert f"{path} is read-only" in capsys.readouterr().err
    assert main([*(RUN if command == "run" else ["sweep", str(spec)]), "--json", str(tmp_path)]) == 2
    assert "is a folder, but a file is needed" in capsys.readouterr().err


def full_disk(*given):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_full_disk_is_noticed_before_training(command, spec, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gdw.Training, "events", lambda self: pytest.fail("trained"))
    monkeypatch.setattr(os, "fsync", full_disk)
    path = tmp_path / "out.json"
    assert main([*(RUN if command == "run" else ["sweep", str(spec)]), "--json", str(path)]) == 2
    assert f"{path} cannot be written: No space left on device" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir() if p != spec] == []


def test_a_disk_that_fills_up_while_training_costs_no_earlier_record(tmp_path, capsys, monkeypatch):
    path = tmp_path / "out.json"
    assert main([*RUN, "--json", str(path)]) == 0
    before = path.read_bytes()
    real = gdw.Training.events

    def filling(self):
        yield from real(self)
        monkeypatch.setattr(os, "fsync", full_disk)

    monkeypatch.setattr(gdw.Training, "events", filling)
    capsys.readouterr()
    assert main([*RUN, "--seeds", "2", "--json", str(path)]) == 2
    assert f"{path} cannot be written: No space left on device" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} <= {"out.json", "out.json.lock"}


def test_a_sweeps_line_that_does_not_fit_on_the_disk_leaves_no_torn_one(tmp_path, monkeypatch):
    path = tmp_path / "out.jsonl"
    records._append(path, '{"method": "a"}')
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="out.jsonl cannot be written: No space left.*records before are still there"):
        records._append(path, '{"method": "b"}')
    assert path.read_text("utf-8") == '{"method": "a"}\n'


def test_a_real_limit_on_the_size_of_files(tmp_path):
    resource, signal = pytest.importorskip("resource"), pytest.importorskip("signal")
    path = tmp_path / "out.json"
    files.write(path, "old")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="out.json cannot be written: File too large"):
            files.write(path, "x" * 5000)
        with pytest.raises(OSError, match="out.jsonl cannot be written: File too large"):
            records._append(tmp_path / "out.jsonl", "x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_text("utf-8") == "old"
    assert (tmp_path / "out.jsonl").read_bytes() == b""
    assert {p.name for p in tmp_path.iterdir()} == {"out.json", "out.jsonl"}


@pytest.mark.parametrize("kind", ["infinite", "not JSON"])
def test_a_record_that_cannot_be_written_costs_that_record_alone(kind, tmp_path, monkeypatch):
    experiment = gdw.Experiment(method="cross-entropy", epochs=1, train_per_class=40)
    real = sweep._on

    def spoiling(executor, *given):
        for history in real(executor, *given):
            if history.seed == 0:
                history.metadata["seconds"] = float("inf") if kind == "infinite" else object()
            yield history

    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr(sweep, "_on", spoiling)
    path = tmp_path / "out.jsonl"
    with ThreadPoolExecutor(1) as executor:
        lines = list(sweep.resume([experiment, experiment.with_(seed=1)], path, executor))
    kept = {record["seed"]: record for record in read(path)}
    assert kept == {line["seed"]: line for line in lines}
    assert kept[1]["error"] is None
    if kind == "infinite":
        assert kept[0]["seconds"] is None
    else:
        assert "its record cannot be written: TypeError" in kept[0]["error"]
        assert sum(map(bool, finished([experiment], path))) == 0  # it is tried again


def test_two_runs_do_not_write_to_one_file(tmp_path):
    path = tmp_path / "out.jsonl"
    with opened(path), pytest.raises(ValueError, match="another run or sweep is writing to"), opened(path):
        pass
    with opened(path):
        assert read(path) == []


def test_a_list_of_records_of_version_0_2_is_read_and_goes_on_as_lines(tmp_path):
    path, experiment = tmp_path / "out.json", gdw.Experiment(method="cross-entropy", epochs=1, train_per_class=40)
    entries = [record(gdw.run(experiment)), record(gdw.run(experiment.with_(seed=1)))]
    path.write_text(json.dumps(entries, indent=1) + "\n", "utf-8")
    assert read(path) == entries
    assert list(sweep.resume([experiment], path, workers=0)) == []
    assert len(list(sweep.resume([experiment.with_(seed=2)], path, workers=0))) == 1
    assert [json.loads(line) for line in path.read_text("utf-8").splitlines()][:2] == entries


def test_a_record_says_how_it_was_made(tmp_path):
    made = record(history())["made"]
    assert made.keys() >= {"device", "host", "system", "python", "torch", "numpy", "gdw", "engine"}
    assert made["engine"].keys() >= {"threads", "precision", "save_memory"}
    if (files_root := gdw.experiments.provenance.ROOT / ".git").exists():
        assert len(made["commit"].split("-")[0]) == 40, files_root


def test_checkpoints_on_the_command_line_go_on_where_they_were(tmp_path, capsys):
    arguments = [*RUN, "--epochs", "3", "--checkpoint", str(tmp_path / "kept"), "--checkpoint-seconds", "0"]
    assert main([*arguments, "--json", str(tmp_path / "whole.json")]) == 0
    newest = next((tmp_path / "kept").glob("*[0-9a-f].safetensors"))
    newest.write_bytes(b"torn")
    assert main([*arguments, "--json", str(tmp_path / "again.json")]) == 0
    assert f"going on from {newest.with_suffix('.previous.safetensors')}" in capsys.readouterr().err
    first, second = (read(tmp_path / f"{name}.json")[0] for name in ("whole", "again"))
    assert {**first, "seconds": 0, "date": 0} == {**second, "seconds": 0, "date": 0}
    assert main([*arguments, "--seeds", "2", "--json", str(tmp_path / "two.json")]) == 0
    assert read(tmp_path / "two.json")[0]["seconds"] == second["seconds"]  # not run again
    assert len(list((tmp_path / "kept").glob("*[0-9a-f].safetensors"))) == 2
