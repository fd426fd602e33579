"""The standing comparison as the notebooks read it: complete, paired, and what docs/results.md is made of."""

import json

import numpy as np
import pytest

from gdw.comparison.report import Difference
from gdw.experiments.experiment import Experiment
from gdw.methods import METHODS
from gdw.training.run import run
from gdw_notebooks.examples.portraits import SHARED, portraits
from gdw_notebooks.figures.effect_map import effect_map, finding, verdict
from gdw_notebooks.figures.portraits import ROWS_SHOWN, flow_portraits
from gdw_notebooks.panels.effect_map import RIVALS, EffectMap
from gdw_notebooks.recorded import portraits as recorded_portraits
from gdw_notebooks.recorded import standing
from tests.runs import NOT_YET_COMPARED

SEEDS = list(range(10))
SMALL = SHARED.with_(epochs=2)


@pytest.fixture(scope="module")
def runs():
    return standing.load()


def test_every_method_met_every_scenario_with_the_same_seeds(runs):
    for scenario in standing.SCENARIOS:
        of = runs[runs["scenario"] == scenario]
        assert set(of["method"]) == set(METHODS) - NOT_YET_COMPARED
        assert all(sorted(group["seed"]) == SEEDS for _, group in of.groupby("method"))
    for rate in standing.RATES:
        for imbalance in standing.IMBALANCES:
            for method in ("gdw", *RIVALS):
                assert len(standing.accuracies(runs, standing.cell_name(rate, imbalance), method)) == len(SEEDS)


def test_a_recorded_run_can_be_made_again_from_its_code(runs):
    row = runs[(runs["scenario"] == "uniform 60") & (runs["method"] == "cross-entropy") & (runs["seed"] == 0)].iloc[0]
    experiment = Experiment.from_code(row["code"])
    assert (experiment.method, experiment.rate, experiment.seed) == ("cross-entropy", 0.6, 0)
    assert run(experiment).accuracy == pytest.approx(row["accuracy"], abs=3)  # another processor moves it a little


def test_a_difference_is_paired_by_seed(runs):
    ours, theirs = (standing.accuracies(runs, "flip 40", method) for method in ("gdw", "mwnet"))
    assert standing.difference(runs, "flip 40", "mwnet").mean == pytest.approx(np.mean(ours - theirs))


CELLS = {
    (0.0, 1.0): Difference(3, 1, 5, 0.01, 10), (0.5, 1.0): Difference(-3, -5, -1, 0.01, 10),
    (1.0, 1.0): Difference(1, 0.1, 1.9, 0.08, 10),
}  # fmt: skip


def test_the_map_writes_every_cell_and_hatches_what_is_undecided():
    figure = effect_map(CELLS, (0.0, 0.5, 1.0), (1.0,), rival="MWNet", chosen=(0.5, 1.0))
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts][::2] == ["+3.0", "−3.0", "+1.0"]
    assert "GDW minus its rival, points" in axes.get_xlabel()
    assert [patch.get_x() for patch in axes.patches if patch.get_hatch()] == [1.5]
    wins, loses, _ = axes.images[0].to_rgba(axes.images[0].get_array())[0]
    assert wins[0] > wins[2] + 0.1  # GDW's orange is where GDW wins
    assert loses[2] > loses[0] + 0.1
    assert "wins 1 and loses 1 of 3 cells" in finding(CELLS, "MWNet") == figure.get_suptitle().replace("\n", " ")
    assert [verdict(d) for d in CELLS.values()] == ["wins", "loses", "undecided"]


def test_every_cell_of_the_map_can_be_read():
    """An undecided cell of +7 was written in white on white."""
    cells = {(rate, 1.0): Difference(mean, mean - 9, mean + 9, p_value, 10)
             for rate, mean, p_value in ((0.0, 7, 0.2), (0.5, 7, 0.01), (1.0, -7, 0.2))}  # fmt: skip
    for text in effect_map(cells, (0.0, 0.5, 1.0), (1.0,), rival="MWNet").axes[0].texts:
        assert (text.get_color() == "white") == (text.get_bbox_patch() is None)


