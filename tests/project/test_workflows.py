"""What continuous integration calls exists here: each command of each job, and the systems and Pythons it covers."""

import re
import shlex
import tomllib
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

import start
from gdw_notebooks.__main__ import COMMANDS as COURSE

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])
BROUGHT_BY_THE_JOB = {"pip_audit"}  # by its own `pip install`; not part of the project
GDW = {"run", "sweep", "methods"}
MAY_WRITE = {("site.yml", "publish"): {"pages": "write", "id-token": "write"}}  # and nothing in the repository


def jobs(file: Path) -> dict:
    return yaml.safe_load(file.read_text("utf-8"))["jobs"]


def commands() -> list[tuple[str, str]]:
    return [
        (file.name, line)
        for file in WORKFLOWS
        for job in jobs(file).values()
        for step in job["steps"]
        for line in step.get("run", "").splitlines()
    ]


@pytest.mark.parametrize(("file", "line"), commands())
def test_every_command_exists(file, line):
    program, *arguments = shlex.split(line)
    if program == "gdw":
        assert arguments[0] in GDW
    elif program == "gdw-course":
        assert arguments[0] in COURSE
    elif program == "echo":
        assert arguments[-2:] == [">>", "$GITHUB_STEP_SUMMARY"]
    elif arguments[0] == "start.py":
        assert program == "python"
        assert arguments[1] in start.COMMANDS
    else:
        assert (program, arguments[0]) == ("python", "-m"), line
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pip and setuptools, about each other
            assert arguments[1] in BROUGHT_BY_THE_JOB or find_spec(arguments[1]), line


@pytest.mark.parametrize(("file", "line"), [(file, line) for file, line in commands() if "[" in line])
def test_every_part_that_is_installed_exists(file, line):
    (parts,) = re.findall(r"\[([a-z,]+)\]", line)
    assert set(parts.split(",")) <= EXTRAS


def test_tests_run_on_every_system_and_python():
    matrix = jobs(ROOT / ".github" / "workflows" / "tests.yml")["everything"]["strategy"]["matrix"]
    assert {system.partition("-")[0] for system in matrix["system"]} == {"ubuntu", "macos", "windows"}
    minors = range(start.OLDEST[1], start.NEWEST[1] + 1)
    assert matrix["python"] == [f"3.{minor}" for minor in minors]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_jobs_may_only_read_and_end_by_themselves(file):
    workflow = yaml.safe_load(file.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())
    more = {(file.name, name): job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    assert set(more) <= set(MAY_WRITE)
    assert all(MAY_WRITE[job] == permissions for job, permissions in more.items())


def test_only_main_publishes_the_site_and_only_after_it_was_built():
    site = jobs(ROOT / ".github" / "workflows" / "site.yml")
    assert "github.ref == 'refs/heads/main'" in site["publish"]["if"]
    assert site["publish"]["needs"] == "build"
    (uploaded,) = [step["with"]["path"] for step in site["build"]["steps"] if "upload-pages" in step.get("uses", "")]
    assert uploaded in start.COMMANDS["site"][0]
