"""Every exercise with right answers in any equivalent form, wrong ones with a hint that fits, and untouched ones."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import cross_entropy

from gdw.comparison.report import Difference
from gdw.experiments.history import History
from gdw_notebooks.checks.broken_data import ThirtyPercent, UniformForty
from gdw_notebooks.checks.class_weights import EqualTies, SecondStage
from gdw_notebooks.checks.clean_set import InnerProduct, ThreeSigns
from gdw_notebooks.checks.comparison import ThreeCells
from gdw_notebooks.checks.exercise import Exercise
from gdw_notebooks.checks.gradient_flows import LabelWeight, LiftTheCat
from gdw_notebooks.checks.motion import HighestRatio
from gdw_notebooks.checks.own_data import PrecisionThreshold
from gdw_notebooks.checks.price import PassOrder, PredictedCost
from gdw_notebooks.checks.real_pictures import MemorisationStarts
from gdw_notebooks.checks.start_here import PairedDifference


@dataclass
class Case:
    """An exercise, its right answers, wrong ones with words that the feedback must hold, and half-written ones."""

    make: object
    right: list
    wrong: list
    untouched: tuple = (None,)
    parts: bool = False  # whether an answer is a tuple of several arguments

    def ask(self, answer, exercise: Exercise | None = None):
        exercise = exercise or self.make()
        return exercise(*answer) if self.parts else exercise(answer)


def forms(values) -> list:
    """The same numbers as list, tuple, array, tensor, series and list of tensors."""
    array = np.array(values, dtype=float)
    return [
        list(values), tuple(values), array, array.astype(np.float32), array[::-1].copy()[::-1], torch.tensor(array),
        torch.tensor(array, requires_grad=True), pd.Series(array), [torch.tensor(float(v)) for v in values],
        [np.float64(v) for v in values],
    ]  # fmt: skip


# ---- 00: five differences that were "run", so that the test needs no training
DIFFERENCES = dict(zip("abcde", (0.0, 1.8, -0.5, 0.4, -0.7), strict=True))
FIVE, MEAN = list(DIFFERENCES.values()), float(np.mean(list(DIFFERENCES.values())))


def paired() -> Case:
    minus = [-value for value in FIVE]
    return Case(
        lambda: PairedDifference(list("abcde")),
        [(answer, MEAN) for answer in forms(FIVE)] + [(FIVE, mean) for mean in (np.float32(MEAN), [MEAN])],
        [
            (([0.0] * 5, 0.0), "Number 2 of your differences"),
            ((minus, -MEAN), "Is it tied GDW minus GDW?"),
            (([0.0, 9.0, 9.0, 9.0, 9.0], 7.2), "Number 2"),
            ((FIVE[1:] + FIVE[:1], MEAN), "Number 1"),
            ((FIVE[:4], MEAN), "5 numbers are asked for here, and this has 4"),
            ((FIVE, MEAN * 5), "is not their mean"),
            ((FIVE, -MEAN), "is not their mean"),
            ((FIVE, 0.0), "is not their mean"),
            ((MEAN, FIVE), "5 numbers are asked for"),
            (([10 * value for value in FIVE], 10 * MEAN), "Number 2"),
        ],
        untouched=((None, None),),
        parts=True,
    )


# ---- 01
def lift_the_cat() -> Case:
    return Case(
        LiftTheCat,
        [
            *forms([0.0, 0.1 / 0.7, 1.0]),
            [0, 0.143, 1],
            torch.tensor([0.1, 0.1 / 0.7 * 1.6, 1.0]),
            [0, 1.43, 10],
            [0, 0.00143, 0.01],
            [0, Fraction(1, 7), 1],
            [0, Decimal("0.143"), 1],
        ],
        [
            ((0, 0.5, 1), "sum to +0.25,"),
            ([0, 0, 0], "cat − bird is +0 "),
            ([1, 1, 1], "cat − bird is -0.5 "),
            ([0, -0.1 / 0.7, -1], "below 0"),
            ([0, 1, 1], "sum to +0.6,"),
            ([0, 0.1, 1], "sum to"),
            ([1, 0.1 / 0.7, 0], "cat − bird is -0.6 "),
            ([0, 0, 0.009], "sum to -0.0009,"),  # small is not 0
            ([0, 0, 1e-4], "sum to -1e-05,"),
            ([1 / 6, 2 / 7, 1], "cat − bird is -"),
            ("0, 0.14, 1", "this has text: write them without quotes"),
            ([0, "0.14", 1], "this has text: write them without quotes"),
            ([[0], [1 / 7, 1]], "rows of the same length"),
            ([0, 1 / 7], "3 numbers are asked for here, and this has 2"),
            (1 / 7, "3 numbers are asked for here, and this has 1"),
            (lambda weights, probs, label: 1.0, "Numbers are asked for"),
        ],
    )


def label_weight() -> Case:
    def right(weights, probs, label):
        total = sum(w * p for c, (w, p) in enumerate(zip(weights, probs, strict=True)) if c != label)
        return total / (1 - probs[label])

    def in_float32(weights, probs, label):
        total = torch.tensor(0.0)
        for c in range(len(weights)):
            total += weights[c] * probs[c] * (c != label)
        return total / (1 - probs[label])

    return Case(
        LabelWeight,
        [
            right,
            lambda *a: float(right(*a)),
            lambda *a: right(*a).numpy(),
            lambda *a: [right(*a)],
            in_float32,
            lambda weights, probs, label: right(weights.float(), probs.float(), label),
        ],
        [
            (lambda weights, probs, label: 0.0, "returns 0"),
            (lambda *a: -right(*a), "is not right"),
            (lambda weights, probs, label: right(weights, probs, label) * (1 - probs[label]), "is not right"),
            (lambda weights, probs, label: (weights * probs).sum() / (1 - probs[label]), "is not right"),
            (lambda weights, probs, label: weights.mean(), "is not right"),
            (lambda weights, probs, label: weights * 1.0, "one number is wanted"),
            (lambda weights, probs, label: weights[7], "The function stops with IndexError"),
            (lambda weights, probs, label: "a", "Numbers are asked for"),
            ([0, 1 / 7, 1], "A function is asked for here"),
        ],
    )


# ---- 03
def three_signs() -> Case:
    return Case(
        ThreeSigns,
        forms([1, -1, 1]),
        [
            ((-1, 1, -1), "All three are the wrong way round"),
            ((0, 0, 0), "Each sign is +1 or −1"),
            ((1, 1, 1), "2 of 3 are right. Look again at B"),
            ((-1, -1, -1), "1 of 3 are right"),
            ((1, -1), "3 numbers are asked for here, and this has 2"),
            (1, "3 numbers are asked for"),
            ((0.4, -0.2, 0.1), "Each sign is +1 or −1"),
            ((0, 1, 2), "Each sign is +1 or −1"),
            ("+-+", "Numbers are asked for"),
        ],
    )


def inner_product() -> Case:
    def right(own, clean, lr, batch):
        return -lr / batch * own.dot(clean)

    return Case(
        InnerProduct,
        [right, lambda *a: right(*a).item(), lambda *a: [right(*a)],
         lambda own, clean, lr, batch: -lr * np.dot(own.numpy(), clean.numpy()) / batch,
         lambda own, clean, lr, batch: -lr * sum(own[k].item() * clean[k].item() for k in (0, 1)) / batch],
        [
            (lambda *_: 0.0, "returns 0.0000"),
            (lambda *a: -right(*a), "Only the sign is wrong"),
            (lambda own, clean, lr, batch: -own.dot(clean) / batch, "lr 0.5"),
            (lambda own, clean, lr, batch: -lr * own.dot(clean), "batch size 3"),
            (lambda own, clean, lr, batch: -lr * own.dot(clean) / 3, "batch size 2"),
            (lambda own, clean, lr, batch: -lr / batch * own.norm() * clean.norm(), "finite difference"),
            (lambda own, clean, lr, batch: -lr / batch * own * clean, "1 number"),
            (lambda own, clean, lr, batch: -lr / batch * own[0] * clean[0], "finite difference"),
            ((1, -1, 1), "A function is asked for here"),
        ],
        untouched=(None, lambda *_: ...),
    )  # fmt: skip


# ---- 04
def second_stage() -> Case:
    def right(weights, g, probs, labels, step_size, clip, *, scale=None, sign=1, low=0.0):
        change = (step_size * g / (g.abs().mean() if scale is None else scale(g))).clamp(-clip, clip)
        moved = (weights - sign * change).clamp(min=low)
        others = probs.scatter(1, labels[:, None], 0)
        return moved.scatter(1, labels[:, None], (moved * others).sum(1, keepdim=True) / others.sum(1, keepdim=True))

    def loops(weights, g, probs, labels, step_size, clip):
        result = weights.clone()
        for i, label in enumerate(labels.tolist()):
            for c in range(probs.shape[1]):
                change = step_size * g[i, c] / g.abs().mean()
                result[i, c] = max(0.0, (weights[i, c] - min(max(change, -clip), clip)).item())
            others = [c for c in range(probs.shape[1]) if c != label]
            result[i, label] = sum(result[i, c] * probs[i, c] for c in others) / (1 - probs[i, label])
        return result

    def unconstrained(weights, g, probs, labels, step_size, clip):
        return (weights - (step_size * g / g.abs().mean()).clamp(-clip, clip)).clamp(min=0)

    return Case(
        SecondStage,
        [
            right,
            loops,
            lambda w, g, p, *a: right(w.float(), g.float(), p.float(), *a),
            lambda *a: right(*a).tolist(),
            lambda *a: right(*a).numpy(),
            lambda *a: right(*a, low=1e-6),
        ],
        [
            (lambda weights, g, *_: weights - g, "step size 0."),
            (lambda weights, *_: 0 * weights, "is not right"),
            (lambda weights, *_: weights, "is not right"),
            (lambda *a: right(*a, sign=-1), "is not right"),
            (lambda *a: right(*a, scale=lambda g: g.abs().sum()), "step size"),
            (lambda *a: right(*a, scale=lambda g: 1.0), "step size"),
            (lambda *a: right(*a, low=-9.0), "is not right"),
            (lambda w, g, p, y, step_size, clip: right(w, g, p, y, step_size, 99.0), "clip"),
            (lambda w, g, p, y, step_size, clip: right(w, g, p, y, 0.3, clip), "step size"),
            (unconstrained, "is not right"),
            (lambda *a: right(*a).T, "is"),
            (lambda *a: right(*a).flatten(), "a table of shape"),
            (lambda *a: right(*a)[0, 0], "is wanted"),
        ],
    )


def equal_ties() -> Case:
    def right(logits, labels, weights):
        logits = logits.clone().requires_grad_()
        losses = cross_entropy(logits, labels, reduction="none")
        return torch.autograd.grad((weights * losses).mean(), logits)[0]

    return Case(
        EqualTies,
        [
            right,
            lambda *a: right(*a).tolist(),
            lambda *a: right(*a).numpy(),
            lambda logits, labels, weights: right(logits.float(), labels, weights.float()),
        ],
        [
            (lambda logits, *_: 0 * logits, "is not right"),
            (lambda *a: -right(*a), "is not right"),
            (lambda logits, labels, weights: right(logits, labels, weights) * len(labels), "is not right"),
            (lambda logits, labels, weights: right(logits, labels, 0 * weights + 1), "is not right"),
            (lambda logits, labels, weights: weights[:, None] * logits, "is not right"),
            (lambda *a: right(*a).sum(1), "a table of shape"),
            (lambda *a: right(*a)[0, 0], "is wanted"),
            (lambda logits, labels, weights, extra: logits, "The function stops with TypeError"),
        ],
    )


# ---- 05
def ledger() -> History:
    history = History({"method": "gdw", "seed": 0}, class_names=("0", "1", "2"), class_counts=(9, 3, 1))
    for _ in range(3):
        history.append({"pull_push": [[[2.0, 1.0, 0.5], [1.0, 2.0, 4.0]], [[2.0, 1.0, 0.5], [1.0, 1.0, 1.0]]]})
    return history


def highest_ratio() -> Case:
    return Case(
        lambda: HighestRatio(ledger(), 3),
        [*forms([2, 8.0, 2.0]), ("2", 8.0, 2.0), (np.int64(2), 8, 2)],
        [
            ((0, 0, 0), "is not the one"),
            ((2, 2.0, 8.0), "ratio before weighting is not 2"),
            ((2, 1 / 8, 1 / 2), "ratio before weighting"),
            ((2, 8.0, 1.0), "ratio after weighting"),
            ((2, 8.0, 0.0), "ratio after weighting"),
            ((1, 2.0, 1.0), "is not the one"),
            ((2, 8.0), "3 numbers are asked for"),
            ((3, 8.0, 2.0), "is not the one"),
            ((-2, -8.0, -2.0), "is not the one"),
        ],
    )


# ---- 06
CELLS = {
    (0.0, 1.0): Difference(1.0, 0.5, 1.5, 0.01, 10), (0.2, 1.0): Difference(-1.0, -1.5, -0.5, 0.01, 10),
    (0.2, 0.1): Difference(0.1, -1, 1, 0.5, 10),
}  # fmt: skip


def three_cells() -> Case:
    right = {"wins": (0.0, 1.0), "loses": (0.2, 1.0), "undecided": (0.2, 0.1)}
    return Case(
        lambda: ThreeCells(CELLS),
        [right, {k: list(v) for k, v in right.items()},
         {k: np.array(v, np.float32) for k, v in right.items()},
         {k.upper(): torch.tensor(v) for k, v in right.items()},
         {"Win": (0, 1), "Loss": (0.2, 1), "Undecided": (0.2, 0.1)}],
        [
            (dict.fromkeys(right, (0.0, 1.0)), "1 of 3 are right. Look again at: loses, undecided"),
            (right | {"wins": (0.2, 1.0), "loses": (0.0, 1.0)}, "1 of 3 are right"),
            (dict.fromkeys(right, (0.0, 0.0)), "The map has no cell"),
            (right | {"undecided": (0.1, 0.2)}, "Is it (imbalance, rate)?"),
            (right | {"undecided": 0.2}, "A cell is a pair"),
            ({"wins": (0.0, 1.0)}, "A dictionary with the keys"),
            ([(0.0, 1.0), (0.2, 1.0), (0.2, 0.1)], "A dictionary with the keys"),
            (right | {"wins": (20, 1.0)}, "The map has no cell with noise rate 20"),
        ],
    )  # fmt: skip


# ---- 07
ORDER = [
    "forward", "virtual step", "clean forward", "clean backward", "tangent pass", "V learns", "stage two",
    "real backward",
]  # fmt: skip


def pass_order() -> Case:
    return Case(
        PassOrder,
        [ORDER, tuple(ORDER), np.array(ORDER), [name.upper() for name in ORDER], ", ".join(ORDER), " → ".join(ORDER),
         [name for name in ORDER if name != "V learns"] + ["V learns"]],
        [
            (ORDER[::-1], "comes before"),
            (["virtual step", "forward", *ORDER[2:]], "“virtual step” comes before “forward”"),
            (ORDER[:-1], "each of these names once"),
            ([*ORDER, "forward"], "each of these names once"),
            (["forward"] * 8, "each of these names once"),
            ([], "each of these names once"),
            ("forward", "each of these names once"),
            (0, "each of these names once"),
            (sorted(ORDER), "comes before"),
            ([3, *ORDER[1:]], "each of these names once"),
        ],
        untouched=(None, [None] * len(ORDER)),
    )  # fmt: skip


def predicted_cost() -> Case:
    return Case(
        lambda: PredictedCost(3.168),
        [19 / 6, 3.17, 3.2, np.float32(19 / 6), [19 / 6], torch.tensor(19 / 6), (3.17,)],
        [
            (0, "too little"),
            (-19 / 6, "too little"),
            (11 / 3, "too much"),
            (9.5, "number of passes"),
            (3, "too little"),
            (10 / 3, "too much"),
            ((9.5, 3), "1 number"),
            (ORDER, "Numbers are asked for"),
        ],
    )  # fmt: skip


# ---- 08
@cache
def memorising(fall: float = 0.05) -> History:
    """Accuracy rises by a point an epoch to epoch 12, then falls by one; the loss on wrong labels falls throughout."""
    made = History({"method": "cross-entropy", "seed": 0})
    for epoch in range(1, 31):
        made.append({"test_accuracy": 40.0 - abs(epoch - 12), "group_loss": [1.0, 2.3 - fall * epoch]})
    return made


def memorisation() -> Case:
    score = memorising().accuracy
    return Case(
        lambda: MemorisationStarts(memorising()),
        [*forms([score, 12]), (np.float64(score), np.int64(12)), (round(score, 1), 12)],
        [
            ((0, 0), "is not 0.00 %"),
            ((12, score), "is not 12.00 %"),
            ((memorising()["test_accuracy"][-1], 12), "the last epoch's alone"),
            ((score, 11), "one too early: epochs count from 1"),
            ((score, 9), "After epoch 9 the mean test accuracy is not lower"),
            ((score, 13), "not the first such epoch"),
            ((score, 14), "not the first such epoch"),
            *(((score, epoch), "have the epochs 5 to 25 alone") for epoch in (-12, 2, 12.5)),
            ((40.0, 12), "chosen on the test set"),
            ((score,), "2 numbers are asked for"),
        ],
        untouched=(None, (score, None)),
    )


# ---- 02: 300 of 1,000 labels wrong, all of them of cats and dogs
BIRDS = [0.0, 0.0, 1.0]


def thirty_percent() -> Case:
    right = [[0.4, 0.4, 0.2], [0, 1, 0], BIRDS]
    return Case(
        ThirtyPercent,
        [
            right,
            np.array(right),
            torch.tensor(right),
            tuple(map(tuple, right)),
            [torch.tensor(row) for row in right],
            pd.DataFrame(right),
            [[0.7, 0.3, 0], [0, 0.5, 0.5], BIRDS],
            [[1, 0, 0], [1, 0, 0], BIRDS],
        ],
        [
            (0.3, "3 × 3 table"),
            ([0.5, 0.3, 0.2], "3 × 3 table"),
            ([[0.7, 0.15, 0.15], [0.15, 0.7, 0.15], [0.15, 0.15, 0.7]], "30 % of the birds"),
            ([[0.55, 0.45, 0], [0, 0.55, 0.45], BIRDS], "if every class has the same number"),
            ([[0.7, 0.3, 0], [0.3, 0.7, 0], BIRDS], "240 of the 1,000"),
            ([[0.5, 0.5, 0], [0, 1, 0], BIRDS], "250 of the 1,000"),  # the first matrix of the notebook
            ([[50, 30, 20], [0, 100, 0], [0, 0, 100]], "Write 0.5, not 50"),
            ([[0.5, 0, 0], [0.3, 1, 0], [0.2, 0, 1]], "rows are the true classes"),
            ([[1.5, -0.5, 0], [0, 1, 0], BIRDS], "below 0"),
            ([[0, 0, 0]] * 3, "sums to 0"),
            ([[0.3333] * 3, [0, 1, 0], BIRDS], "sums to 0.9999, not to 1"),  # no number is said not to be itself
            ([[0.6, 0.4, 0], [0.3333, 0.6667, 0], BIRDS], "299.99 of the 1,000 labels are wrong, not 300"),
            ([[0.4, 0.4, 0.2], [0, 1, 0], [0.001, 0, 0.999]], "0.1 % of the birds"),
            ([[1, 0, 0], [0, 1, 0], BIRDS], "0 of the 1,000"),
        ],
    )


def uniform_forty() -> Case:
    return Case(
        UniformForty,
        [*forms([20, 36, 39.6]), *forms([0.2, 0.36, 0.396]), [20.0, 36.0, 39.6]],
        [
            ((40, 40, 40), "40 % is not right for 2 classes. That is the share that is drawn again"),
            ((0, 0, 0), "for 2 classes"),
            ((20, 36, 40), "for 100 classes"),
            ((20, 4, 0.4), "drawn again and comes out right"),
            ((80, 64, 60.4), "share of right labels"),
            ((39.6, 36, 20), "for 2 classes"),
            ((60, 60, 60), "share that is not drawn again"),
            ((20, 36), "3 numbers are asked for"),
            ((-20, -36, -39.6), "for 2 classes"),
        ],
    )


# ---- 09: sorted by score, right (0) and wrong (1); from 0.5 upwards 4 of 5 are wrong
CHECKED = {0.95: 1, 0.9: 1, 0.8: 0, 0.6: 1, 0.5: 1, 0.4: 0, 0.2: 0, 0.1: 0}


def precision_threshold() -> Case:
    return Case(
        lambda: PrecisionThreshold(list(CHECKED), list(CHECKED.values())),
        [0.5, [0.5], np.float32(0.45), torch.tensor(0.41), (0.5,), np.array([0.5])],
        [
            (0, "8 pictures are flagged, and only 50 %"),
            (0.8, "only 66.7 %"),
            (0.9, "a lower threshold keeps it"),
            (0.4, "only 66.7 %"),
            (-0.5, "only 50 %"),
            (1.0, "nothing is flagged"),
            (50, "Scores lie between 0 and 1"),
            ([0.5, 0.5], "1 number is asked for"),
            (list(CHECKED), "1 number is asked for"),
        ],
    )


CASES = {
    case().make().title: case
    for case in (
        paired, lift_the_cat, label_weight, three_signs, inner_product, second_stage, equal_ties, highest_ratio,
        three_cells, pass_order, predicted_cost, memorisation, thirty_percent, uniform_forty, precision_threshold,
    )
}  # fmt: skip
