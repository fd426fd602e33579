"""The table: one row a picture, the most suspicious first, with the reason in words."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gdw.comparison.audit.heads import Labels, LogProbs

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("path", "observed", "proposed", "score", "rank", "reason")
DECIMALS = 6  # of a score


def suspects(
    names: Sequence[str],
    labels: Labels,
    judged: np.ndarray,
    log_probs: LogProbs,
    trust: np.ndarray,
    confirmed: Mapping[int, int],
    class_names: Sequence[str],
    copies: Mapping[int, int],
) -> "DataFrame":
    """The table, ordered by rank; its index is each picture's place in the data set.

    ``score`` is in 0 ... 1: 1 minus the probability of the observed label, or 1 minus its weight. Confirmed pictures
    have 1 where the observed label is another one, which puts them first, and 0 where it is the same.

    Args:
        names: paths of all pictures.
        labels: observed, of all pictures.
        judged: places of the pictures that were ranked.
        log_probs: of these, [judged, classes]: the proposed label is the most likely one.
        trust: of these: the lowest is the most suspicious.
        confirmed: place to class number.
        copies: a picture to its copy in another class.
    """
    import pandas as pd

    rows = [_confirmed_row(place, right, names, labels, class_names) for place, right in confirmed.items()]
    for row, place in enumerate(judged):
        proposed = int(log_probs[row].argmax())
        reason = _reason(np.exp(log_probs[row]), int(labels[place]), proposed, class_names)
        if place in copies:
            other = copies[place]
            reason += f"; the same picture as {names[other]}, which is labelled {class_names[labels[other]]}"
        trusted = float(trust[row])
        rows.append((place, trusted, names[place], class_names[labels[place]], class_names[proposed], reason))
    rows.sort(key=lambda row: (row[1], row[0]))
    places, trusts, paths, observed, proposals, reasons = zip(*rows, strict=True)
    shown = np.round(1 - np.clip(trusts, 0, 1), DECIMALS)
    columns = (paths, observed, proposals, shown, np.arange(1, len(rows) + 1), reasons)
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)), index=pd.Index(places, name="picture"))


def _confirmed_row(place: int, right: int, names, labels, class_names) -> tuple:
    wrong = right != labels[place]
    reason = f"you confirmed it as {class_names[right]}" + (f", not {class_names[labels[place]]}" if wrong else "")
    trust = -np.inf if wrong else np.inf
    return place, trust, names[place], class_names[labels[place]], class_names[right], reason


def _reason(probs: np.ndarray, observed: int, proposed: int, class_names: Sequence[str]) -> str:
    likely = f"looks like {class_names[proposed]} ({_percent(probs[proposed])})"
    if observed == proposed:
        return f"{likely}, as labelled"
    return f"{likely}, not like {class_names[observed]} ({_percent(probs[observed])})"


def _percent(share: float) -> str:
    return "below 1 %" if share < 0.01 else f"{100 * share:.0f} %"
