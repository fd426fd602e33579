"""A page for visitors reads the package's data sets and the folders that the lecturer named, and nothing else."""

import os

import pytest

from gdw.experiments.experiment import Experiment
from gdw_notebooks.panels import served
from gdw_notebooks.panels.lab_controls import LabControls, read_codes

START = Experiment(dataset="clouds")


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A folder that is named, next to one that is not."""
    for name in ("open", "private"):
        (tmp_path / name / "class").mkdir(parents=True)
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    monkeypatch.setenv(served.FOLDERS, str(tmp_path / "open"))
    return tmp_path


@pytest.mark.parametrize("path", ["{}/private", "{}/open/../private", "{}/open/class", "/etc", "~", "."])
def test_a_typed_folder_that_nobody_named_is_refused(named, path):
    controls = LabControls([START])
    controls.dataset.value = path.format(named)
    assert served.ONLY in controls.problem
    with pytest.raises(ValueError, match=served.ONLY):
        controls.experiments()


def test_a_missing_folder_and_one_that_is_there_get_the_same_words(named):
    for name in ("private", "missing"):
        controls = LabControls([START])
        controls.dataset.value = str(named / name)
        assert controls.problem == f"{served.ONLY}, got {str(named / name)!r}"


@pytest.mark.filterwarnings("ignore:this run code does not say what its files hold")
def test_a_run_code_opens_no_other_way_in(named, monkeypatch):
    strange = [
        START.with_(dataset=str(named / "private")), START.with_(noise="human:/etc/passwd"),
        Experiment(dataset=str(named / "open"), features="resnet18"), START.with_(confirmed="/etc/passwd"),
    ]  # fmt: skip
    for experiment in strange:
        with pytest.raises(ValueError, match=served.ONLY):
            read_codes(experiment.code)


def test_the_named_folder_is_offered_and_taken(named):
    controls = LabControls([START])
    folder = str(named / "open")
    assert folder in controls.dataset.options
    controls.dataset.value = folder
    assert controls.experiments()[0].dataset == folder


def test_in_a_notebook_any_folder_may_be_read(named, monkeypatch):
    monkeypatch.delenv("SERVER_SOFTWARE")
    served.check_data(str(named / "private"))
    assert str(named / "open") not in served.choices()


def test_named_folders_travel_as_absolute_paths(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path)
    (folder,) = served.absolute([served.Path("a")]).split(os.pathsep)
    assert folder == str((tmp_path / "a").resolve())
