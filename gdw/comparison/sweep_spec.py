"""A sweep's description: methods x scenarios x seeds from a TOML file, every mistake found before any work."""

import tomllib
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from gdw import files
from gdw.errors import one_of, whole_number
from gdw.experiments.experiment import Experiment
from gdw.experiments.fields import FIELDS, PART_OF
from gdw.methods import method_class

Table = dict[str, Any]
SCENARIO_FIELDS = tuple(name for name in FIELDS if PART_OF[name] == "data")
OWN_KEYS = ("methods", "scenarios", "seeds", "settings", "plans")
PLAN_FIELDS = tuple(name for name in FIELDS if PART_OF[name] == "recipe")


def load_spec(path: str | Path, seeds: int | None = None, methods: Sequence[str] | None = None) -> list[Experiment]:
    """The experiments of a TOML file. Seeds are the outer loop: if it stops early, what is done is paired.

    ::

        methods = ["gdw", "gdw-tied", "mwnet"]
        seeds = 10                          # 0 ... 9, or a list
        epochs = 60                         # any field of Experiment; what is left out comes from the preset
        [[scenarios]]
        noise = "uniform"
        rate = [0.4, 0.6]                   # a list means all its values
        imbalance = 1.0
        [settings.gdw]                      # a method's own, on top of the preset's
        step_size = 0.3
        [plans.cross-entropy]               # learning rate, weight decay, epochs ... of one method, where they differ
        lr = 0.02

    Args:
        seeds: this many, from 0, instead of the file's.
        methods: these, instead of the file's.

    Raises:
        OSError: the file cannot be read.
        ValueError: no TOML; an unknown key, method or value, with the nearest known one.
    """
    text = files.read_text(path)
    try:
        spec = tomllib.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise ValueError(f"{path} is not TOML for a sweep: its values are nested too deeply") from None
    try:
        return experiments_of(spec, seeds, methods)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def experiments_of(spec: Table, seeds: int | None = None, methods: Sequence[str] | None = None) -> list[Experiment]:
    """As ``load_spec``, from the parsed file."""
    _check_names("key of a sweep", spec, [*FIELDS, *OWN_KEYS])
    common = {name: value for name, value in spec.items() if name not in OWN_KEYS}
    settings = _table("settings", spec.get("settings", {}))
    plans = _table("plans", spec.get("plans", {}))
    names = list(methods or _list_of("methods", spec.get("methods", []), "names of methods"))
    for name in [*names, *settings, *plans]:
        method_class(name)
    for name, own in settings.items():
        method_class(name).check_settings(_table(f"settings.{name}", own))
    for name, own in plans.items():
        _check_names(f"key of plans.{name}", _table(f"plans.{name}", own), PLAN_FIELDS)
    if not names:
        raise ValueError('the sweep names no method: give it methods = ["gdw", ...]')
    experiments = [
        Experiment(**(common | plans.get(name, {}) | scenario), method=name, seed=seed, settings=settings.get(name, {}))
        for seed in _seeds(spec.get("seeds", 1) if seeds is None else seeds)
        for scenario in scenarios_of(spec)
        for name in dict.fromkeys(names)
    ]
    return list(dict.fromkeys(experiments))  # rate 0 and rate 0.0 are one


def scenarios_of(spec: Table) -> list[Table]:
    """The scenarios, lists of values multiplied out, each once, in the order of the file."""
    found: list[Table] = []
    for entry in _list_of("scenarios", spec.get("scenarios", [{}]), "tables: write [[scenarios]]"):
        _check_names("key of a scenario", _table("a scenario", entry), SCENARIO_FIELDS)
        axes = [_values(name, value) for name, value in entry.items()]
        found += [dict(zip(entry, values, strict=True)) for values in product(*axes)]
    if not found:
        raise ValueError("the sweep has no scenario: leave scenarios out for the data as it is, or give it one")
    return [scenario for place, scenario in enumerate(found) if scenario not in found[:place]]


def _values(name: str, value: object) -> list[Any]:
    """All values of one key of a scenario: a list means each of its values, but a noise matrix is one value."""
    if not isinstance(value, list):
        return [value]
    if not value:
        raise ValueError(f"{name} = [] names no value")
    if name == "noise" and not all(isinstance(each, str) for each in value):
        return [value]
    return value


def _seeds(seeds: object) -> list[int]:
    if isinstance(seeds, list):
        found = list(dict.fromkeys(whole_number("each seed", seed) for seed in seeds))
    else:
        found = list(range(whole_number("seeds (how many, or a list of them)", seeds, 1)))
    if not found:
        raise ValueError("a sweep needs at least one seed, got seeds = []")
    return found


def _list_of(name: str, value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} must be a list of {what}, got {value!r}")
    return value


def _table(name: str, value: object) -> Table:
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a table of names and values, got {value!r}")
    return value


def _check_names(kind: str, given: Table, known: Sequence[str]) -> None:
    for name in given:
        one_of(kind, name, known)