def test_counted_differences_are_corrected_for_all_that_are_counted(runs):
    """On digits three differences from tied GDW have intervals without 0, and none is decided among ten."""
    found = standing.differences(runs, standing.SCENARIOS, "gdw-tied")
    assert sum(difference.low > 0 or difference.high < 0 for difference in found.values()) == 3
    assert all(difference.undecided for difference in found.values())
    assert not standing.difference(runs, "uniform 20", "gdw-tied").undecided
    cells = standing.cells(runs, "gdw-tied")
    assert list(cells) == [(rate, imbalance) for rate in standing.RATES for imbalance in standing.IMBALANCES]
    one = standing.difference(runs, standing.cell_name(0.8, 0.1), "gdw-tied")
    assert cells[0.8, 0.1][:3] == one[:3]
    assert cells[0.8, 0.1].p_value > one.p_value


def test_a_cell_computed_anew_stands_in_the_map_until_reset(runs, monkeypatch):
    panel = EffectMap(runs=runs)
    recorded, alt = panel.cells(), panel.picture.alt
    monkeypatch.setattr(panel, "_experiments", lambda: _short(panel))
    panel.seeds.value = 2
    panel.compute.click()
    assert panel.session.join(120)
    cell = ("gdw-tied", 0.6, 1.0)
    scores = [history.accuracy for history in panel.session.histories]
    assert panel.fresh[cell].mean == pytest.approx(np.mean(scores[0] - scores[1] + scores[2] - scores[3]) / 2)
    assert panel.cells()[0.6, 1.0][:3] == panel.fresh[cell][:3] != recorded[0.6, 1.0][:3]
    assert "Computed now, 2 seeds" in panel.words.value
    panel.rate.value = 0.4
    assert "From the recorded runs" in panel.words.value  # the words are those of the chosen cell
    panel.rate.value = 0.6
    assert "Computed now, 2 seeds" in panel.words.value
    panel.reset.click()
    assert panel.cells() == recorded
    assert panel.picture.alt == alt
    panel.close()


def test_a_cell_that_is_being_computed_says_so_and_a_stop_too(runs):
    panel = EffectMap(runs=runs)
    panel.compute.click()
    assert "Computing GDW and tied GDW, noise 60 %, imbalance 1: until it is done" in panel.words.value
    panel.stop.click()
    assert panel.session.join(120)
    assert "Stopped: the map is as it was." in panel.words.value
    panel.close()


def _short(panel):
    experiments = EffectMap._experiments(panel)
    return [each.with_(epochs=2) for each in experiments]


def test_the_map_follows_its_rival_and_has_a_table(runs):
    panel = EffectMap(runs=runs)
    panel.rival.value = "cross-entropy"
    assert "Against cross-entropy" in panel.picture.alt
    panel.show_table.value = True
    assert "<caption>" in panel.data.value
    assert panel.table()["GDW"].value_counts()["wins"] == sum(verdict(d) == "wins" for d in panel.cells().values())
    panel.close()


def test_the_recorded_portraits_made_anew_are_the_same(tmp_path):
    stored = recorded_portraits.load()
    assert list(stored.gradients) == standing.methods()
    learns_nothing = ["cross-entropy", "l2rw"]  # in a run of its own
    again = portraits(learns_nothing, recorded_portraits.EXPERIMENT, own_epochs=1)
    recorded_portraits.record(again, tmp_path / "again.json")
    for name in ("labels", "true_labels"):
        assert getattr(again, name).tolist() == getattr(stored, name).tolist()
    for name, gradient in again.gradients.items():
        np.testing.assert_allclose(gradient, stored.gradients[name], rtol=2e-3, atol=1e-6, err_msg=name)
    written = json.loads((tmp_path / "again.json").read_text("utf-8"))
    assert written["gradients"]["l2rw"][0] == stored.gradients["l2rw"][0].tolist()


def test_portraits_show_the_same_batch_under_every_method():
    found = portraits(["cross-entropy", "mwnet", "gdw"], SMALL, own_epochs=2)
    flows = found.gradients["cross-entropy"]
    assert flows.shape == (SMALL.batch_size, 10)
    for gradient in found.gradients.values():
        assert gradient.sum(1).abs().max() < 1e-4  # all three keep the zero-mean constraint
    ratio = found.gradients["mwnet"] / flows
    assert (ratio - ratio[:, :1]).abs().max() < 1e-4  # one weight for each instance
    figure = flow_portraits(found, title="three of them")
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert shown[0].shape == (2 * ROWS_SHOWN, 10)
    wrong = (found.labels != found.true_labels).nonzero()[:ROWS_SHOWN, 0]
    first = min(wrong.tolist(), key=lambda row: (int(found.true_labels[row]), row))
    expected = -float(flows[first, found.labels[first]].abs().sqrt())
    assert float(shown[0][0, 0]) == pytest.approx(expected, abs=1e-6)
