"""What the papers write: for each method with a loss of its own, that loss as a plain float64 formula, and its cases.

A formula takes the method's settings under their names and gives ``loss(logits, step, method)``. It is made anew for
each test, since some keep what they saw at earlier steps.
"""

import pytest
import torch
from torch.nn.functional import cross_entropy, nll_loss, one_hot

from gdw import methods
from tests.methods.helpers import CLASSES, COUNTS, MATRIX

CLEAN_ROWS = torch.arange(12) % 3 == 0
MIXED = (0.9 * MATRIX + 0.1 / CLASSES).tolist()


def of_label(values, labels):
    return values.gather(1, labels[:, None])[:, 0]


def plain(**settings):
    return lambda z, step, method: cross_entropy(z, step.labels)


def smoothed(smoothing):
    return lambda z, step, method: cross_entropy(z, step.labels, label_smoothing=smoothing)


def focal(gamma):
    def loss(z, step, method):
        log_prob = of_label(z.log_softmax(-1), step.labels)
        return (-((1 - log_prob.exp()) ** gamma) * log_prob).mean()

    return loss


def gce(q):
    """Equation 6."""
    return lambda z, step, method: ((1 - of_label(z.softmax(-1), step.labels) ** q) / q).mean()


def balanced_softmax(tau):
    prior = torch.tensor(COUNTS, dtype=torch.float64) / sum(COUNTS)
    return lambda z, step, method: cross_entropy(z + tau * prior.log(), step.labels)


def class_balanced(beta):
    """torch's own class weights, which are to have mean 1."""
    weights = torch.tensor([(1 - beta) / (1 - beta**n) for n in COUNTS], dtype=torch.float64)
    weights = CLASSES * weights / weights.sum()
    return lambda z, step, method: cross_entropy(z, step.labels, weight=weights, reduction="sum") / len(step)


def ldam(scale):
    """The weights come at eight tenths of the ten epochs; the rarest class has 1 image."""
    margins = torch.tensor([0.5 * (1 / n) ** 0.25 for n in COUNTS], dtype=torch.float64)

    def loss(z, step, method):
        weights = [(1 - 0.9999) / (1 - 0.9999**n) if step.epoch >= 8 else 1.0 for n in COUNTS]
        held_back = scale * (z - margins * one_hot(step.labels, CLASSES))
        return cross_entropy(held_back, step.labels, weight=torch.tensor(weights, dtype=torch.float64))

    return loss


def elr(strength, momentum):
    """Equation 6, with the targets as constants: each visit of an instance moves its own."""
    targets = torch.zeros(40, CLASSES, dtype=torch.float64)

    def loss(z, step, method):
        for row, index in enumerate(step.indices.tolist()):
            targets[index] = momentum * targets[index] + (1 - momentum) * z[row].detach().softmax(0)
        agreement = (targets[step.indices] * z.softmax(-1)).sum(-1)
        return cross_entropy(z, step.labels) + strength * (1 - agreement).log().mean()

    return loss


def seesaw(p, q):
    """Equations 3 to 7, factor by factor; the factors are constants. Labels are counted as they come."""
    seen = [0] * CLASSES

    def loss(z, step, method):
        labels = step.labels.tolist()
        for label in labels:
            seen[label] += 1
        counts, total = [max(count, 1) for count in seen], 0.0
        for row, i in zip(z, labels, strict=True):
            sigma, below = row.detach().softmax(0), row[i].exp()
            for j in range(CLASSES):
                if j != i:
                    mitigation = 1.0 if counts[i] <= counts[j] else (counts[j] / counts[i]) ** p
                    compensation = 1.0 if sigma[j] <= sigma[i] else (sigma[j] / sigma[i]) ** q
                    below = below + mitigation * compensation * row[j].exp()
            total = total - (row[i].exp() / below).log()
        return total / len(labels)

    return loss


def glc(transition):
    """Corrected where labels are observed, plain where they are clean."""

    def loss(z, step, method):
        observed = (z.softmax(-1) @ method.transition.detach()).log()
        noisy = nll_loss(observed[~CLEAN_ROWS], step.labels[~CLEAN_ROWS], reduction="sum")
        return (noisy + cross_entropy(z[CLEAN_ROWS], step.labels[CLEAN_ROWS], reduction="sum")) / len(step)

    return loss


def noise_layer(transition):
    def loss(z, step, method):
        return nll_loss((z.softmax(-1) @ method.layer.detach().softmax(-1)).log(), step.labels)

    return loss


def importance(transition):
    """The ratio of the two probabilities of the label is a constant."""

    def loss(z, step, method):
        probs = z.detach().softmax(-1)
        ratio = of_label(probs, step.labels) / of_label(probs @ method.transition, step.labels)
        return (ratio * cross_entropy(z, step.labels, reduction="none")).mean()

    return loss


def case(kind, formula, settings, **given):
    """One row: the method with these settings has this formula's gradient, at steps with ``given``."""
    numbers = {name: value for name, value in (settings | given).items() if isinstance(value, int | float)}
    words = ", ".join(f"{name}={value}" for name, value in numbers.items())
    return pytest.param(kind, formula, settings, given, id=f"{kind.name} {words}")


CASES = [
    *(case(methods.LabelSmoothing, smoothed, {"smoothing": value}) for value in (0.0, 0.1, 0.7, 1.0)),
    *(case(methods.FocalLoss, focal, {"gamma": value}) for value in (0.5, 1.0, 2.0, 5.0)),
    *(case(methods.GCE, gce, {"q": value}) for value in (0.05, 0.3, 0.7, 1.0)),
    *(case(methods.BalancedSoftmax, balanced_softmax, {"tau": value}) for value in (0.5, 1.0, 2.0)),
    case(methods.ClassBalanced, class_balanced, {"beta": 0.9}),
    *(case(methods.LDAM, ldam, {"scale": scale}, epoch=epoch) for scale in (1.0, 30.0) for epoch in (0, 7, 8, 9)),
    *(
        case(methods.ELR, elr, {"strength": strength, "momentum": momentum})
        for strength, momentum in ((3.0, 0.7), (7.0, 0.9), (0.0, 0.5), (1.0, 1.0), (3.0, 0.0))
    ),
    *(case(methods.SeesawLoss, seesaw, {"p": p, "q": q}) for p, q in ((0.8, 2.0), (0.0, 2.0), (0.8, 0.0), (1.5, 0.5))),
    case(methods.GLC, glc, {"transition": MIXED}, is_meta=CLEAN_ROWS),
    case(methods.NoiseLayer, noise_layer, {"transition": MIXED}),
    case(methods.ImportanceReweighting, importance, {"transition": MATRIX.tolist()}),
]
EQUAL_TO_CROSS_ENTROPY = [  # in a limit
    case(kind, plain, settings)
    for kind, settings in (
        (methods.FocalLoss, {"gamma": 0.0}),
        (methods.GCE, {"q": 0.0}),
        (methods.BalancedSoftmax, {"tau": 0.0}),
        (methods.BalancedSoftmax, {"class_counts": [7] * CLASSES}),
        (methods.ClassBalanced, {"beta": 0.0}),
        (methods.ClassBalanced, {"beta": 1e-9}),
        (methods.LDAM, {"max_margin": 0.0, "deferred": 1.0}),
        (methods.SeesawLoss, {"p": 0.0, "q": 0.0}),
        (methods.CoTeaching, {"forget": 0.0}),
        (methods.GDW, {"stage_one": False, "stage_two": False}),
        (methods.TiedGDW, {"stage_one": False, "stage_two": False}),
    )
]
