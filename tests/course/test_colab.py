"""The first cell on Colab: what it says, and what it installs where pip and Colab are stubs."""

import ast
import importlib.metadata
import subprocess
import sys
import types
from pathlib import Path

import pytest

from gdw_notebooks.course.colab import KEPT, first_cell
from tools.buttons import colab_cell

URLS = {"Repository": "https://github.com/someone/gdw"}
HERE = {"torch": "2.10.0+cu126", "torchvision": "0.25.0+cu126", "numpy": "2.1.0"}
COURSE = "gdw @ git+https://github.com/someone/gdw"


@pytest.fixture
def execute(monkeypatch, capsys):
    """Runs the cell where only these packages are; returns pip's words, the fixed versions, and what was printed."""

    def run(packages, on_colab=True):
        calls, fixed, enabled = [], [], []

        def version(name):
            if name not in packages:
                raise importlib.metadata.PackageNotFoundError(name)
            return packages[name]

        def check_call(command):
            calls.append(command[1:])
            fixed.append(Path(command[command.index("--constraint") + 1]).read_text("utf-8"))

        monkeypatch.setattr(importlib.metadata, "version", version)
        monkeypatch.setattr(subprocess, "check_call", check_call)
        monkeypatch.delitem(sys.modules, "google.colab", raising=False)
        if on_colab:
            colab = types.ModuleType("google.colab")
            colab.output = types.SimpleNamespace(enable_custom_widget_manager=lambda: enabled.append(True))
            monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
            monkeypatch.setitem(sys.modules, "google.colab", colab)
        exec(compile(colab_cell(URLS), "cell", "exec"), {})
        return calls, fixed, enabled, capsys.readouterr().out

    return run


def test_without_an_address_there_is_no_cell():
    assert colab_cell({}) == ""


def test_it_is_python_without_an_index_and_without_torch_to_install():
    cell = colab_cell(URLS)
    values = next(node.value for node in ast.parse(cell).body if isinstance(node, ast.Assign))
    kept, wanted, course = ast.literal_eval(values)
    assert kept == KEPT
    assert course == COURSE
    assert {"numpy", "anywidget", "ipywidgets"} <= set(wanted)
    assert not set(wanted) & {"torch", "torchvision", "jupyterlab", "voila"}
    assert all(word not in cell for word in ("index-url", "find-links", "pypi", "pythonhosted", "download.pytorch"))
    assert cell.startswith("# Run this first on Google Colab. It installs what the course needs and Colab lacks")


def test_it_installs_what_is_missing_and_keeps_torch(execute):
    (packages, course), fixed, enabled, printed = execute(HERE)
    names = [word for word in packages if word.startswith(("numpy", "torch", "anywidget", "scipy"))]
    assert names == ["scipy>=1.15", "anywidget>=0.9.18"]
    assert course[-2:] == ["--no-deps", COURSE]
    assert not any("torch" in word for word in (*packages, *course))
    assert set(fixed) == {"torch==2.10.0+cu126\ntorchvision==0.25.0+cu126\n"}
    assert enabled == [True]
    assert "Kept as they were: torch 2.10.0+cu126, torchvision 0.25.0+cu126" in printed


def test_a_second_time_it_installs_nothing(execute):
    everything = ast.literal_eval(next(n.value for n in ast.parse(colab_cell(URLS)).body if isinstance(n, ast.Assign)))
    calls, _, enabled, _ = execute({**HERE, **dict.fromkeys(everything[1], "99"), "gdw": "0.2.0"})
    assert calls == []
    assert enabled == [True]


def test_elsewhere_or_without_torch_it_installs_nothing_and_says_so(execute):
    calls, _, _, printed = execute(HERE, on_colab=False)
    assert (calls, printed) == ([], "This is not Google Colab: nothing is installed.\n")
    calls, _, _, printed = execute({"numpy": "2.1.0"})
    assert calls == []
    assert "this runtime has no torch and no torchvision" in printed


@pytest.mark.parametrize("repository", ["gdw", "https://github.com/someone/gdw", "some one/gdw"])
def test_another_repository_is_refused(repository):
    with pytest.raises(ValueError, match="repository must have the form OWNER/NAME"):
        first_cell(repository, ["numpy"])


def test_a_requirement_without_a_name_is_refused():
    with pytest.raises(ValueError, match="starts with a package's name, got '>=2'"):
        first_cell("someone/gdw", [">=2"])
