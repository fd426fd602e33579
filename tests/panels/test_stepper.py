"""The stepper and the ledger by their values."""

import pytest

import gdw
from gdw_notebooks.figures.style import new_figure, words
from gdw_notebooks.panels.ledger import FlowLedger
from gdw_notebooks.panels.stepper import BilevelStepper
from gdw_notebooks.panels.still import Still


def test_forward_and_back_gives_the_very_same_picture():
    panel = BilevelStepper("instance", stage=6)
    first, words = panel.picture.value, panel.picture.alt
    panel.forward.click()
    assert panel.stage.value == 7
    assert panel.picture.value != first
    panel.back.click()
    assert (panel.picture.value, panel.picture.alt) == (first, words)


@pytest.mark.parametrize("mode", ["instance", "class"])
def test_its_words_in_a_notebook_change_with_every_stage(mode):
    panel, words = BilevelStepper(mode), []
    for stage in range(1, panel.stage.max + 1):
        panel.stage.value = stage
        _, metadata = panel._repr_mimebundle_()
        words.append(metadata["image/png"]["alt"])
        assert words[-1].startswith(f"Stage {stage} of {panel.stage.max}: {panel.shown.title}")
        assert panel.shown.reading in words[-1]
        assert "?." not in words[-1]
    assert len(set(words)) == panel.stage.max


def test_the_buttons_stop_at_both_ends():
    panel = BilevelStepper("instance")
    panel.back.click()
    assert panel.stage.value == 1
    panel.stage.value = panel.stage.max
    panel.forward.click()
    assert panel.stage.value == panel.stage.max == len(panel.walk)


def test_the_constraint_is_switched_in_class_mode():
    panel = BilevelStepper("class", stage=13)
    assert "sum: 0.000 | 0.000 | 0.000" in panel.picture.alt
    panel.constraint.value = False
    assert panel.stage.max == len(panel.walk)
    assert panel.shown is panel.walk.stages[panel.stage.value - 1]
    panel.stage.value = panel.stage.max
    assert "sum:" in panel.picture.alt
    assert "sum: 0.000 | 0.000 | 0.000" not in panel.picture.alt
    panel.reset.click()
    assert panel.constraint.value
    assert panel.stage.value == 13


def test_the_table_holds_every_number_and_names_what_changed():
    panel = BilevelStepper("class", stage=12)
    table = panel.table()
    changed = table[table.changed == "yes"]
    assert list(zip(changed.tensor, changed.row.str[0], changed.column, strict=True)) == [
        ("w", "A", "cat"), ("w", "B", "dog"), ("w", "C", "bird"),
    ]  # fmt: skip
    assert repr(panel) == "BilevelStepper('class', stage=12 of 13)"


@pytest.fixture(scope="module")
def runs():
    base = gdw.Experiment(imbalance=0.05, epochs=3)
    return [gdw.run(base.with_(method=method)) for method in ("gdw", "gdw-tied")]


def test_the_ledger_follows_its_slider_and_its_play_button(runs):
    panel = FlowLedger(runs, epoch=2)
    second = panel.picture.value
    panel.play.value = 3
    assert panel.epoch.value == 3
    assert panel.picture.alt.startswith("Epoch 3.")
    assert panel.describe().startswith(words(panel.draw()))
    panel.reset.click()
    assert panel.play.value == 2
    assert panel.picture.value == second
    table = panel.table()
    row = table[(table.method == "gdw") & (table["class"] == "9")].iloc[0]
    assert row["push/pull before"] == pytest.approx(row["push before"] / row["pull before"])
    assert repr(panel) == "FlowLedger(gdw, gdw-tied; epoch 2 of 3)"


def test_a_run_without_the_record_is_refused():
    with pytest.raises(ValueError, match="class-level record"):
        FlowLedger([gdw.History({"method": "gdw", "seed": 0})])


def test_a_still_carries_its_picture_and_its_words():
    figure, _ = new_figure()
    still = Still(figure, "an empty frame")
    bundle, metadata = still._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == "an empty frame"
    assert bundle["text/plain"] == "Still('an empty frame')"
    assert bundle["image/png"].startswith("iVBOR")
    assert still.alt == "an empty frame"
