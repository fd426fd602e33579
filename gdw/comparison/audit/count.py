"""How many labels are probably wrong, by class pair: cleanlab's confident joint."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from gdw.comparison.audit.heads import Labels, LogProbs

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("observed", "proposed", "pictures")


def confident_joint(log_probs: LogProbs, labels: Labels) -> Float[np.ndarray, "observed proposed"]:
    """Estimated number of pictures by observed label and right label; each row sums to the pictures of that label.

    A picture counts for the class that is more likely for it than for the average picture of that class.

    Source: Northcutt et al., Confident Learning, JAIR 2021, section 3.
    """
    from cleanlab.count import compute_confident_joint

    return compute_confident_joint(labels, np.exp(log_probs), calibrate=True).astype(float)


def pairs(joint: Float[np.ndarray, "observed proposed"], names: Sequence[str]) -> "DataFrame":
    """One row for each pair of classes that labels are probably wrong between, the largest first."""
    import pandas as pd

    rows = [
        (names[observed], names[proposed], round(float(joint[observed, proposed])))
        for observed in range(len(names))
        for proposed in range(len(names))
        if observed != proposed and round(float(joint[observed, proposed])) > 0
    ]
    rows.sort(key=lambda row: -row[2])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def probably_wrong(joint: Float[np.ndarray, "observed proposed"]) -> int:
    """Pictures whose label is probably wrong, in all."""
    return round(float(joint.sum() - np.trace(joint)))
