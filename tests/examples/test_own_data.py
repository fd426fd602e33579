"""The folder with wrong labels, and runs without a known truth."""

import numpy as np
import pytest
import torch
from PIL import Image

import gdw
from gdw_notebooks.examples.digit_folder import write_digits
from gdw_notebooks.examples.own_data import suspicion


def test_the_folder_has_the_asked_share_of_wrong_labels_and_does_not_tell(tmp_path):
    truth = write_digits(tmp_path / "digits", per_class=10, wrong=0.2)
    assert len(truth) == 100
    assert sum(path[0] != digit for path, digit in truth.items()) == 20
    assert sorted(set(truth.values())) == list("0123456789")
    names = sorted(path.split("/")[1] for path in truth)
    assert names == [f"{number:04d}.png" for number in range(100)]
    for path in truth:
        with Image.open(tmp_path / "digits" / path) as picture:
            assert not picture.info
    assert write_digits(tmp_path / "again", per_class=10, wrong=0.2) == truth
    with pytest.raises(ValueError, match="not empty"):
        write_digits(tmp_path / "digits")


def test_a_run_uses_no_truth_and_leaves_the_confirmed_ones_out(tmp_path):
    truth = write_digits(tmp_path / "digits", per_class=12)
    dataset = gdw.load_dataset(str(tmp_path / "digits"))
    confirmed = torch.arange(0, 120, 4)
    labels = torch.tensor([dataset.class_names.index(truth[dataset.paths[p]]) for p in confirmed])
    found = suspicion(dataset, confirmed, labels, gdw.Experiment(method="gdw", epochs=2, batch_size=30))
    assert not set(found.pictures) & set(confirmed.tolist())
    assert len(found.pictures) == len(found.loss) == len(found.weight) == 90
    assert np.isfinite(found.loss).all()
    assert (found.loss > 0).all()
    assert np.isfinite(found.weight).all()
