"""Names of scenarios and methods in a table: no name is that of two kinds of data or of training."""

import hashlib
import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gdw.data.corruption import NOISES
from gdw.data.human_labels import PREFIX as HUMAN
from gdw.data.human_labels import parse
from gdw.experiments.experiment import ENGINE, FROM_PRESET, OWN, from_config
from gdw.experiments.fields import FIELDS, PART_OF, preset_for
from gdw.methods import METHODS

Config = Mapping[str, Any]
DIGEST = 6  # hexadecimal digits of it that a name shows
_DEFAULTS = {name: None if name in FROM_PRESET else field.default for name, field in FIELDS.items()}
_NETWORK = {"model", "augment", "flip", "pretrained"}  # of the recipe: what all methods of a scenario share
# "derivative" is in records of version 0.2 alone
_RECIPE = {name for name in FIELDS if PART_OF[name] == "recipe"} - _NETWORK | {"precision", "derivative"}
_NO_DATA = _RECIPE | {"method", "settings", "seed", OWN, *ENGINE}


def scenario_name(config: Config) -> str:
    """Noise and imbalance in words, as ``"uniform 40 + long tail 0.1"``; ``"clean"`` where there is neither.

    Labels that people gave go by the name of their column, a noise matrix by a digest of it; a clean set of another
    size than the preset's is named. :func:`names` says more where that is not enough.
    """
    if config.get("confirmed"):
        path, column = (None, None) if config["noise"] == "uniform" else parse(config["noise"])
        table = f" in {' '.join(filter(None, (str(path), column)))}" if path else ""
        return f"as labelled{table}{_clean_set(config)}"
    parts = []
    if not isinstance(config["noise"], str):
        parts.append(f"own matrix {_digest(config['noise'])}")
    elif config["noise"].startswith(HUMAN):
        parts.append(f"human {config['noise'].rpartition(':')[2]}")
    elif not _keeps_labels(config):
        parts.append(f"{config['noise']} {100 * config['rate']:g}")
    if config["imbalance"] < 1:
        kind = "long tail" if config["imbalance_kind"] == "exponential" else "step"
        parts.append(f"{kind} {config['imbalance']:g}")
    return (" + ".join(parts) or "clean") + _clean_set(config)


def names(configs: Sequence[Config]) -> list[tuple[str, str]]:
    """Scenario and method of each run of a table, as short as they can be in it.

    Two runs have one scenario if they have the same data and network, and one method if settings and training are the
    same too. Where a short name would be that of several, what they differ in follows in brackets.
    """
    configs = [_today(config) for config in configs]
    texts = [scenario_name({**_DEFAULTS, **config}) for config in configs]
    scenarios = _distinct(texts, [_data(config) for config in configs], texts)
    methods = [str(config.get("method")) for config in configs]
    within = list(zip(scenarios, methods, strict=True))
    labels = _distinct(methods, [_recipe(config) for config in configs], within)
    return list(zip(scenarios, labels, strict=True))


def title(method: str) -> str:
    """The title of a method as :func:`names` calls it."""
    name, bracket, rest = method.partition(" (")
    return f"{METHODS[name].title}{bracket}{rest}" if name in METHODS else method


def _today(config: Config) -> dict[str, Any]:
    """As this version writes it; as it is where the run cannot be made again."""
    with suppress(ValueError, TypeError):
        return from_config(config).config()
    return dict(config)


def _keeps_labels(config: Config) -> bool:
    """Whether no label is wrong: at rate 0 of a kind of noise that a matrix describes, and not of one of the images."""
    return config["noise"] in NOISES and not config["rate"]


def _clean_set(config: Config) -> str:
    preset = preset_for(config.get("dataset", ""), config.get("features"), config.get("pretrained"))
    usual = preset.values["meta_per_class"]
    size = config.get("meta_per_class") or usual
    return "" if size == usual else f" ({size} clean a class)"


def _data(config: Config) -> dict[str, object]:
    """Everything that decides data and network; what changes nothing, as a kind of noise at rate 0, is left out."""
    given: dict[str, Any] = {**_DEFAULTS, **config}
    found = {key: value for key, value in given.items() if key not in _NO_DATA}
    if not isinstance(given["noise"], str):
        found |= {"noise": _digest(given["noise"]), "rate": None}
    elif given["noise"].startswith(HUMAN):
        path, column = parse(given["noise"])
        found |= {"noise": HUMAN, "table": path.name, "column": column, "path": _digest(str(path)), "rate": None}
    elif _keeps_labels(given):
        found |= {"noise": None}
    if given["imbalance"] >= 1:
        found |= {"imbalance_kind": None}
    if given["confirmed"]:
        found |= {"confirmed": Path(given["confirmed"]).name, "confirmed path": _digest(given["confirmed"])}
    if given["content"]:  # then it does not count where the files were
        found |= {"dataset": None, "path": None, "confirmed path": None}
    return found | {f"own {kind}": name for kind, name in given.get(OWN, {}).items() if kind != "method"}


def _recipe(config: Config) -> dict[str, object]:
    """A method's settings and how it trains."""
    training = {key: value for key, value in config.items() if key in _RECIPE}
    return training | {f"settings.{name}": value for name, value in config.get("settings", {}).items()}


def _distinct(texts: Sequence[str], details: Sequence[Config], groups: Sequence[Hashable]) -> list[str]:
    """Each text, with those of its details in which others of the same text and group differ."""
    places: dict[Hashable, list[int]] = {}
    for place, group in enumerate(groups):
        places.setdefault(group, []).append(place)
    shown: dict[str, dict[str, None]] = {text: {} for text in texts}  # keys, in the order of appearance
    for same in places.values():
        shown[texts[same[0]]] |= dict.fromkeys(_that_differ([details[place] for place in same]))
    return [text + _brackets(detail, shown[text]) for text, detail in zip(texts, details, strict=True)]


def _that_differ(details: Sequence[Config]) -> list[str]:
    """As few keys as tell these details from each other, the first ones that do."""
    different, apart = len(set(map(_text, details))), 1
    chosen: list[str] = []
    for key in dict.fromkeys(key for detail in details for key in detail):
        if apart == different:
            break
        more = len({_text([detail.get(name) for name in (*chosen, key)]) for detail in details})
        if more > apart:
            chosen, apart = [*chosen, key], more
    return chosen


def _brackets(detail: Config, keys: Iterable[str]) -> str:
    values = [f"no {key}" if detail.get(key) is None else f"{key} {detail[key]}" for key in keys]
    return f" ({', '.join(values)})" if values else ""


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _digest(value: object) -> str:
    return hashlib.sha256(_text(value).encode()).hexdigest()[:DIGEST]
