"""A task's splits are disjoint, balanced and seeded, and each setting moves only what it is about."""

import numpy as np
import pandas
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gdw.data.dataset import Dataset
from gdw.data.datasets import load_dataset
from gdw.data.task import make_task

SPLITS = ("train", "meta", "validation", "test")
DIGITS = load_dataset("digits")


def numbered(sizes, test_sizes=None):
    """A data set whose image i holds the number i; its test images count on."""
    labels = torch.cat([torch.full((size,), label) for label, size in enumerate(sizes)])
    images = torch.arange(len(labels)).view(-1, 1).float()
    names = tuple("abcdefgh"[: len(sizes)])
    if test_sizes is None:
        return Dataset("numbered", names, images, labels)
    test_labels = torch.cat([torch.full((size,), label) for label, size in enumerate(test_sizes)])
    test_images = len(labels) + torch.arange(len(test_labels)).view(-1, 1).float()
    return Dataset("numbered", names, images, labels, test_images, test_labels)


def shown(split):
    return split.images[:, 0].long()


@given(
    sizes=st.lists(st.integers(20, 60), min_size=3, max_size=6),
    own_test=st.booleans(),
    meta=st.integers(1, 5),
    validation=st.integers(0, 5),
    imbalance=st.floats(0.2, 1),
    rate=st.floats(0, 1),
    noise=st.sampled_from(["uniform", "symmetric", "flip", "flip2", "pair"]),
    seed=st.integers(0, 1000),
)
def test_splits_are_disjoint_balanced_and_true_to_their_source(
    sizes, own_test, meta, validation, imbalance, rate, noise, seed
):
    data = numbered(sizes, [3] * len(sizes) if own_test else None)
    counts = {"meta_per_class": meta, "validation_per_class": validation}
    task = make_task(data, noise=noise, rate=rate, imbalance=imbalance, seed=seed, **counts)
    everything = torch.cat([task.dataset_indices[name] for name in SPLITS])
    assert len(everything.unique()) == len(everything)
    for name in SPLITS:
        assert torch.equal(shown(getattr(task, name)), task.dataset_indices[name])
    truth = data.labels if not own_test else torch.cat([data.labels, data.test_labels])
    assert torch.equal(task.true_labels, truth[task.dataset_indices["train"]])
    for name in ("meta", "validation", "test"):
        assert torch.equal(getattr(task, name).labels, truth[task.dataset_indices[name]])
    assert torch.bincount(task.meta.labels).tolist() == [meta] * len(sizes)
    assert torch.bincount(task.validation.labels, minlength=len(sizes)).tolist() == [validation] * len(sizes)
    if imbalance == 1:
        assert len(everything) == len(truth)


def test_the_held_out_test_set_is_a_stratified_share_that_no_setting_moves():
    first = make_task(DIGITS)
    share = torch.bincount(first.test.labels) / torch.bincount(DIGITS.labels)
    assert (share - 0.3).abs().max() < 0.005
    for settings in ({"seed": 5}, {"rate": 0.8}, {"meta_per_class": 20}, {"imbalance": 0.1}):
        assert torch.equal(make_task(DIGITS, **settings).dataset_indices["test"], first.dataset_indices["test"])


def test_a_test_set_of_its_own_is_used_whole():
    data = numbered([10, 10, 10], [4, 5, 6])
    task = make_task(data)
    assert torch.equal(task.test.images, data.test_images)
    assert torch.equal(task.test.labels, data.test_labels)
    assert len(task.train) == 15


def test_the_same_settings_give_the_same_task_and_another_seed_another():
    settings = {"noise": "flip", "rate": 0.4, "imbalance": 0.5, "validation_per_class": 3}
    one, again, other = (make_task(DIGITS, **settings, seed=seed) for seed in (1, 1, 2))
    for name in SPLITS:
        assert torch.equal(one.dataset_indices[name], again.dataset_indices[name])
        assert torch.equal(getattr(one, name).labels, getattr(again, name).labels)
    assert torch.equal(one.matrix, again.matrix)
    assert not torch.equal(one.matrix, other.matrix)
    assert not torch.equal(one.dataset_indices["meta"], other.dataset_indices["meta"])


def test_noise_moves_no_split_and_imbalance_no_meta_image():
    plain = make_task(DIGITS, validation_per_class=4)
    noisy = make_task(DIGITS, noise="flip2", rate=0.5, validation_per_class=4)
    thin = make_task(DIGITS, imbalance=0.1, validation_per_class=4)
    for name in SPLITS:
        assert torch.equal(plain.dataset_indices[name], noisy.dataset_indices[name])
    for name in ("meta", "validation", "test"):
        assert torch.equal(plain.dataset_indices[name], thin.dataset_indices[name])
    assert set(thin.dataset_indices["train"].tolist()) < set(plain.dataset_indices["train"].tolist())


def test_validation_images_come_out_of_training_and_leave_meta_where_it_was():
    without, with_some = make_task(DIGITS), make_task(DIGITS, validation_per_class=7)
    assert torch.equal(without.dataset_indices["meta"], with_some.dataset_indices["meta"])
    assert len(without.train) - len(with_some.train) == len(with_some.validation) == 70


def test_no_torch_state_is_read_or_moved():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    one = make_task(DIGITS, rate=0.4, imbalance=0.5)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(99)
    assert torch.equal(one.train.labels, make_task(DIGITS, rate=0.4, imbalance=0.5).train.labels)


def test_without_noise_every_label_is_true():
    task = make_task(DIGITS)
    assert torch.equal(task.train.labels, task.true_labels)
    assert task.wrong_label_rate == 0.0
    assert torch.equal(task.matrix, torch.eye(10, dtype=torch.float64))


