"""Exercises of notebook 01: set weights by hand, then write the label's weight as a function."""

import torch
from torch import Tensor

from gdw.gradients.flows import class_gradients, zero_mean
from gdw_notebooks.checks.exercise import Exercise, LookAgain, compare, numbers

CAT, DOG, BIRD = 0, 1, 2
PROBS = (0.6, 0.3, 0.1)  # what the network believes of the picture in notebook 01: a cat, labelled dog
RANDOM_CASES, SEED = 20, 1
ROUNDING = 0.01  # of the largest push: weights have three digits
HALF_DIGIT = 5e-4  # the microscope shows three decimals of a weight


class LiftTheCat(Exercise):
    """Weights at or above 0, for cat, dog and bird, that end with cat above bird and a sum of 0."""

    title = "Lift the cat"
    notebook, heading = "01_gradient_flows", "Exercise 1: lift the cat"
    hints = (
        "Which of the three pushes keeps the cat down? And which one keeps the bird down?",
        "The pushes are −0.6, +0.7 and −0.1 before weighting. Shrink the one that says 'not cat', keep 'not bird'.",
        "Choose the weights of cat and bird freely; then the dog's push must bring the sum back to 0.",
    )
    praise = "The push on cat is now above the push on bird. No single instance weight can do this."

    def examine(self, weights) -> None:
        weights = numbers(weights, len(PROBS))
        if weights.min() < 0:
            raise LookAgain("A weight is below 0: this would reverse a flow instead of scaling it.")
        flows = _flows(torch.tensor([PROBS]), torch.tensor([DOG]))[0]
        pushes, rounded = -weights * flows, HALF_DIGIT * flows.abs()[weights > HALF_DIGIT].sum()
        difference = (pushes[CAT] - pushes[BIRD]).item()
        if difference <= 0:
            raise LookAgain(f"cat − bird is {difference:+.3g} with these weights, and should be above 0.")
        if abs(pushes.sum()) > max(ROUNDING * pushes.abs().max(), rounded):
            raise LookAgain(
                f"cat − bird is {difference:+.3g}: good. But the three pushes sum to {pushes.sum():+.3g}, not to 0."
            )


class LabelWeight(Exercise):
    """A function of one instance's weights, probabilities and label that gives the label's own weight."""

    title = "The label's weight"
    notebook, heading = "01_gradient_flows", "Exercise 2: the label's weight"
    hints = (
        "Write the sum of all weighted flows, w[c] * (p[c] − y[c]), and ask which single weight makes it 0.",
        "The label's own flow is p[label] − 1. All other terms of the sum are known: bring them to one side.",
        "The sum over the other classes of w[c] * p[c], divided by something that depends on p[label] alone.",
    )
    praise = "It agrees with gdw.zero_mean on twenty random weights, probabilities and labels."

    def examine(self, function) -> None:
        random = torch.Generator().manual_seed(SEED)
        compare(function, _label_weight, [_random_case(random) for _ in range(RANDOM_CASES)], _describe)


def _flows(probs: Tensor, labels: Tensor) -> Tensor:
    return class_gradients(probs.double(), labels)


def _random_case(random: torch.Generator) -> tuple[Tensor, Tensor, int]:
    classes = int(torch.randint(2, 7, (), generator=random))
    logits = torch.randn(classes, generator=random, dtype=torch.float64)
    weights = torch.rand(classes, generator=random, dtype=torch.float64)
    return weights, logits.softmax(-1), int(torch.randint(classes, (), generator=random))


def _label_weight(weights: Tensor, probs: Tensor, label: int) -> Tensor:
    return zero_mean(weights[None], probs.log()[None], torch.tensor([label]))[0, label]


def _describe(weights: Tensor, probs: Tensor, label: int) -> str:
    def listed(values: Tensor) -> str:
        return ", ".join(f"{value:.2f}" for value in values.tolist())

    return f"For weights ({listed(weights)}), probs ({listed(probs)}) and label {label}"
