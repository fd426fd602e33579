"""Sweeps with methods of your own, from scripts as people write them: they work, or are refused at once."""

import subprocess
import sys

import pytest

from tests.own_method import HALF

SWEEP = """
from gdw.comparison.sweep import run_all
runs = [gdw.Experiment(method=name, epochs=1, device="cpu") for name in ("{method}", "cross-entropy")]
for history in run_all(runs, workers={workers}):
    print(history.method, history.error)
"""
SECONDS = 300  # a busy machine takes a minute to start a process that imports torch


def python(folder, *command, text=None):
    return subprocess.run(
        [sys.executable, *command], cwd=folder, input=text, capture_output=True, text=True, timeout=SECONDS, check=False
    )


@pytest.fixture
def halved(tmp_path):
    (tmp_path / "halved.py").write_text(HALF, "utf-8")
    return tmp_path


def test_a_script_without_a_guard_and_a_method_in_a_file_of_its_own(halved):
    script = halved / "script.py"
    script.write_text("import gdw\nimport halved\n" + SWEEP.format(method="half", workers=1), "utf-8")
    done = python(halved, str(script))
    assert sorted(done.stdout.split("\n")[:2]) == ["cross-entropy None", "half None"], done.stderr


def test_from_standard_input_where_a_method_that_is_typed_in_is_refused_but_runs_in_this_process(halved):
    typed = HALF.replace('"half"', '"typed"').replace("Half", "Typed")
    parts = ["import halved\n" + typed, *(SWEEP.format(method=m, workers=w) for m, w in (("half", 1), ("typed", 0)))]
    done = python(halved, "-", text="".join(parts) + SWEEP.format(method="typed", workers=1))
    first, second, *others = done.stdout.splitlines()
    assert sorted((first, second)) == ["cross-entropy None", "half None"], done.stderr
    assert others == ["typed None", "cross-entropy None"]
    assert done.returncode != 0
    assert "write its class to a file of its own and import that, or run in this process with workers=0" in done.stderr
