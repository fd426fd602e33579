"""Instance-dependent noise: its rates, that it depends on the image, and that the rest of the task stays."""

import pytest
import torch
from scipy.stats import truncnorm

import gdw
from gdw.data.corruption import counted_matrix, instance_dependent_labels, instance_rates
from gdw.data.randomness import generator


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.4, 1.0])
def test_rates_are_scipys_truncated_normal(rate):
    rates = instance_rates(20_000, rate, generator(0, "rates"))
    expected = truncnorm((0 - rate) / 0.1, (1 - rate) / 0.1, loc=rate, scale=0.1)
    assert rates.min() >= 0
    assert rates.max() <= 1
    assert float(rates.mean()) == pytest.approx(expected.mean(), abs=0.004)
    assert float(rates.std()) == pytest.approx(expected.std(), abs=0.004)


def test_about_the_rate_is_mislabelled_and_equal_images_go_the_same_way():
    """Two kinds of image in one class: each kind's wrong labels lean to its own favourite."""
    random = generator(0, "images")
    kinds = torch.randn(2, 8, 8, generator=random)
    which = torch.arange(4000) % 2
    images = kinds[which]
    labels = torch.zeros(4000, dtype=torch.int64)
    observed = instance_dependent_labels(images, labels, 0.4, 5, random)
    wrong = observed != labels
    assert float(wrong.double().mean()) == pytest.approx(0.4, abs=0.03)
    shares = [torch.bincount(observed[wrong & (which == kind)], minlength=5).double() for kind in (0, 1)]
    first, second = (share / share.sum() for share in shares)
    assert float((first - second).abs().sum()) > 0.3  # no single matrix gives both


def test_a_task_has_it_and_reports_the_matrix_it_came_to():
    dataset = gdw.load_dataset("digits")
    task, clean = (gdw.make_task(dataset, noise=n, rate=0.4) for n in ("instance-dependent", "uniform"))
    assert torch.equal(task.true_labels, clean.true_labels)
    assert torch.equal(task.test.labels, clean.test.labels)
    assert task.wrong_label_rate == pytest.approx(0.4, abs=0.05)
    torch.testing.assert_close(task.matrix, counted_matrix(task.true_labels, task.train.labels, 10))
    torch.testing.assert_close(task.matrix.sum(1), torch.ones(10, dtype=torch.float64))
    again = gdw.make_task(dataset, noise="instance-dependent", rate=0.4)
    assert torch.equal(task.train.labels, again.train.labels)


def test_a_misspelt_noise_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'instance-dependent'"):
        gdw.make_task(gdw.load_dataset("digits"), noise="instance-dependant")


def test_a_class_without_an_image_has_the_identitys_row():
    matrix = counted_matrix(torch.tensor([0, 0, 2]), torch.tensor([0, 2, 0]), 3)
    assert matrix.tolist() == [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
