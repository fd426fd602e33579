"""How many labels are wrong: a range from a random sample; and between which classes: cleanlab's confident joint."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from gdw.comparison.audit.heads import Labels, LogProbs
from gdw.data.confirmed import CHOSEN_COLUMN, IN_CLASS, RANDOM, Confirmed

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("observed", "proposed")
CONFIDENCE = 0.95
NO_SAMPLE = (
    "nobody knows how many labels are wrong: only pictures that were drawn at random and checked can tell (confirmed "
    f"pictures with '{RANDOM}' in the column '{CHOSEN_COLUMN}' of their table, or '{IN_CLASS}' for every class)"
)


@dataclass(frozen=True)
class WrongShare:
    """The share of wrong labels among all pictures, from pictures that were drawn at random and checked.

    Attributes:
        wrong, checked: of the sample.
        low, high: limits of the share among all pictures, in [0, 1], with 95 % confidence.
        pictures: all.
    """

    wrong: int
    checked: int
    low: float
    high: float
    pictures: int

    def __str__(self) -> str:
        count = f"{np.floor(self.low * self.pictures):.0f} to {np.ceil(self.high * self.pictures):.0f}"
        return (
            f"{100 * self.low:.1f} to {100 * self.high:.1f} % of the labels are wrong ({count} of {self.pictures}): of "
            f"{self.checked} pictures drawn at random and checked, {self.wrong} had another label (95 % confidence, "
            "Clopper-Pearson)"
        )


def wrong_share(labels: Labels, known: Confirmed) -> WrongShare | None:
    """How many labels are wrong, as a range; None without a random sample, or where a word in it is no class.

    Of ``n`` pictures drawn from all, ``x`` had a wrong label: the interval of Clopper and Pearson, which is exact
    for pictures drawn with replacement and a little too wide for a sample of a finite folder. Pictures drawn class by
    class count by the size ``N_c`` of their class, ``w = N_c / n_c``: the same interval for the weighted share and
    the effective number ``n = (sum w)^2 / sum w^2``. If all classes are sampled in proportion, this is the number of
    pictures. The larger of both samples is taken.

    Args:
        labels: observed, of all pictures.
        known: confirmed pictures; only those drawn at random are used.

    Source: Clopper and Pearson, Biometrika 1934; Kish, Survey Sampling, 1965 (effective number).
    """
    sizes, samples = np.bincount(labels), []
    undecided = {known.chosen.get(place) for place in known.elsewhere.keys() - known.keys()}
    for way in (RANDOM, IN_CLASS):
        places = np.array(known.drawn(way), np.int64)
        drawn = np.bincount(labels[places], minlength=len(sizes))
        if not len(places) or way in undecided or (way == IN_CLASS and (drawn < (sizes > 0)).any()):
            continue
        weights = np.ones(len(places)) if way == RANDOM else (sizes / np.maximum(drawn, 1))[labels[places]]
        wrong = np.array([known[place] != labels[place] for place in places])
        effective = weights.sum() ** 2 / (weights**2).sum()
        low, high = clopper_pearson(weights[wrong].sum() / weights.sum() * effective, effective)
        samples.append((effective, WrongShare(int(wrong.sum()), len(places), low, high, len(labels))))
    return max(samples, key=lambda sample: sample[0])[1] if samples else None


def clopper_pearson(count: float, total: float) -> tuple[float, float]:
    """Limits of a share, in [0, 1], of which ``count`` of ``total`` were seen; both may be fractions."""
    from scipy.stats import beta

    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, count, total - count + 1)) if count > 0 else 0.0
    high = float(beta.ppf(1 - tail, count + 1, total - count)) if count < total else 1.0
    return low, high


def confident_joint(log_probs: LogProbs, labels: Labels) -> Float[np.ndarray, "observed proposed"]:
    """Estimated number of pictures by observed label and right label; each row sums to the pictures of that label.

    A picture counts for the class that is more likely for it than for the average picture of that class.

    Source: Northcutt et al., Confident Learning, JAIR 2021, section 3.
    """
    from cleanlab.count import compute_confident_joint

    return np.asarray(compute_confident_joint(labels, np.exp(log_probs), calibrate=True), float)


def pairs(joint: Float[np.ndarray, "observed proposed"], names: Sequence[str]) -> "DataFrame":
    """The pairs of classes that labels are probably wrong between, the most frequent first.

    Without numbers: the confident joint takes errors of the classifier for wrong labels too.
    """
    import pandas as pd

    order = np.argsort(-joint, axis=None, kind="stable")
    cells = zip(*np.unravel_index(order, joint.shape), strict=True)
    rows = [(names[observed], names[proposed]) for observed, proposed in cells
            if observed != proposed and joint[observed, proposed] >= 0.5]  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))
