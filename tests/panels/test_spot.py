"""The game: half of its labels are wrong, and it says of each what the audit said."""

import numpy as np
import pandas as pd

from gdw.comparison.audit.output import Audit
from gdw_notebooks.panels.spot import SpotTheWrongLabel


def test_half_of_the_labels_are_wrong_and_the_audits_judgements_are_its_own():
    paths = [f"{place}.png" for place in range(12)]
    observed = ["a"] * 8 + ["b"] * 4
    truth = dict(zip(paths, ["b"] * 4 + ["a"] * 4 + ["b"] * 4, strict=True))  # the first four are wrong
    proposed = ["b"] * 3 + ["a"] * 6 + ["b"] * 3  # the audit misses one, and doubts one that is right
    table = pd.DataFrame({"path": paths, "observed": observed, "proposed": proposed})
    pictures = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 8, 8), np.uint8)
    game = SpotTheWrongLabel(Audit(table, pd.DataFrame(), None, (), "own", pictures), truth, count=8)
    assert len({one["picture"] for one in game.rounds}) == 8
    assert sum(one["wrong"] for one in game.rounds) == 4
    assert sum(one["wrong"] and one["audit"] for one in game.rounds) == 3
    assert all(one["label"] == "a" for one in game.rounds if one["wrong"])
    assert repr(game).startswith("SpotTheWrongLabel(8 pictures; the audit judges ")
