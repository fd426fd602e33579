"""The stepper and the ledger by their values."""

import json
from html import escape

import pytest
from traitlets import TraitError

import gdw
from gdw_notebooks.figures.style import new_figure
from gdw_notebooks.panels.ledger import FlowLedger
from gdw_notebooks.panels.stepper import BilevelStepper
from gdw_notebooks.panels.steps import state
from gdw_notebooks.panels.still import Still


@pytest.mark.parametrize("mode", ["instance", "class"])
def test_forward_and_back_gives_the_very_same_page(mode):
    panel, pages = BilevelStepper(mode), []
    for stage in panel.variants[0].values:
        panel.step = stage
        pages.append(panel._repr_mimebundle_()[0]["text/html"])
        assert f"<summary>{stage}. {escape(panel.shown.title)}</summary>" in pages[-1]
    assert len(set(pages)) == len(panel.walk)
    panel.step = 3
    assert panel._repr_mimebundle_()[0]["text/html"] == pages[2]
    assert repr(panel) == f"BilevelStepper({mode!r}, station=3 of {len(panel.walk)})"


def test_a_stage_that_is_not_there_is_refused():
    panel = BilevelStepper("instance")
    with pytest.raises(TraitError, match=r"step must lie in 1 \.\.\. 10, got 11"):
        panel.step = 11


def test_the_constraint_is_switched_in_class_mode():
    panel = BilevelStepper("class", station=13)
    assert [round(row[0], 9) for row in panel.shown.tables["sum"]] == [0, 0, 0]
    panel.variant = 1
    assert panel.shown is panel.walk.stages[panel.step - 1]
    assert any(abs(row[0]) > 0.01 for row in panel.shown.tables["sum"])
    assert BilevelStepper("class", zero_mean=False).variant == 1


def test_the_script_gets_plain_values(runs):
    for panel in (BilevelStepper("class"), FlowLedger(runs)):
        assert json.loads(json.dumps(state(panel), allow_nan=False))["variants"][0]["values"][0] == 1


@pytest.fixture(scope="module")
def runs():
    base = gdw.Experiment(imbalance=0.05, epochs=3)
    return [gdw.run(base.with_(method=method)) for method in ("gdw", "gdw-tied")]


def test_the_ledger_shows_each_epoch_and_can_leave_some_out(runs):
    panel = FlowLedger(runs, epoch=2)
    assert "Epoch 2." in panel.page()
    panel.step = 3
    assert "Epoch 3." in panel._repr_mimebundle_()[0]["text/html"]
    assert repr(panel) == "FlowLedger(gdw, gdw-tied; epoch 3 of 3)"
    assert [frame.texts[0][:8] for frame in panel.variants[0].frames] == ["Epoch 1.", "Epoch 2.", "Epoch 3."]
    assert FlowLedger(runs, epochs=(1, 3)).variants[0].values == [1, 3]


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
