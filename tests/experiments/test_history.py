"""History: saved, loaded, compared."""

import json

import numpy as np
import pytest

from gdw.experiments.history import History


def recorded(epochs=7):
    history = History({"method": "gdw", "seed": 3}, ("cat", "dog"), 0.25, (6, 2), metadata={"seconds": 1.5})
    for epoch in range(epochs):
        history.append({
            "test_accuracy": 10.0 * epoch, "validation_accuracy": float("nan"),
            "class_accuracy": [50.0, 10.0 * epoch], "flow_weight": [[1.0, np.nan], [0.5, epoch / 3]],
        })  # fmt: skip
    return history


def test_save_and_load_give_every_digit_back(tmp_path):
    history = recorded()
    history.save(tmp_path / "run.json")
    again = History.load(tmp_path / "run.json")
    assert again == history
    assert again.class_names == ("cat", "dog")
    assert again.metadata == history.metadata
    assert "NaN" not in (tmp_path / "run.json").read_text()
    json.loads((tmp_path / "run.json").read_text(), parse_constant=pytest.fail)


def test_scores_are_means_of_the_last_five_epochs():
    history = recorded()
    assert len(history) == 7
    assert history.accuracy == np.mean([20, 30, 40, 50, 60])
    assert history.worst_class == 40
    assert np.isnan(history.validation_accuracy)
    assert np.isnan(History({}).accuracy)


def test_equality_sees_every_number_and_no_metadata():
    assert recorded() == recorded()
    other = recorded()
    other.metadata["seconds"] = 99.0
    assert other == recorded()
    other["flow_weight"][3, 1, 1] = np.nextafter(1.0, 2.0)
    assert other != recorded()
    assert recorded(6) != recorded(7)
    assert recorded() != "a history"


@pytest.mark.parametrize("values", [3, None, "0.5", ["a"], {"0": 1}, [[1], [1, 2]]])
def test_what_is_no_list_of_numbers_is_refused(values):
    with pytest.raises(ValueError, match=r"^epochs\['test_accuracy'\] must be a list with numbers for each epoch"):
        History.from_record({"config": {}, "epochs": {"test_accuracy": values}})


def test_what_a_method_keeps_in_some_epochs_only_is_nan_in_the_others(tmp_path):
    """A snapshot may begin late, or end."""
    history = History({"method": "mine", "seed": 0})
    for row in ({"lr": 1.0}, {"lr": 0.5, "curve": [1.0, 2.0]}, {"lr": 0.1}):
        history.append(row)
    nothing = [np.nan, np.nan]
    np.testing.assert_array_equal(history["curve"], [nothing, [1.0, 2.0], nothing])
    history.save(tmp_path / "run.json")
    assert History.load(tmp_path / "run.json") == history


def test_the_worst_class_is_one_that_has_test_images():
    history = recorded()
    history["class_accuracy"][:, 0] = np.nan
    assert history.worst_class == 40
    history["class_accuracy"][:] = np.nan
    assert np.isnan(history.worst_class)


@pytest.mark.parametrize("row", [{"lr": 1.0, "curve": [1.0]}, {"curve": "a"}, {"curve": [1.0, 2.0], "lr": [1.0]},
                                 {"new": 1.0, "curve": [[1.0], [1.0, 2.0]]}])  # fmt: skip
def test_an_epoch_that_does_not_fit_is_named_and_adds_nothing(row):
    history = History({"method": "mine", "seed": 0})
    history.append({"lr": 1.0, "curve": [1.0, 2.0]})
    before = dict(history.epochs)
    with pytest.raises(ValueError, match=r"^'(curve|lr)' of this epoch does not fit"):
        history.append(row)
    assert history.epochs == before
    assert len(history) == 1
