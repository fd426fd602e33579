"""A game of a minute: is this picture's label right or wrong? Scored against an audit, played in the browser alone."""

from collections.abc import Mapping
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from gdw.comparison.audit.output import Audit
from gdw.comparison.audit.page import data_uri
from gdw_notebooks.panels.in_notebook import InNotebook

HERE = Path(__file__).parent
ROUNDS = 60  # pictures; half of them wrong, since a minute is short


class SpotTheWrongLabel(InNotebook, anywidget.AnyWidget):
    """Pictures of an audit with their labels; the player says right or wrong, and so did the audit.

    Args:
        found: the audit of a data set with pictures; it calls a label wrong where it proposes another one.
        truth: path to true class, of all its pictures.
        count: how many pictures, half of them with a wrong label.
        seed: which pictures.
    """

    # Text, not paths: of a file's path anywidget keeps every widget ever made, to load it again when the file changes.
    _esm = (HERE / "spot.js").read_text("utf-8")
    _css = (HERE / "spot.css").read_text("utf-8")
    rounds = traitlets.List().tag(sync=True)

    def __init__(self, found: Audit, truth: Mapping[str, str], count: int = ROUNDS, seed: int = 0):
        table = found.table.sort_index()
        wrong = np.array([truth[row.path] != row.observed for row in table.itertuples()])
        random = np.random.default_rng(seed)
        halves = [random.permutation(table.index[wrong == which])[: count // 2] for which in (True, False)]
        rows = table.loc[random.permutation(np.concatenate(halves))]
        super().__init__(rounds=[
            {
                "picture": data_uri(found.pictures[row.Index]), "label": row.observed,
                "wrong": truth[row.path] != row.observed, "audit": row.proposed != row.observed,
            }
            for row in rows.itertuples()
        ])  # fmt: skip

    def __repr__(self) -> str:
        right = sum(one["wrong"] == one["audit"] for one in self.rounds)
        return f"SpotTheWrongLabel({len(self.rounds)} pictures; the audit judges {right} of them rightly)"
