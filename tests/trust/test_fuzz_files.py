"""Files with any content: each reader gives a result, or one sentence of ours that names the file.

The short form of each; ``GDW_FUZZ`` sets the number of examples for a longer one.
"""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

import gdw
from gdw.comparison.records import opened, read
from gdw.comparison.sweep_spec import load_spec
from gdw.training import checkpoint
from tests.fuzz import outcome, reads_or_explains, values
from tests.trust.killing import tiny

EXAMPLES = int(os.environ.get("GDW_FUZZ", "60"))

names = st.sampled_from(
    ["config", "epochs", "class_names", "class_counts", "wrong_label_rate", "metadata", "error", "method", "seed"]
)
records = st.dictionaries(names | st.text(max_size=5), values | st.dictionaries(names, values, max_size=4), max_size=9)
contents = (
    st.binary(max_size=200)
    | values.map(lambda v: json.dumps(v).encode())
    | records.map(lambda v: json.dumps(v).encode())
    | st.lists(records | values, max_size=3).map(lambda v: b"\n".join(json.dumps(one).encode() for one in v) + b"\n")
)
short = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])


@short
@given(contents)
def test_a_history_is_read_or_refused_in_words(tmp_path, content):
    history = reads_or_explains(gdw.History.load, content, tmp_path / "history.json")
    if history is not None:
        again = gdw.History.from_record(json.loads(json.dumps(history.to_record())))
        assert len(again) == len(history)
        repr((history.accuracy, history) if "test_accuracy" in history.epochs else history)


@short
@given(values | records)
def test_a_record_is_read_or_refused_in_words(record):
    history, message = outcome(lambda: gdw.History.from_record(record))
    assert (history is None) == (message is not None)


@short
@given(contents)
def test_a_checkpoint_is_refused_in_words(tmp_path, content):
    assert reads_or_explains(gdw.Training.load, content, tmp_path / "run.safetensors") is None


@short
@given(contents)
def test_a_sweeps_file_is_read_or_refused_in_words(tmp_path, content):
    reads_or_explains(read, content, tmp_path / "sweep.jsonl")


@short
@given(contents | values.map(lambda v: f"methods = {json.dumps(v)}\n[[scenarios]]\nrate = 0.4\n".encode()))
def test_a_sweeps_description_is_read_or_refused_in_words(tmp_path, content):
    for experiment in reads_or_explains(load_spec, content, tmp_path / "spec.toml") or ():
        assert isinstance(experiment, gdw.Experiment)


@short
@given(contents)
def test_a_runs_file_is_read_or_refused_in_words(tmp_path, content):
    def open_and_read(path):
        with opened(path):
            return read(path)

    reads_or_explains(open_and_read, content, tmp_path / "run.json")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "run.safetensors"
    training = gdw.Training(tiny("gdw"))
    stream = training.events()
    for _ in range(7):
        next(stream)
    training.save(path)
    return lambda: checkpoint.read(path)  # hypothesis would write out a dictionary


@settings(max_examples=max(EXAMPLES // 3, 5), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["experiment", "history", "data", "model", "method", "loop"]), st.integers(-1, 40), values)
def test_a_checkpoint_with_a_right_digest_and_wrong_content_is_refused_in_words(tmp_path, saved, where, place, value):
    """As somebody would write it who knows the format: one value in place of another."""
    whole = saved()
    changed = {**whole, where: value}
    if isinstance(whole[where], dict) and place >= 0:
        names = sorted(whole[where])
        changed[where] = {**whole[where], names[place % len(names)]: value}
    path = tmp_path / "hostile.safetensors"
    checkpoint.write(path, changed)
    training, message = outcome(lambda: gdw.Training.load(path))
    assert message is None or path.name in message
    assert training is None or training.experiment.epochs >= 1


@pytest.mark.parametrize("content", ["[" * 100_000, "1" * 10_000, '{"a":' * 50_000], ids=["[", "1", "names"])
@pytest.mark.parametrize("read", [gdw.History.load, read, gdw.Training.load], ids=["History", "sweep", "run"])
def test_deep_and_long_json_is_refused_in_words(read, content, tmp_path):
    path = tmp_path / "deep.json"
    path.write_text(content + "\n", "utf-8")
    with pytest.raises(ValueError, match="deep.json"):
        read(path)


@pytest.mark.parametrize("value", ["[" * 100_000, "1" * 10_000], ids=["deep", "long"])
def test_deep_and_long_toml_is_refused_in_words(value, tmp_path):
    path = tmp_path / "deep.toml"
    path.write_text(f"seeds = {value}\n", "utf-8")
    with pytest.raises(ValueError, match="deep.toml is not TOML"):
        load_spec(path)


@pytest.mark.parametrize("metadata", [None, {"format": "gdw run 1"}, {"format": "gdw run 9", "content": "{}"}])
def test_safetensors_files_of_others_are_refused(metadata, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(save({}, metadata))
    with pytest.raises(ValueError, match="x.safetensors"):
        gdw.Training.load(tmp_path / "x.safetensors")
