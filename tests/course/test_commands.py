"""gdw-course demo and doctor, and what happens where the course's packages are not installed."""

import argparse
import json
import subprocess
import sys

import pytest

from gdw.errors import MissingPackage, require_package
from gdw_notebooks.__main__ import COMMANDS, main
from gdw_notebooks.course import demo, machine
from gdw_notebooks.recorded import places

# In a Python without the packages of gdw[course]: what imports well, and what the others and the commands say.
BARE = """
import contextlib, importlib, io, json, sys
for name in ("matplotlib", "ipywidgets", "anywidget", "jupyterlab", "voila", "timm", "cleanlab", "distributed"):
    sys.modules[name] = None
for name in ("gdw", "gdw.__main__", "gdw_notebooks.recorded.histories", "gdw_notebooks.__main__"):
    importlib.import_module(name)
said = []
for name in ("gdw_notebooks.figures.curves", "gdw_notebooks.panels.training_lab"):
    try:
        importlib.import_module(name)
    except ImportError as error:
        said.append(str(error))
for command in ("start", "demo"):
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        status = sys.modules["gdw_notebooks.__main__"].main([command])
    said.append(f"{status} {errors.getvalue()}")
print(json.dumps(said))
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_what_it_does(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert "usage: gdw-course" in capsys.readouterr().out


def options_of_voila(*arguments):
    parser = argparse.ArgumentParser()
    demo.add_options(parser)
    return demo.voila_options(parser.parse_args(arguments))


def test_the_page_answers_to_this_machine_alone_by_a_token():
    options = options_of_voila("--no-browser", "--port", "8870")
    assert options[0] == str(places.notebooks() / "demo" / "classroom.ipynb")
    assert {"--Voila.ip=127.0.0.1", "--Voila.auto_token=True", "--Voila.port=8870", "--no-browser"} <= set(options)


def test_a_room_needs_a_password_of_which_only_the_hash_is_kept():
    options = options_of_voila("--lan", "--password", "eight long words")
    assert f"--Voila.identity_provider_class={demo.PASSWORDS}" in options
    assert "eight long words" not in " ".join(options)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lan", "--password", "short"], "at least 8 characters"),
        (["--password", "long enough"], "--password is for --lan"),
        (["--pages", "0"], "--pages must be at least 1"),
        (["--data", "no/such/folder"], "--data needs a folder"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_starts(arguments, words, capsys):
    assert main(["demo", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_doctor_says_what_is_here(capsys):
    assert main(["doctor", "--no-run"]) == 0
    told = capsys.readouterr().out
    for words in (
        "Python ",
        "torch ",
        "gdw[course]: matplotlib",
        "Processor cores",
        "Free disk space",
        "On disk: torch",
    ):
        assert words in told
    assert told.endswith("Ready.\n")


def test_the_doctor_names_what_is_missing_and_how_to_get_it(monkeypatch, capsys):
    installed = machine.installed
    monkeypatch.setattr(machine, "installed", lambda name: None if name == "voila" else installed(name))
    assert main(["doctor", "--no-run"]) == 0  # the method itself is here
    assert "gdw[course]: not installed: voila. To install: pip install 'gdw[course]'" in capsys.readouterr().out


def test_the_doctor_ends_with_status_1_where_the_run_fails(monkeypatch, capsys):
    def broken(experiment):
        raise RuntimeError("no room")

    monkeypatch.setattr(machine, "run", broken)
    assert main(["doctor"]) == 1
    assert "A short run failed: no room" in capsys.readouterr().out


def test_sizes_are_those_of_the_files():
    assert machine.size_gb("torch") > 0.1
    assert machine.memory_gb() > 0.5


def test_the_parts_are_those_of_the_project():
    import tomllib

    project = tomllib.loads((places.REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    asked = project["optional-dependencies"]
    assert set(machine.EXTRAS) == set(asked) - {"test"}
    for extra, names in machine.EXTRAS.items():
        listed = {line.partition(">")[0] for line in asked[extra]}
        assert set(names) <= listed


def test_the_method_needs_nothing_of_the_course_and_the_course_names_the_command_that_brings_it():
    command = [sys.executable, "-c", BARE]
    done = subprocess.run(command, cwd=places.REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *modules, first, second = json.loads(done.stdout)
    assert len(modules) == 2
    for words in (*modules, first, second):
        (line,) = words.splitlines()
        assert line.endswith("pip install 'gdw[course]'")
    assert first.startswith("2 gdw-course: ")
    assert second.startswith("2 gdw-course: ")


def test_a_missing_package_is_an_import_error():
    require_package("torch", "course", "a run")
    with pytest.raises(MissingPackage, match="pip install 'gdw\\[audit\\]'"):
        require_package("no_such_module", "audit", "the label audit")
    assert issubclass(MissingPackage, ImportError)
