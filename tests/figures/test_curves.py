"""Learning curves and accuracies per class: the axes show what the histories contain."""

import numpy as np
import pytest

from gdw_notebooks.figures import style
from gdw_notebooks.figures.curves import learning_curves, what_differs
from tests.figures.histories import history


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_a_line_is_the_mean_of_its_seeds_and_the_band_one_sd():
    runs = [history(seed=seed, offset=offset) for seed, offset in enumerate((-3.0, 0.0, 3.0))]
    (axes,) = learning_curves(runs).axes
    x, y = lines(axes)["gdw"].get_data()
    np.testing.assert_array_equal(x, [1, 2, 3, 4, 5, 6])
    np.testing.assert_allclose(y, [40, 50, 60, 70, 80, 90])
    edges = axes.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose([edges[:, 1].min(), edges[:, 1].max()], [37, 93])  # the sd of -3, 0, 3 is 3


def test_methods_differ_by_colour_line_and_marker():
    (axes,) = learning_curves([history("gdw"), history("mwnet", offset=-5)]).axes
    ours, theirs = lines(axes)["gdw"], lines(axes)["mwnet"]
    assert ours.get_color() != theirs.get_color()
    assert ours.get_marker() != theirs.get_marker()
    assert ours.get_linestyle() != theirs.get_linestyle()
    np.testing.assert_allclose(theirs.get_ydata()[-1], 85)


def test_the_title_says_who_ends_where():
    # the last five of 40, 50, ..., 90 have the mean 70
    figure = learning_curves([history("mwnet", offset=-5), history("gdw")])
    scores = "After 6 epochs: GDW ≈ 70.0 %, MWNet ≈ 65.0 %"
    assert style.words(figure) == f"{scores} (mean of the last 5 epochs; one seed)"
    assert style.words(learning_curves([history("gdw", epochs=1)])) == "After 1 epoch: GDW ≈ 40.0 % (one seed)"
    assert "(mean of the last 2 epochs; one seed)" in style.words(learning_curves([history("gdw", epochs=2)]))


def test_an_earlier_run_has_a_name_that_says_what_it_differs_in():
    ghost = history("gdw", seed=0, epochs=3)
    ghost.config |= {"rate": 0.8, "batch_size": 50}
    now = history("gdw", seed=1)
    now.config |= {"rate": 0.6, "batch_size": 50}
    assert what_differs(ghost, [now]) == ", rate 0.8, seed 0"


def test_before_the_first_epoch_there_is_an_empty_frame():
    figure = learning_curves([history(epochs=0)], epochs=60)
    assert figure.get_suptitle() == "No epoch is over yet"
    assert figure.axes[0].get_xlim()[1] == pytest.approx(60.5)


def test_runs_of_different_length_meet_where_both_have_been():
    (axes,) = learning_curves([history(seed=0, epochs=6), history(seed=1, epochs=4, offset=2)]).axes
    np.testing.assert_allclose(lines(axes)["gdw"].get_ydata(), [41, 51, 61, 71])


def test_large_type_keeps_the_pixels():
    small, large = learning_curves([history()]), learning_curves([history()], large=True)
    np.testing.assert_allclose(small.get_size_inches() * small.dpi, large.get_size_inches() * large.dpi)
    assert large.dpi == pytest.approx(style.LARGE * small.dpi)


@pytest.mark.parametrize(("first", "ends"), [(21, (18, 40)), (81, (78, 100)), (5, (0, 20))])
def test_curves_fill_their_axis(first, ends):
    """Curves of 30 % had an axis to 100 %."""
    (axes,) = learning_curves([history("gdw", epochs=2, offset=first - 40)]).axes
    assert axes.get_ylim() == ends


def test_an_axis_has_room_for_the_band_and_for_a_run_that_goes_on():
    """It ended at 50 % until a value reached it, and then jumped."""
    runs = [history(seed=seed, epochs=2, offset=offset - 20) for seed, offset in enumerate((-1.0, 0.0, 1.0))]
    assert learning_curves(runs).axes[0].get_ylim() == (8, 40)  # the mean ends at 30, its band at 31
    assert learning_curves(runs, epochs=3).axes[0].get_ylim() == (8, 100)
