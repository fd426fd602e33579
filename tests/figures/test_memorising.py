"""Memorisation: both axes show the means of the seeds, with their bands."""

import numpy as np

from gdw.experiments.history import History
from gdw_notebooks.figures import style
from gdw_notebooks.figures.memorising import memorising


def run(seed, offset):
    made = History({"method": "cross-entropy", "seed": seed}, class_names=tuple("abcd"))
    for epoch in range(4):
        made.append({"test_accuracy": 20.0 + epoch + offset, "group_loss": [2.0 - epoch / 2, 2.3 - epoch / 4 + offset]})
    return made


def test_both_axes_show_the_means_and_the_mark():
    figure = memorising([run(0, -1.0), run(1, 1.0)], title="a finding", marked=3)
    above, below = figure.axes
    np.testing.assert_allclose(above.get_lines()[0].get_ydata(), [20, 21, 22, 23])
    lines = {line.get_label(): line.get_ydata() for line in below.get_lines()}
    np.testing.assert_allclose(lines["right labels"], [2, 1.5, 1, 0.5])
    np.testing.assert_allclose(lines["wrong labels"], [2.3, 2.05, 1.8, 1.55])
    np.testing.assert_allclose(lines["guessing"], np.log(4))
    assert [line.get_xdata()[0] for axes in figure.axes for line in axes.get_lines()[-1:]] == [3, 3]
    assert figure.get_suptitle() == "a finding"
    assert (above.get_ylabel(), below.get_ylabel()) == ("test accuracy (%)", "training loss (nats)")


def test_right_and_wrong_differ_by_more_than_colour():
    _, below = memorising([run(0, 0.0)], title="a finding").axes
    right, wrong, _ = below.get_lines()
    assert right.get_linestyle() != wrong.get_linestyle()
    assert right.get_color() == style.CLEAN.color
    assert not below.collections  # one seed has no band
