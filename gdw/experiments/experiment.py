"""Experiment: a frozen description of a run, and its run code. A run is four values: data, method, recipe, seed."""

import hashlib
import json
import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import attrs

from gdw.data.datasets import check_dataset_name
from gdw.errors import unknown, whole_number
from gdw.experiments.fields import FIELDS, PART_OF, PARTS, Data, Engine, Recipe, kind_of, preset_for, without_derivative
from gdw.experiments.identity import content_of, places_of, without_places
from gdw.frozen import FrozenDict, thawed
from gdw.methods.base import method_class

CODE_VERSION = "gdw1"
OWN = "own"  # key of a record's config whose data set, task, model or method was given as an object
NAMES = (*(name for name in FIELDS if PART_OF[name] == "data"), "method", "settings", "seed",
         *(name for name in FIELDS if PART_OF[name] != "data"))  # fmt: skip
FROM_PRESET = tuple(name for name, field in FIELDS.items() if field.default is attrs.NOTHING)
ENGINE = tuple(name for name in FIELDS if PART_OF[name] == "engine")


@attrs.frozen(init=False, eq=False, repr=False, slots=False)
class Experiment:
    """Everything that decides a run's numbers, and the engine that computes them.

    A run is four values: ``data``, ``method`` with its ``settings``, ``recipe`` and ``seed``. ``engine`` says how it
    is computed. Each field of a value can be given and read directly: ``Experiment(rate=0.6).rate``. What is not given
    comes from the data set's preset; :meth:`with_` keeps what was given, and nothing else.

    Two experiments are equal if the same numbers come out up to rounding: the engine does not count, and data in files
    is what it holds, wherever it lies.

    Args:
        method: a name that ``python -m gdw methods`` lists.
        settings: the method's own, on top of the preset's.
        seed: the one seed of data, noise, start and batches.
        given: fields of :class:`~gdw.experiments.fields.Data`, :class:`~gdw.experiments.fields.Recipe` and
            :class:`~gdw.experiments.fields.Engine`.

    Raises:
        ValueError: an unknown name (with the nearest known one), a wrong type or a number out of range.
    """

    data: Data
    method: str
    settings: FrozenDict
    recipe: Recipe
    seed: int
    engine: Engine
    given: FrozenDict  # what the user said, of the fields that a preset could say too

    def __init__(self, *, method: str = "gdw", settings: Mapping[str, Any] | None = None, seed: int = 0, **given: Any):
        given = without_derivative(given)
        for name in given:
            if name not in FIELDS:
                raise unknown("field of an experiment", name, NAMES)
        method = method_class(method).name
        given = {name: value for name, value in given.items() if not (name in FROM_PRESET and value is None)}
        named: Any = given.get("dataset", FIELDS["dataset"].default)
        dataset = check_dataset_name(named)
        preset = preset_for(dataset, given.get("features"), given.get("pretrained"))
        values = {name: preset.of(method, name) for name in FROM_PRESET} | given
        parts = {
            part: kind(**{name: value for name, value in values.items() if PART_OF[name] == part})
            for part, kind in PARTS.items()
        }
        if settings is not None and not isinstance(settings, Mapping):
            raise ValueError(f"settings must be a dictionary of {method}'s own settings, got {settings!r}")
        check_settings = method_class(method).check_settings
        own = check_settings(settings or {})
        kept = {name: getattr(parts[PART_OF[name]], name) for name in given if name in FROM_PRESET}
        self.__attrs_init__(
            method=method, settings=FrozenDict(check_settings(preset.methods.get(method, {})) | own),
            seed=whole_number("seed", seed), given=FrozenDict(kept | {"settings": own}), **parts,
        )  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        """A field of one of its values: ``experiment.rate`` is ``experiment.data.rate``."""
        if name in PART_OF:
            return getattr(getattr(self, PART_OF[name]), name)
        raise AttributeError(f"an Experiment has no {name!r}")

    def __repr__(self) -> str:
        return f"Experiment({', '.join(f'{name}={value!r}' for name, value in self._changed().items())})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Experiment):
            return NotImplemented
        if without_places(self.config()) != without_places(other.config()):
            return False
        if self.data.content and other.data.content:
            return self.data.content == other.data.content
        if places_of(self.data) == places_of(other.data):
            return True
        mine, theirs = (e.content or content_of(e.data) for e in (self, other))
        return mine is not None and mine == theirs

    def __hash__(self) -> int:
        return hash(json.dumps(without_places(self.config()), sort_keys=True))

    def config(self) -> dict[str, Any]:
        """What decides the numbers, as plain JSON values, every field resolved.

        The engine is left out, except for what is not exact. Fields marked ``later`` are left out at their defaults, so
        that run codes and records from before them stay valid.
        """
        return {k: v for k, v in self.everything().items() if k not in ENGINE} | self.engine.inexact

    def everything(self) -> dict[str, Any]:
        """``config`` and the engine: what another process needs to run it in the same way."""
        values = {name: getattr(self, name) for name in NAMES}
        later = {name: field.default for name, field in FIELDS.items() if field.metadata["later"]}
        return {name: thawed(v) for name, v in values.items() if not (name in later and v == later[name])}

    def with_(self, **changes: Any) -> "Experiment":
        """The same run with other values for these fields. What was given stays; the rest comes from the preset again.

        Another method starts with its own settings; new settings are added to those that were given.
        """
        kept = {name: getattr(self, name) for name in NAMES if name not in FROM_PRESET} | dict(self.given)
        if changes.get("method", self.method) != self.method:
            kept["settings"] = {}
        if {"dataset", "noise", "confirmed"} & changes.keys():
            kept["content"] = None
        if isinstance(changes.get("settings"), Mapping):
            changes["settings"] = {**kept["settings"], **changes["settings"]}
        return Experiment(**(kept | changes))

    def identified(self) -> "Experiment":
        """The same, with the content of its files as they are now; itself if it reads none or they are not there."""
        content = self.content or content_of(self.data)
        return self if content == self.content else self.with_(content=content)

    def _of_preset(self) -> "Experiment":
        """What its preset says, and nothing else."""
        return Experiment(dataset=self.dataset, method=self.method, features=self.features, pretrained=self.pretrained)

    def _changed(self) -> dict[str, Any]:
        """What differs from the preset, in the order of a run code; the engine is left out where it is exact."""
        plain = self._of_preset()
        shown = {"dataset", "method"} | {name for name in ("features", "pretrained") if getattr(self, name)}
        names = [name for name in NAMES if name not in ENGINE]
        found = {n: getattr(self, n) for n in names if n in shown or getattr(self, n) != getattr(plain, n)}
        return found | self.engine.inexact

    @property
    def code(self) -> str:
        """A short run code: what differs from the preset, and a check of all the rest. The engine is not part of it.

        Where the experiment reads files, the code holds a hash of their content, if they are there.
        """
        return self.identified()._code()

    def _code(self) -> str:
        values = self._changed()
        settings = values.pop("settings", {})
        values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        values |= {f"settings.{name}": json.dumps(value) for name, value in settings.items()}
        return f"{CODE_VERSION}:{urlencode(values, safe='/', errors='surrogateescape')}~{self._digest()}"

    @classmethod
    def from_code(cls, code: str) -> "Experiment":
        """The experiment that a run code describes. No file is read. Codes of earlier versions may name the engine too.

        Warns:
            UserWarning: the run's data is in files, and the code is of a version that did not say what they hold.

        Raises:
            ValueError: not a run code, or one from a package version with other defaults.
        """
        version, _, rest = str(code).strip().partition(":")
        text, _, digest = rest.rpartition("~")
        if version != CODE_VERSION or not text:
            raise ValueError(f"not a run code: {code!r} (one looks like {cls()._code()!r})")
        try:
            values = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="surrogateescape"))
        except ValueError:
            raise ValueError(f"not a run code: {code!r} (one looks like {cls()._code()!r})") from None
        strange = {name.split(".")[0] for name in values} - {*NAMES, "derivative"}
        if strange:
            raise ValueError(f"run code {code!r} has unknown fields: {', '.join(sorted(strange))}")
        parsed = {name: parse_field(name, value) for name, value in values.items()}
        settings = {k.removeprefix("settings."): v for k, v in parsed.items() if k.startswith("settings.")}
        given = {name: value for name, value in parsed.items() if not name.startswith("settings")}
        experiment = cls(settings=settings, **given)
        engine = {k: v for k, v in given.items() if k in ENGINE or k == "derivative"}
        if digest not in (experiment._digest(), experiment._digest(engine)):
            raise ValueError(
                f"run code {code!r} was changed by hand or made under other defaults: "
                f"with today's it would be {experiment._code()!r}"
            )
        if experiment.content is None and places_of(experiment.data):
            warnings.warn("this run code does not say what its files hold: its data is not identified", stacklevel=2)
        return experiment

    def _digest(self, engine: Mapping[str, Any] | None = None) -> str:
        """Four digits over every field. The engine's are those of the preset, or, as it was once, the code's own."""
        threads = preset_for(self.dataset, self.features, self.pretrained).values["threads"]
        usual = {"device": "auto", "threads": threads, "precision": "float32", "derivative": "auto"}
        later = {k: v for k, v in (engine or {}).items() if k in usual or v}  # the others were left out when off
        values = usual | later | self.config()
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:4]


