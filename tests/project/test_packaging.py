"""What is installed and shipped: one list of requirements, told the same way everywhere."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import gdw
import start
from tools import floors

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SETTING_UP = (
    "constraints.txt", "pyproject.toml", "environment.yml", "Makefile", "start.py", ".ci/run",
    ".binder/environment.yml", ".binder/postBuild", "Dockerfile",
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / ".github").rglob("*.yml"))),
)  # fmt: skip

# conda-forge's names for what PyPI calls otherwise
CONDA_TO_PYPI = {
    "pytorch": "torch", "pytorch-cpu": "torch", "python-build": "build", "matplotlib-base": "matplotlib",
}  # fmt: skip
# what conda needs to be told and pip does not
CONDA_ONLY = {"python", "pip"}


def requirements(lines: list[str]) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one for one in parsed}


def declared() -> dict[str, Requirement]:
    project = PROJECT["project"]
    found = requirements([*project["dependencies"], *chain(*project["optional-dependencies"].values())])
    return {name: one for name, one in found.items() if name != "gdw"}  # an extra may ask for another one of gdw's


def pinned() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_conda_environment_asks_for_what_the_project_asks():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    from_pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    conda = requirements([entry for entry in entries if isinstance(entry, str)])
    assert conda["python"].specifier == SpecifierSet(PROJECT["project"]["requires-python"])
    assert from_pip[-1] == "--editable ."  # the package itself, when all it needs is there

    asked = {CONDA_TO_PYPI.get(name, name): one.specifier for name, one in conda.items() if name not in CONDA_ONLY}
    asked |= {name: one.specifier for name, one in requirements(from_pip[:-1]).items()}
    assert asked == {name: one.specifier for name, one in declared().items()}


def test_every_pin_is_a_name_and_a_number():
    for pin in pinned():
        assert pin.url is None
        assert re.fullmatch(r"==\d+(\.\d+)*(b\d+)?(\.post\d+)?", str(pin.specifier)), pin
    names = [canonicalize_name(pin.name) for pin in pinned()]
    assert len(names) == len(set(names))


def test_pins_fit_what_the_project_asks_for():
    pins = {canonicalize_name(pin.name): pin for pin in pinned()}
    for name, requirement in declared().items():
        version = next(iter(pins[name].specifier)).version
        assert version in requirement.specifier, f"{requirement} is pinned to {version}"


@pytest.mark.parametrize("file", SETTING_UP)
def test_no_address_of_a_package_index(file):
    assert not re.search(r"https?:|file:|index-url|find-links|trusted-host", (ROOT / file).read_text("utf-8"))


@pytest.mark.parametrize("minor", range(6, 20))
def test_start_takes_the_pythons_that_the_project_supports(minor):
    assert start.supported((3, minor)) == (f"3.{minor}" in SpecifierSet(PROJECT["project"]["requires-python"]))


def test_what_start_installs_is_every_part():
    assert set(start.EXTRAS.split(",")) == set(PROJECT["project"]["optional-dependencies"])


def test_every_requirement_has_a_lowest_version():
    assert set(map(canonicalize_name, floors.floors(PROJECT["project"]))) == set(declared()) - {"setuptools"}
    with pytest.raises(ValueError, match="'torch' names no lowest version"):
        floors.floors({"dependencies": ["torch"], "optional-dependencies": {}})


# Versions with a known hole: what runs on strangers' files or answers on a network must be newer.
FIXED = {
    "torch": "2.10", "pillow": "13.0", "jupyterlab": "4.6.2", "jupyter-server": "2.20", "distributed": "2026.1",
    "filelock": "3.20.3", "tqdm": "4.66.3",
}  # fmt: skip


def test_no_floor_is_below_a_fixed_version():
    lowest = {canonicalize_name(name): Version(one) for name, one in floors.floors(PROJECT["project"]).items()}
    assert all(lowest[name] >= Version(fixed) for name, fixed in FIXED.items())


def test_the_binder_environment_is_the_course_on_the_processor():
    """Names and lowest versions are those of the project; torch is conda-forge's build without CUDA."""
    entries = yaml.safe_load((ROOT / ".binder" / "environment.yml").read_text("utf-8"))["dependencies"]
    from_pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    found = requirements([entry for entry in entries if isinstance(entry, str)]) | requirements(from_pip)
    asked = {CONDA_TO_PYPI.get(name, name): one.specifier for name, one in found.items() if name not in CONDA_ONLY}
    project, extras = PROJECT["project"], PROJECT["project"]["optional-dependencies"]
    wanted = requirements([*project["dependencies"], *extras["course"], *extras["features"], *extras["audit"]])
    assert asked == {name: one.specifier for name, one in wanted.items() if name != "gdw"}
    assert "pytorch-cpu" in found


def test_binder_installs_the_package_without_asking_for_more():
    (command,) = [line for line in (ROOT / ".binder" / "postBuild").read_text("utf-8").splitlines() if " pip " in line]
    assert command.split() == ["python", "-m", "pip", "install", "--no-deps", "--editable", "."]


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert PROJECT["project"]["version"] == str(citation["version"]) == gdw.__version__
    assert f"## {gdw.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
