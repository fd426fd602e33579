"""The exercises of notebook 01, against the paper's own numbers and an independent solution."""

import pytest
import torch

from gdw_notebooks.checks.gradient_flows import LabelWeight, LiftTheCat


@pytest.mark.parametrize("weights", [(0, 1 / 7, 1), torch.tensor([0.1, 0.1 / 0.7 * 1.6, 1.0]), [0.0, 0.143, 1.0]])
def test_weights_that_lift_the_cat(weights):
    assert LiftTheCat()(weights).right


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ((1, 1, 1), "cat − bird is -0.500"),
        ((0, 0, 0), "cat − bird is +0.000"),
        ((-1, -0.5, 1), "below 0"),
        ((0, 0.5, 1), "sum to +0.250"),
        ((0, 1), "3 numbers are asked for here, and this has 2"),
    ],
)
def test_weights_that_do_not(weights, says):
    assert says in repr(LiftTheCat()(weights))


def test_the_paper_form_of_the_label_weight_is_right():
    def label_weight(weights, probs, label):
        total = sum(w * p for c, (w, p) in enumerate(zip(weights, probs, strict=True)) if c != label)
        return total / (1 - probs[label])

    assert LabelWeight()(label_weight).right


@pytest.mark.parametrize(
    "wrong",
    [
        lambda weights, probs, label: weights.mean(),
        lambda weights, probs, label: (weights * probs).sum() / (1 - probs[label]),
        lambda weights, probs, label: weights[7],
    ],
)
def test_other_forms_are_not(wrong):
    assert LabelWeight()(wrong).verdict == "look again"


@pytest.mark.parametrize("exercise", [LiftTheCat, LabelWeight])
def test_no_hint_is_the_bare_answer(exercise):
    text = " ".join(exercise.hints)
    assert "0.143" not in text
    assert "1 − p[label]" not in text
    assert len(exercise.hints) == 3