def test_wrong_label_rate_is_counted():
    task = make_task(DIGITS, noise="symmetric", rate=0.6)
    assert task.wrong_label_rate == float((task.train.labels != task.true_labels).double().mean())
    assert abs(task.wrong_label_rate - 0.6) < 0.07


def test_a_matrix_in_place_of_a_name():
    swap = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    for noise in (swap, np.array(swap), torch.tensor(swap)):
        task = make_task(numbered([20, 20, 20]), noise=noise)
        assert torch.equal(task.train.labels, torch.tensor([1, 0, 2])[task.true_labels])


def test_a_matrix_of_pandas_is_read_by_the_names_of_the_classes():
    data = numbered([20, 20, 20])
    swap = pandas.DataFrame([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]], index=["c", "a", "b"], columns=["c", "b", "a"])
    task = make_task(data, noise=swap)  # c to a, a to b, b to c
    assert torch.equal(task.train.labels, torch.tensor([1, 2, 0])[task.true_labels])
    with pytest.raises(ValueError, match="rows and columns of the noise matrix must be called a, b, c, got 0, 1, 2"):
        make_task(data, noise=pandas.DataFrame(torch.eye(3).numpy()))


@pytest.mark.parametrize(("kind", "expected"), [("exponential", [60, 30, 15]), ("step", [40, 40, 10])])
def test_an_imbalance_is_exact_and_as_large_as_the_classes_allow(kind, expected):
    data = numbered([61, 61, 61] if kind == "exponential" else [61, 41, 61], [1, 1, 1])
    task = make_task(data, imbalance=0.25, imbalance_kind=kind, meta_per_class=1)
    assert torch.bincount(task.true_labels).tolist() == expected


def test_a_class_that_is_rare_already_only_limits_the_scale():
    task = make_task(numbered([101, 101, 11], [1, 1, 1]), imbalance=0.1, meta_per_class=1)
    assert torch.bincount(task.true_labels).tolist() == [100, 31, 10]


def test_shapes_and_devices():
    task = make_task(DIGITS, validation_per_class=2)
    assert (task.num_classes, task.input_shape) == (10, (1, 8, 8))
    assert task.pixels is DIGITS.pixels
    assert make_task(load_dataset("clouds")).input_shape == (2,)
    moved = task.to("meta")
    assert {getattr(moved, name).images.device.type for name in SPLITS} == {"meta"}
    assert moved.true_labels.device.type == "meta"
    assert len(moved.train) == len(task.train)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"meta_per_class": 8}, "class b has only 7 images outside the test set: too few for meta_per_class 8"),
        ({"meta_per_class": 4, "validation_per_class": 3}, "class b has only 7 images.*validation_per_class 3"),
        ({"meta_per_class": 0}, "meta_per_class must be at least 1, got 0"),
        ({"validation_per_class": -1}, "validation_per_class must be at least 0, got -1"),
        ({"rate": 1.4}, r"rate must lie in \[0, 1\], got 1.4"),
        ({"noise": "flp"}, "unknown noise 'flp'; did you mean 'flip'"),
        ({"imbalance": 0.0}, r"imbalance must lie in \(0, 1\], got 0"),
        ({"imbalance_kind": "stepp"}, "unknown imbalance kind 'stepp'; did you mean 'step'"),
        ({"imbalance": 0.01}, "imbalance 0.01 leaves class 2 without an image"),
        ({"noise": torch.ones(3, 3)}, "got the sum 3 in row 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make_task(numbered([20, 10, 30]), **({"meta_per_class": 1} | settings))


@pytest.mark.parametrize("own_test", [None, [9, 8, 7]])
def test_a_smaller_run_has_as_many_of_each_class_as_asked_and_the_same_test_images_for_every_seed(own_test):
    data = numbered([40, 30, 50], own_test)
    made = [make_task(data, meta_per_class=2, train_per_class=6, test_per_class=4, seed=seed) for seed in range(2)]
    for task in made:
        assert torch.bincount(task.true_labels).tolist() == [6] * 3
        assert torch.bincount(task.test.labels).tolist() == [4] * 3
        everything = torch.cat([task.dataset_indices[name] for name in SPLITS])
        assert len(everything.unique()) == len(everything)
    assert torch.equal(shown(made[0].test), shown(made[1].test))
    assert not torch.equal(shown(made[0].train), shown(made[1].train))
    whole = make_task(data, meta_per_class=2, seed=0)
    assert torch.equal(shown(whole.meta), shown(made[0].meta))
    assert set(shown(made[0].train).tolist()) < set(shown(whole.train).tolist())


@pytest.mark.parametrize(
    ("few", "message"),
    [
        ({"train_per_class": 0}, "train_per_class must be at least 1, got 0"),
        ({"test_per_class": 0}, "test_per_class must be at least 1, got 0"),
        ({"train_per_class": 20}, "class b has only 21 images outside the test set: .*meta_per_class 5.* and 20 more"),
        ({"test_per_class": 10}, "class b has only 9 test images: too few for test_per_class 10"),
    ],
)
def test_a_smaller_run_cannot_be_larger_than_the_data(few, message):
    with pytest.raises(ValueError, match=message):
        make_task(numbered([40, 30, 50]), **few)


@pytest.mark.parametrize(("channels", "expected"), [(1, (2, 3)), (3, (2, 3, 3))])
def test_a_picture_is_height_by_width_and_three_colours_if_it_has_any(channels, expected):
    images = torch.arange(40 * channels * 6).view(40, channels, 2, 3).float()
    data = Dataset("own", ("a", "b"), images, torch.arange(40) % 2)
    task = make_task(data, train_per_class=5, meta_per_class=2)
    assert task.picture(0).shape == expected
