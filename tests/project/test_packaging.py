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

import gdw

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

# conda-forge's names for what PyPI calls otherwise
CONDA_TO_PYPI = {"pytorch": "torch", "python-build": "build", "matplotlib-base": "matplotlib"}
# what conda needs to be told and pip does not
CONDA_ONLY = {"python", "pip"}


def requirements(lines: list[str]) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one for one in parsed}


def declared() -> dict[str, Requirement]:
    project = PROJECT["project"]
    return requirements([*project["dependencies"], *chain(*project["optional-dependencies"].values())])


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
        assert re.fullmatch(r"==\d+(\.\d+)*(\.post\d+)?", str(pin.specifier)), pin
    names = [canonicalize_name(pin.name) for pin in pinned()]
    assert len(names) == len(set(names))


def test_pins_fit_what_the_project_asks_for():
    pins = {canonicalize_name(pin.name): pin for pin in pinned()}
    for name, requirement in declared().items():
        version = next(iter(pins[name].specifier)).version
        assert version in requirement.specifier, f"{requirement} is pinned to {version}"


@pytest.mark.parametrize("file", ["constraints.txt", "pyproject.toml", "environment.yml", "Makefile", ".ci/run"])
def test_no_address_of_a_package_index(file):
    assert not re.search(r"https?:|file:|index-url|find-links|trusted-host", (ROOT / file).read_text("utf-8"))


@pytest.mark.parametrize("version", PYTHONS)
def test_the_makefile_takes_the_pythons_that_the_project_supports(version):
    assert version in SpecifierSet(PROJECT["project"]["requires-python"])
    assert f"python{version}" in (ROOT / "Makefile").read_text("utf-8")


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert PROJECT["project"]["version"] == str(citation["version"]) == gdw.__version__


def test_citation_names_the_paper():
    paper = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["preferred-citation"]
    assert paper["title"] == "Generalized Data Weighting via Class-level Gradient Manipulation"
    assert [author["family-names"] for author in paper["authors"]] == [
        "Chen", "Zheng", "Chen", "Dong", "Liu", "Liu", "Dou",
    ]  # fmt: skip
    assert {"type": "other", "value": "arXiv:2111.00056"} in paper["identifiers"]


def test_licence_is_mit():
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")
    assert PROJECT["project"]["license"] == "MIT"


def test_type_hints_are_shipped():
    assert (ROOT / "gdw" / "py.typed").exists()
    assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"]["gdw"]


@pytest.mark.parametrize("package", ["gdw", "gdw_notebooks"])
def test_every_folder_with_code_is_a_package(package):
    for file in (ROOT / package).rglob("*.py"):
        assert (file.parent / "__init__.py").exists(), file.parent
