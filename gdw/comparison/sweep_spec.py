"""A sweep's description: methods x scenarios x seeds from a TOML file, every mistake found before any work."""

import tomllib
from collections.abc import Sequence
from dataclasses import fields
from itertools import product
from pathlib import Path

from gdw.errors import unknown
from gdw.methods import method_class
from gdw.training.experiment import Experiment

SCENARIO_FIELDS = ("noise", "rate", "imbalance", "imbalance_kind")
OWN_KEYS = ("methods", "scenarios", "seeds", "settings")


def load_spec(path: str | Path, seeds: int | None = None, methods: Sequence[str] | None = None) -> list[Experiment]:
    """The experiments of a TOML file, seeds outermost, so that any unbroken part of them is paired.

    ::

        methods = ["gdw", "gdw-tied", "mwnet"]
        seeds = 10                          # 0 ... 9, or a list
        epochs = 60                         # any field of Experiment; what is left out comes from the preset
        [[scenarios]]
        noise = "uniform"
        rate = [0.4, 0.6]                   # a list stands for all its values
        imbalance = 1.0
        [settings.gdw]                      # a method's own, on top of the preset's
        step_size = 0.3

    Args:
        seeds: this many, from 0, in place of the file's.
        methods: these, in place of the file's.

    Raises:
        ValueError: an unknown key, method or value, with the nearest known one.
    """
    try:
        spec = tomllib.loads(Path(path).read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not TOML: {error}") from None
    return experiments_of(spec, seeds, methods)


def experiments_of(
    spec: dict, seeds: int | None = None, methods: Sequence[str] | None = None
) -> list[Experiment]:
    """As ``load_spec``, from the parsed file."""
    common = {name: value for name, value in spec.items() if name not in OWN_KEYS}
    _check_names("key of a sweep", common, [f.name for f in fields(Experiment)] + list(OWN_KEYS))
    settings = spec.get("settings", {})
    names = list(methods or spec.get("methods", ()))
    for name in [*names, *settings]:
        method_class(name)
    if not names:
        raise ValueError("the sweep names no method: give it methods = [...]")
    return [
        Experiment(**{**common, **scenario, "method": name, "seed": seed, "settings": settings.get(name, {})})
        for seed in _seeds(spec.get("seeds", 1) if seeds is None else seeds)
        for scenario in scenarios_of(spec)
        for name in dict.fromkeys(names)
    ]


def scenarios_of(spec: dict) -> list[dict]:
    """The scenarios, lists of values multiplied out, each once, in the order of the file."""
    found = []
    for entry in spec.get("scenarios", [{}]):
        _check_names("key of a scenario", entry, SCENARIO_FIELDS)
        axes = [value if isinstance(value, list) and name != "noise" else [value] for name, value in entry.items()]
        if isinstance(entry.get("noise"), list):
            axes[list(entry).index("noise")] = _noises(entry["noise"])
        found += [dict(zip(entry, values, strict=True)) for values in product(*axes)]
    return [scenario for place, scenario in enumerate(found) if scenario not in found[:place]]


def _noises(value: list) -> list:
    """A list of names, or one matrix."""
    if all(isinstance(name, str) for name in value):
        return value
    return [tuple(tuple(row) for row in value)]


def _seeds(seeds: int | list[int]) -> list[int]:
    found = list(range(seeds)) if isinstance(seeds, int) else list(dict.fromkeys(seeds))
    if not found:
        raise ValueError(f"a sweep needs at least one seed, got {seeds!r}")
    return found


def _check_names(kind: str, given: dict, known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise unknown(kind, name, known)
