"""The table: one row a picture, the most suspicious first, with the reason in words."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gdw.comparison.audit.heads import Labels, LogProbs, PerPicture
from gdw.data.confirmed import CHOSEN_COLUMN, as_confirmed

if TYPE_CHECKING:
    from pandas import DataFrame

FOUND = ("path", "observed", "proposed", "score", "rank", "reason")
COLUMNS = (*FOUND, "label", CHOSEN_COLUMN)  # the last two are of a person: the right label, blank if not checked
DECIMALS = 6  # of a score


def suspects(
    names: Sequence[str],
    labels: Labels,
    judged: Labels,
    log_probs: LogProbs,
    trust: PerPicture,
    confirmed: Mapping[int, int],
    class_names: Sequence[str],
    copies: Mapping[int, int],
) -> "DataFrame":
    """The table, ordered by rank: confirmed errors, copies in several classes, the others. Its index: pictures' places.

    ``score`` is in 0 ... 1: 1 minus the probability of the observed label, or 1 minus its weight. Confirmed pictures
    have 1 where the observed label is another one, which puts them first, and 0 where it is the same. Copies in several
    classes come next, since one of their labels is wrong; among them the scores decide.

    Args:
        names: paths of all pictures.
        labels: observed, of all pictures.
        judged: places of the pictures that were ranked.
        log_probs: of these, [judged, classes]: the proposed label is the most likely one.
        trust: of these: the lowest is the most suspicious.
        confirmed: place to class number; of pictures of none of the classes the label is "none of these", or another.
        copies: a picture to its copy in another class.
    """
    import pandas as pd

    rows = []
    confirmed = as_confirmed(confirmed)
    said = {place: confirmed.word(place, class_names) for place in confirmed}
    for place, right in confirmed.items():
        wrong = right != labels[place]
        reason = f"you confirmed it as {said[place]}" + (f", not {class_names[labels[place]]}" if wrong else "")
        rows.append((place, said[place], -np.inf if wrong else np.inf, reason))
    for place, scores, trusted in zip(judged.tolist(), log_probs, trust.tolist(), strict=True):
        proposed = int(scores.argmax())
        reason = _reason(np.exp(scores), int(labels[place]), proposed, class_names)
        if place in copies:
            other = copies[place]
            label = said.get(other, class_names[labels[other]])
            reason += f"; the same picture as {names[other]}, which is labelled {label}"
        rows.append((place, class_names[proposed], trusted, reason))
    frame = pd.DataFrame(rows, columns=["picture", "proposed", "trust", "reason"])
    frame["doubt"] = np.where(
        frame["trust"] == -np.inf, 0, [1 if p in copies and p not in confirmed else 2 for p in frame["picture"]]
    )
    frame = frame.sort_values(["doubt", "trust", "picture"])
    frame["path"] = [names[place] for place in frame["picture"]]
    frame["observed"] = [class_names[labels[place]] for place in frame["picture"]]
    frame["score"] = np.round(1 - frame["trust"].clip(0, 1), DECIMALS)
    frame["rank"] = np.arange(1, len(frame) + 1)
    frame["label"] = [said.get(place, confirmed.elsewhere.get(place, "")) for place in frame["picture"]]
    frame[CHOSEN_COLUMN] = [confirmed.chosen.get(place, "") for place in frame["picture"]]
    return frame.set_index("picture")[list(COLUMNS)]


def _reason(probs: PerPicture, observed: int, proposed: int, class_names: Sequence[str]) -> str:
    likely = f"looks like {class_names[proposed]} ({_percent(probs[proposed])})"
    if observed == proposed:
        return f"{likely}, as labelled"
    return f"{likely}, not like {class_names[observed]} ({_percent(probs[observed])})"


def _percent(share: float) -> str:
    return "below 1 %" if share < 0.01 else f"{100 * share:.0f} %"
