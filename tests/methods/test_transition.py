"""The noise matrix: recovered on data where it is known; the correction against autograd."""

import pytest
import torch
from torch.nn.functional import nll_loss

from gdw.data import generator, load_dataset, make_task
from gdw.data.task import Split
from gdw.methods.transition import estimate_transition, mean_by_class, share_of_epochs, true_class_posterior
from gdw.networks.classifiers import build_model
from tests.methods.helpers import CLASSES, FEATURES, autograd_of, labels_task, make_step

MATRIX = torch.tensor([[0.7, 0.3, 0, 0], [0, 0.6, 0.2, 0.2], [0.1, 0.1, 0.8, 0], [0, 0, 0, 1]], dtype=torch.float64)


class KnowsTheNoise(torch.nn.Module):
    """Sees the true class in its input and answers with that class's row of the matrix."""

    def __init__(self):
        super().__init__()
        self.matrix = torch.nn.Parameter(MATRIX)

    def forward(self, images):
        return self.matrix[images[:, 0].round().long()].log()


def test_a_model_that_knows_the_noise_gives_the_matrix_back():
    labels = torch.arange(CLASSES).repeat(3)
    images = labels[:, None].expand(-1, FEATURES).double()
    estimate = estimate_transition(KnowsTheNoise(), labels_task(labels, meta=Split(images, labels)))
    torch.testing.assert_close(estimate, MATRIX, atol=4e-4, rtol=0)  # zeros count as 1e-4
    torch.testing.assert_close(estimate.sum(-1), torch.ones(CLASSES, dtype=torch.float64))


def test_a_class_without_a_clean_image_keeps_its_labels():
    rows = mean_by_class(torch.tensor([[0.25, 0.75, 0.0]]), torch.tensor([0]))
    torch.testing.assert_close(rows, torch.tensor([[0.25, 0.75, 0], [0, 1, 0], [0, 0, 1]]), atol=3e-4, rtol=0)


@pytest.mark.parametrize(("noise", "rate"), [("flip", 0.4), ("uniform", 0.5)])
def test_the_matrix_of_noisy_clouds_is_recovered_to_a_tenth_on_average(noise, rate):
    """A model trained on the noisy labels, and 20 clean points of each class: mean absolute error below 0.1."""
    task = make_task(load_dataset("clouds"), noise=noise, rate=rate, meta_per_class=20)
    model = build_model("mlp", task.input_shape, task.num_classes, generator(0, "model"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    images = task.pixels.normalise(task.train.images)
    for _ in range(100):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), task.train.labels).backward()
        optimizer.step()
    error = (estimate_transition(model, task).double() - task.matrix).abs().mean()
    assert error < 0.1
    assert error < 0.5 * (torch.eye(task.num_classes) - task.matrix).abs().mean()


def test_the_corrected_gradient_is_autograds():
    step = make_step()
    expected = autograd_of(lambda z: nll_loss((z.softmax(-1) @ MATRIX).log(), step.labels, reduction="sum"), step)
    posterior = true_class_posterior(step.logits.detach(), step.labels, MATRIX.log())
    torch.testing.assert_close(step.probs - posterior, expected)


@pytest.mark.parametrize(("epochs", "share", "parts"), [(60, 0.5, (30, 30)), (2, 0.01, (1, 1)), (3, 1.0, (2, 1))])
def test_both_models_get_at_least_an_epoch(epochs, share, parts):
    assert share_of_epochs(epochs, share) == parts
