"""The command line: what it prints and writes, and one sentence for bad input."""

import sys
import warnings

import pytest

import gdw
from gdw.__main__ import experiments_of, main, parser
from gdw.comparison.records import read
from gdw.experiments.experiment import NAMES

QUICK = ["run", "--rate", "0.6", "--epochs", "2", "--device", "cpu"]


def test_a_run_prints_a_table_and_writes_a_record_for_each(tmp_path, capsys):
    file = tmp_path / "out.json"
    assert main([*QUICK, "--method", "only-clean", "--method", "gdw", "--seeds", "2", "--json", str(file)]) == 0
    out, records = capsys.readouterr().out, read(file)
    assert [(r["method"], r["seed"]) for r in records] == [("only-clean", 0), ("gdw", 0), ("only-clean", 1), ("gdw", 1)]
    assert {"method", "seed", "config", "code", "accuracy", "seconds"} <= records[0].keys()
    assert gdw.Experiment.from_code(records[3]["code"]).config() == records[3]["config"]
    again = gdw.run(gdw.Experiment.from_code(records[1]["code"]))
    assert again.accuracy == records[1]["accuracy"]
    assert "gdw minus this" in out
    assert "worst class" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate", "1.4"], "rate must lie in [0, 1], got 1.4"),
        (["--imbalance", "0"], "imbalance must lie in (0, 1], got 0"),
        (["--method", "gwd"], "did you mean 'gdw'"),
        (["--dataset", "dgits"], "did you mean 'digits'"),
        (["--dataset", "./no/such/folder"], "no image folder"),
        (["--seeds", "0"], "--seeds must be at least 1"),
        (["--batch-size", "5000"], "batch_size must not exceed"),
        (["--meta-per-class", "1000"], "meta_per_class"),
        (["--set", "stepsize=1"], "did you mean 'step_size'"),
        (["--set", "step_size"], "name=value"),
        (["--noise", "[[1,0],[0,1]]"], "--rate is for noise that is drawn"),
        (["--noise", "human:labels.csv:worse"], "--rate is for noise that is drawn"),
        (["--features-size", "64"], "--features-size is for --features"),
        (["--checkpoint", "somewhere", "--seeds-at-once", "2"], "--checkpoint keeps one run at a time"),
        (["--json", "/no/such/folder/out.json"], "there is no folder"),
    ],
)
def test_bad_input_is_one_sentence_and_status_two(arguments, message, capsys):
    assert main([*QUICK, *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.splitlines()[-1].startswith("gdw: ")
    assert not captured.out


def test_a_warning_of_the_program_is_a_sentence_said_once(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gdw", "methods"])
    monkeypatch.setattr("gdw.__main__.keep_freed_memory", lambda: None)
    with warnings.catch_warnings():
        warnings.resetwarnings()
        assert main() == 0
        for _ in range(2):
            warnings.warn("two rows name no picture", stacklevel=1)
    assert capsys.readouterr().err == "note: two rows name no picture\n"


def test_how_a_step_is_taken_stands_in_the_record(tmp_path):
    file = tmp_path / "out.json"
    assert main([*QUICK, "--save-memory", "--channels-last", "--capture", "--json", str(file)]) == 0
    (record,) = read(file)
    assert all(record["engine"][name] is True for name in ("save_memory", "channels_last", "capture"))


def test_a_diverging_run_is_reported_and_the_others_go_on(capsys):
    assert main([*QUICK, "--lr", "1e30", "--method", "cross-entropy", "--method", "gdw"]) == 1
    assert capsys.readouterr().err.count("the loss stopped being finite at step") == 2


def test_methods_are_listed_with_their_sources(capsys):
    assert main(["methods"]) == 0
    out = capsys.readouterr().out
    for name, method in gdw.methods.METHODS.items():
        assert any(line.startswith(name) and method.source in line for line in out.splitlines())


def test_seeds_at_once_give_the_same_table(tmp_path, capsys):
    records = []
    for place, at_once in enumerate(("1", "2")):
        file = tmp_path / f"{place}.json"
        assert main([
            *QUICK, "--precision", "float64", "--method", "gdw", "--method", "glc", "--seeds", "3",
            "--seeds-at-once", at_once, "--json", str(file),
        ]) == 0  # fmt: skip
        records.append({r["code"]: r for r in read(file)})
    one_by_one, at_once = records
    assert len(one_by_one) == 6
    assert at_once.keys() == one_by_one.keys()
    for code, record in one_by_one.items():
        assert at_once[code]["accuracy"] == pytest.approx(record["accuracy"], abs=1e-9)
    assert "gdw, 2 seeds" in capsys.readouterr().err


def test_a_diverging_seed_among_many_is_reported(capsys):
    assert main([*QUICK, "--lr", "1e30", "--seeds", "2", "--seeds-at-once", "2"]) == 1
    assert capsys.readouterr().err.count("the loss stopped being finite at step") == 2


def test_every_field_of_an_experiment_is_reachable():
    own_options = {"method", "seed", "settings"}  # --method, --seeds with --first-seed, --set
    assert set(NAMES) - own_options <= vars(parser().parse_args(["run"])).keys()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--no-augment"], {"augment": False}),
        (["--no-flip"], {"flip": False}),
        (["--augment"], {"augment": True}),
        (["--capture"], {"capture": True}),
        (["--no-capture", "--no-channels-last"], {"capture": False, "channels_last": False}),
        (["--momentum", "0.5", "--weight-decay", "0.1"], {"momentum": 0.5, "weight_decay": 0.1}),
        (["--noise", "[[0.9, 0.1], [0.5, 0.5]]"], {"noise": ((0.9, 0.1), (0.5, 0.5))}),
        (["--max-prob", "0.999"], {"max_prob": 0.999}),
        (["--set", "clip=1", "--method", "gdw"], {"settings": {"clip": 1}}),
        (["--set", "gdw.clip=2", "--method", "gdw"], {"settings": {"clip": 2}}),
    ],
)
def test_options_become_fields(arguments, expected):
    (found,) = experiments_of(parser().parse_args(["run", *arguments]))
    assert found == gdw.Experiment(**expected)
    assert found.engine == gdw.Experiment(**expected).engine