def parse_field(name: str, text: str) -> Any:
    """A field's value from its text, as in a run code or on the command line: a name, or JSON."""
    is_text = name in ("method", "derivative") or (name in FIELDS and kind_of(FIELDS[name]) is str)
    if is_text and not (name == "noise" and text.startswith(("[", "{"))):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{name}: {text!r} is neither a number nor true or false") from None


def from_config(config: Mapping[str, Any]) -> Experiment:
    """Undo ``Experiment.config`` or ``Experiment.everything``, after JSON too; records of earlier versions as well.

    What the preset says anyway does not count as given.

    Raises:
        ValueError: as ``read_config`` does.
    """
    e = read_config(config)
    usual = e._of_preset()
    given = {k: v for k, v in config.items() if not (k in FROM_PRESET and getattr(e, k) == getattr(usual, k))}
    settings = {k: v for k, v in e.settings.items() if usual.settings.get(k, OWN) != v}
    return Experiment(**(given | {"settings": settings}))


def read_config(config: Mapping[str, Any]) -> Experiment:
    """An experiment from its fields, all of them given."""
    if not isinstance(config, Mapping):
        raise ValueError(f"a config must be a dictionary of an Experiment's fields, got {config!r}")
    if own := config.get(OWN):
        if not isinstance(own, Mapping):
            raise ValueError(f"{OWN!r} must be a dictionary of the objects that were passed in, got {own!r}")
        own = ", ".join(f"{kind} {name}" for kind, name in own.items())
        raise ValueError(f"this run cannot be made again from its record: it used objects that were passed in ({own})")
    return Experiment(**config)
