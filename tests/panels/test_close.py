"""A panel that is closed leaves nothing behind: no widget in ipywidgets' list of all, no memory."""

import gc
import weakref

import ipywidgets
import pytest

from gdw.experiments.experiment import Experiment
from gdw_notebooks.panels.broken_data import BrokenData
from gdw_notebooks.panels.training_lab import TrainingLab

START = Experiment(dataset="clouds", rate=0.4, epochs=1, device="cpu")


def trained_lab():
    lab = TrainingLab(START)
    lab.train.click()
    assert lab.session.join(60)
    return lab


def lab_with_a_microscope():
    lab = TrainingLab(START).run()
    lab.closer.show(0, 1)
    return lab


def broken_data():
    return BrokenData([[0.8, 0.2], [0.1, 0.9]], ("cat", "dog"), (60, 40))


@pytest.mark.parametrize("make", [trained_lab, lab_with_a_microscope, broken_data])
def test_a_closed_panel_leaves_no_widget_and_no_memory(make):
    make().close()  # what is made once and for all
    before = set(all_widgets())
    panel = make()
    assert set(all_widgets()) - before
    panel.close()
    assert set(all_widgets()) == before
    left = weakref.ref(panel)
    del panel
    gc.collect()
    assert left() is None


def all_widgets():
    """Of this process, by their names."""
    return ipywidgets.widgets.widget._instances
