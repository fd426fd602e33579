"""The flow matrix: cells, marks, and titles, against the numbers put in."""

import numpy as np
import torch

from gdw.gradients.flows import class_gradients
from gdw_notebooks.figures.flow_matrix import flow_matrix

NAMES = ("cat", "dog", "bird")
PROBS = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]], dtype=torch.float64)
LABELS, CLEAN = torch.tensor([1, 2]), torch.tensor([0, 2])
FLOWS = class_gradients(PROBS, LABELS)


def test_cells_are_the_flows_on_a_scale_even_around_zero():
    figure = flow_matrix(FLOWS, LABELS, CLEAN, NAMES)
    (image,) = figure.axes[0].get_images()
    np.testing.assert_allclose(image.get_array(), [[0.6, -0.7, 0.1], [0.2, 0.2, -0.4]], atol=1e-12)
    assert image.norm.vmin == -image.norm.vmax
    assert image.norm.vmax == FLOWS.abs().max().item()
    assert figure.get_suptitle().startswith("1 of 2 labels are wrong")


def test_a_ring_marks_the_truth_and_a_cross_the_label():
    axes = flow_matrix(FLOWS, LABELS, CLEAN, NAMES).axes[0]
    marks = {each.get_label(): each.get_offsets()[:, 0].tolist() for each in axes.collections}
    assert marks == {"true class": [0, 2], "observed label": [1, 2]}


def test_one_instance_writes_its_numbers():
    figure = flow_matrix(FLOWS[0], LABELS[0], CLEAN[0], NAMES)
    assert [text.get_text() for text in figure.axes[0].texts] == ["+.60", "−.70", "+.10"]
    assert figure.get_suptitle() == "The label says dog, the truth is cat: dog is pushed up"


def test_a_large_batch_has_marks_but_no_numbers():
    flows, labels = FLOWS[0].expand(100, 3), torch.ones(100, dtype=torch.long)
    axes = flow_matrix(flows, labels, labels, NAMES).axes[0]
    assert not axes.texts
    assert len(axes.collections[0].get_offsets()) == 100
