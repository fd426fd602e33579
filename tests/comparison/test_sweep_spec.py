"""A sweep's description: what is wrong with it is said before any work."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gdw
from gdw.comparison.sweep_spec import experiments_of, load_spec
from tests.fuzz import result_or_sentence

GOOD = {"methods": ["cross-entropy"], "epochs": 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": "12"}, "seeds .* must be a whole number, got '12'"),
        ({"seeds": [0, 0.5]}, "each seed must be a whole number, got 0.5"),
        ({"seeds": True}, "seeds .* must be a whole number"),
        ({"seeds": []}, "at least one seed"),
        ({"seeds": 0}, "seeds .* must be at least 1"),
        ({"capture": "false"}, "capture must be true or false, got 'false'"),
        ({"method": "gdw"}, "unknown key of a sweep 'method'; did you mean 'methods'"),
        ({"seed": 3}, "unknown key of a sweep 'seed'; did you mean 'seeds'"),
        ({"methods": "gdw"}, "methods must be a list of names"),
        ({"methods": [3]}, "unknown method 3"),
        ({"methods": ["gwd"]}, "did you mean 'gdw'"),
        ({"scenarios": [{"rate": 1.4}]}, r"rate must lie in \[0, 1\]"),
        ({"methods": []}, "names no method"),
        ({"scenarios": []}, "no scenario"),
        ({"scenarios": {"rate": 0.4}}, r"write \[\[scenarios\]\]"),
        ({"scenarios": [3]}, "a scenario must be a table"),
        ({"scenarios": [{"rate": []}]}, "names no value"),
        ({"scenarios": [{"rate": ["a"]}]}, "rate must be a number"),
        ({"scenarios": [{"noise": [3]}]}, "matrix"),
        ({"scenarios": [{"rtae": 0.4}]}, "did you mean 'rate'"),
        ({"settings": 3}, "settings must be a table"),
        ({"settings": {"gdw": 3}}, "settings.gdw must be a table"),
        ({"settings": {"gwd": {}}}, "did you mean 'gdw'"),
        ({"plans": 3}, "plans must be a table"),
        ({"plans": {"gdw": 3}}, "plans.gdw must be a table"),
        ({"plans": {"gwd": {}}}, "did you mean 'gdw'"),
        ({"plans": {"gdw": {"epoch": 3}}}, "unknown key of plans.gdw 'epoch'; did you mean 'epochs'"),
        ({"plans": {"gdw": {"noise": "flip"}}}, "unknown key of plans.gdw 'noise'"),
        ({"epochs": [3]}, "epochs must be a whole number"),
        ({"dataset": {}}, "dataset must be a name"),
    ],
)
def test_a_wrong_spec_is_refused_in_a_sentence(change, message):
    with pytest.raises(ValueError, match=message):
        experiments_of(GOOD | change)


def test_a_plan_is_of_one_method_and_comes_before_what_all_share():
    spec = {"methods": ["gdw", "mwnet"], "epochs": 1, "plans": {"mwnet": {"lr": 0.02, "epochs": 3}}}
    ours, theirs = experiments_of(spec)
    assert (ours.lr, ours.epochs) == (gdw.Experiment(epochs=1).lr, 1)
    assert (theirs.lr, theirs.epochs) == (0.02, 3)


def test_equal_scenarios_run_once():
    found = experiments_of(GOOD | {"scenarios": [{"rate": [0, 0.0, 0.5]}, {}, {"imbalance": 1}]})
    assert found == [gdw.Experiment(method="cross-entropy", epochs=1, rate=rate) for rate in (0, 0.5)]


def test_the_file_is_named(tmp_path):
    file = tmp_path / "spec.toml"
    file.write_text('methods = ["gdw"]\nseeds = "12"\n')
    with pytest.raises(ValueError, match="spec.toml: seeds"):
        load_spec(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="spec.toml is not a text file in UTF-8"):
        load_spec(file)


JSON = st.recursive(
    st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["methods", "seeds", "scenarios", "settings", "plans", "rate", "capture", "dataset", "epochs"])


@given(st.dictionaries(KEYS, JSON, max_size=4))
def test_any_table_is_a_list_of_experiments_or_a_sentence(change):
    for experiment in result_or_sentence(lambda: experiments_of(GOOD | change)) or ():
        assert json.dumps(experiment.config())
