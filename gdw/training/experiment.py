"""Experiment: a frozen description of a run, and its run code. What is left out comes from the data set's preset."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from urllib.parse import parse_qsl, urlencode

from gdw.data.corruption import IMBALANCES, NOISES, checked_matrix
from gdw.data.datasets import check_dataset_name
from gdw.data.human_labels import PREFIX as HUMAN
from gdw.data.task import INSTANCE_NOISE, check_as_labelled
from gdw.errors import number, one_of, truth, unknown, whole_number
from gdw.methods.base import method_class
from gdw.networks.classifiers import MODELS
from gdw.training.engine import ENGINE_FIELDS, Engine, inexact
from gdw.training.plan import Plan
from gdw.training.presets import preset_for

CODE_VERSION = "gdw1"
OWN = "own"  # key of a record's config whose data set, task, model or method was given as an object


@dataclass(frozen=True, eq=False)
class Experiment(Engine):
    """Everything that decides a run's numbers, and the engine that computes them.

    Two experiments are equal, and have the same run code, if the same numbers come out up to rounding: the fields of
    :class:`gdw.training.engine.Engine` (device, threads, capture, ...) do not count.

    Args:
        dataset: a name (``gdw.data.DATASETS``) or an image folder's path.
        noise: kind of label noise, or a row-stochastic matrix (rows: true class); ``"human:PATH[:KEY]"`` reads labels.
        rate: the noise's parameter in [0, 1]; for ``"uniform"`` the mixing rate (the true class may be drawn).
        imbalance: smallest class / largest, in (0, 1].
        imbalance_kind: ``"exponential"`` or ``"step"``.
        method: a name that ``python -m gdw methods`` lists.
        settings: the method's own, on top of the preset's.
        seed: the one seed of data, noise, start and batches.
        model: a name in ``gdw.networks.classifiers.MODELS``.
        epochs: passes over the training set in all.
        batch_size: training images in a step.
        lr: SGD's learning rate at the start of the cosine.
        momentum: of SGD, in [0, 1).
        weight_decay: of SGD.
        meta_per_class: clean images of each class.
        validation_per_class: clean images of each class held out of training to choose settings on.
        max_prob: the reference implementation's clamp on the probabilities (docs/quirks.md); None is exact.
        train_per_class, test_per_class: a smaller run: so many images of each class; None takes all.
        image_size: height and width in pixels of an image folder's pictures; None as ``load_dataset`` does.
        augment: whether pictures are shifted and mirrored, if the data set says so; False leaves them as they are.
        flip: False keeps left and right apart: pictures are shifted but not mirrored.
        features: a frozen pretrained network of timm, whose features replace the pictures; None: no features.
        features_size: height and width in pixels at which it sees the pictures; None takes its own.
        mirrored: with ``features``, the features of mirrored pictures are used too, as augmentation.
        confirmed: a table (``path,label``) of the folder's pictures whose right label a person knows. All other labels
            may be wrong as they are: the clean set is made of confirmed pictures; validation and test set are those
            of the folder, or made of pictures that its column ``chosen`` says were drawn at random. The others are
            trained on, with their right label. Labels of a table of your own: ``noise="human:PATH"``.
        engine fields: see :class:`gdw.training.engine.Engine`.

    Raises:
        ValueError: an unknown name (with the nearest known one), a wrong type or a number out of range.
    """

    dataset: str = "digits"
    noise: str | tuple = "uniform"
    rate: float = 0.0
    imbalance: float = 1.0
    imbalance_kind: str = "exponential"
    method: str = "gdw"
    settings: Mapping = field(default_factory=dict)
    seed: int = 0
    model: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    meta_per_class: int | None = None
    validation_per_class: int = 0
    max_prob: float | None = None
    train_per_class: int | None = None
    test_per_class: int | None = None
    image_size: int | None = None
    augment: bool = True
    flip: bool = True
    features: str | None = None
    features_size: int | None = None
    mirrored: bool = False
    confirmed: str | None = None

    def __post_init__(self) -> None:
        self._set("dataset", check_dataset_name(self.dataset))
        self._set("method", method_class(self.method).name)
        preset = preset_for(self.dataset, self.features)
        for name in _PRESET_FIELDS:
            if getattr(self, name) is None:
                self._set(name, preset.of(self.method, name))
        if not isinstance(self.settings, Mapping):
            raise ValueError(f"settings must be a dictionary of {self.method}'s own settings, got {self.settings!r}")
        self._set("settings", _checked_settings(self.method, {**preset.methods.get(self.method, {}), **self.settings}))
        self._set("noise", _checked_noise(self.noise))
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None or name not in _OPTIONAL:
                self._set(name, check(name, value))
        if self.features is not None and (not isinstance(self.features, str) or not self.features):
            raise ValueError(f"features must be the name of a network that timm knows, got {self.features!r}")
        if self.mirrored and self.features is None:
            raise ValueError("mirrored is for features; pictures are mirrored anyway (flip=False leaves that out)")
        if self.confirmed is not None:
            self._set("confirmed", _checked_confirmed(self))
        self.check_engine()

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return self.config() == other.config() if isinstance(other, Experiment) else NotImplemented

    def __hash__(self) -> int:
        return hash(json.dumps(self.config(), sort_keys=True))

    def config(self) -> dict:
        """What decides the numbers, as plain JSON values, every field resolved.

        The engine is left out, except for what is not exact. The fields of ``_LATER_FIELDS`` are left out at their
        defaults, so that run codes and records from before them stay valid.
        """
        values = {k: v for k, v in self.everything().items() if k not in ENGINE_FIELDS}
        return values | inexact(self.precision, self.derivative)

    def everything(self) -> dict:
        """``config`` and the engine: what another process needs to run it in the same way."""
        values = {k: v for k, v in asdict(self).items() if k not in _LATER_FIELDS or v != _LATER_FIELDS[k]}
        return json.loads(json.dumps(values))

    def with_(self, **changes) -> "Experiment":
        """The same run but for these fields; another method or data set brings its own preset's settings."""
        kept = {name: getattr(self, name) for name in (*self._changed(), *self._changed_engine())}
        if changes.get("method", self.method) != self.method or {"dataset", "features"} & set(changes):
            kept.pop("settings", None)
        elif "settings" in changes:
            changes["settings"] = {**self.settings, **changes["settings"]}
        return Experiment(**{**kept, **changes})

    def _changed(self) -> list[str]:
        """Names of the fields that differ from the preset, in the order of a run code; the engine's are left out."""
        always = ("dataset", "method", "features")
        plain = Experiment(**{name: getattr(self, name) for name in always})
        names = [f.name for f in fields(self) if f.name not in ENGINE_FIELDS]
        shown = {"dataset", "method"} | ({"features"} if self.features else set())
        return [name for name in names if name in shown or getattr(self, name) != getattr(plain, name)]

    def _changed_engine(self) -> list[str]:
        plain = Experiment(dataset=self.dataset, features=self.features)
        return [name for name in ENGINE_FIELDS if getattr(self, name) != getattr(plain, name)]

    @property
    def plan(self) -> Plan:
        """How its model is stepped."""
        return Plan(
            self.epochs, self.batch_size, self.lr, self.momentum, self.weight_decay, self.seed, self.derivative,
            self.max_prob, self.save_memory, self.capture, self.compile,
        )  # fmt: skip

    @property
    def code(self) -> str:
        """A short run code: what differs from the preset, and a check of all the rest. The engine is not part of it."""
        values = {name: getattr(self, name) for name in self._changed()} | inexact(self.precision, self.derivative)
        settings = values.pop("settings", {})
        values = {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
        values |= {f"settings.{k}": json.dumps(v) for k, v in settings.items()}
        return f"{CODE_VERSION}:{urlencode(values, safe='/', errors='surrogateescape')}~{self._digest()}"

    @classmethod
    def from_code(cls, code: str) -> "Experiment":
        """The experiment that a run code describes. Codes of earlier versions may name the engine too.

        Raises:
            ValueError: not a run code, or one from a package version with other defaults.
        """
        version, _, rest = str(code).strip().partition(":")
        text, _, digest = rest.rpartition("~")
        if version != CODE_VERSION or not text:
            raise ValueError(f"not a run code: {code!r} (one looks like {cls().code!r})")
        try:
            values = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="surrogateescape"))
        except ValueError:
            raise ValueError(f"not a run code: {code!r} (one looks like {cls().code!r})") from None
        strange = {k.split(".")[0] for k in values} - {f.name for f in fields(cls)}
        if strange:
            raise ValueError(f"run code {code!r} has unknown fields: {', '.join(sorted(strange))}")
        parsed = {k: parse_field(k, v) for k, v in values.items()}
        settings = {k.removeprefix("settings."): v for k, v in parsed.items() if k.startswith("settings.")}
        given = {k: v for k, v in parsed.items() if not k.startswith("settings")}
        experiment = cls(settings=settings, **given)
        if digest not in (experiment._digest(), experiment._digest(experiment.engine)):
            raise ValueError(
                f"run code {code!r} was changed by hand or made under other defaults: "
                f"with today's it would be {experiment.code!r}"
            )
        return experiment

    def _digest(self, engine: Mapping | None = None) -> str:
        """Four digits over every field. The engine's are those of the preset, or, as it was once, the run's own."""
        usual = {"device": "auto", "threads": preset_for(self.dataset, self.features).threads, "precision": "float32",
                 "derivative": "auto"}  # fmt: skip
        later = {k: v for k, v in (engine or {}).items() if k in usual or v}  # the others were left out when off
        values = usual | later | self.config()
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:4]


_PRESET_FIELDS = ("model", "epochs", "batch_size", "lr", "momentum", "weight_decay", "meta_per_class", "threads")
_LATER_FIELDS = {
    "train_per_class": None, "test_per_class": None, "image_size": None, "augment": True, "flip": True,
    "features": None, "features_size": None, "mirrored": False, "confirmed": None,
    "save_memory": False, "channels_last": False, "capture": False, "compile": False,
}  # fmt: skip
_TEXT_FIELDS = (
    "dataset", "noise", "imbalance_kind", "method", "model", "features", "confirmed", "device", "precision",
    "derivative",
)  # fmt: skip
_OPTIONAL = ("max_prob", "train_per_class", "test_per_class", "image_size", "features_size")
LARGEST_PICTURE = 4096  # pixels, height and width


def _momentum(name: str, value: object) -> float:
    value = number(name, value, 0)
    if value >= 1:
        raise ValueError(f"{name} must be below 1, got {value:g}")
    return value


def _count(name: str, value: object) -> int:
    return whole_number(name, value, 1)


_CHECKS = {
    "rate": lambda name, value: number(name, value, 0, 1),
    "imbalance": lambda name, value: number(name, value, 0, 1, open_low=True),
    "imbalance_kind": lambda name, value: one_of("imbalance kind", value, IMBALANCES),
    "seed": whole_number,
    "model": lambda name, value: one_of("model", value, MODELS),
    "epochs": _count,
    "batch_size": _count,
    "lr": lambda name, value: number(name, value, 0),
    "momentum": _momentum,
    "weight_decay": lambda name, value: number(name, value, 0),
    "meta_per_class": _count,
    "validation_per_class": lambda name, value: whole_number(name, value, 0),
    "max_prob": lambda name, value: number(name, value, 0, 1, open_low=True),
    "train_per_class": _count,
    "test_per_class": _count,
    "image_size": lambda name, value: whole_number(name, value, 1, LARGEST_PICTURE),
    "augment": truth,
    "flip": truth,
    "features_size": lambda name, value: whole_number(name, value, 1, LARGEST_PICTURE),
    "mirrored": truth,
}


def _checked_noise(noise: object) -> str | tuple:
    """A known name, or a matrix as nested tuples of floats."""
    if isinstance(noise, str):
        if noise in NOISES or noise == INSTANCE_NOISE or noise.removeprefix(HUMAN) not in ("", noise):
            return noise
        raise unknown("noise", noise, (*NOISES, INSTANCE_NOISE, HUMAN + "PATH"))
    try:
        classes = len(noise)
    except TypeError:
        raise ValueError(f"noise must be a name or a matrix of numbers, got {noise!r}") from None
    if classes < 2:
        raise ValueError(f"a noise matrix needs at least 2 classes, got {classes}")
    checked_matrix(noise, classes)
    return tuple(tuple(number("noise", float(value)) for value in row) for row in noise)


def _checked_confirmed(experiment: Experiment) -> str:
    """The table's path as text."""
    path, e = experiment.confirmed, experiment
    if not isinstance(path, (str, os.PathLike)) or not str(path):
        raise ValueError(f"confirmed must be the path of a table path,label, got {path!r}")
    check_as_labelled(e.noise, e.rate, e.imbalance)
    return os.fspath(path)


def _checked_settings(method: str, settings: Mapping) -> dict:
    """Known names, each value of its default's type and in the range that the method gives."""
    known = method_class(method).settings()
    found = {}
    for name, value in settings.items():
        if name not in known:
            raise unknown(f"setting of {method}", name, known)
        found[name] = _like(f"{method}'s {name}", value, known[name])
    try:
        method_class(method).check_settings(found)
    except TypeError as error:
        raise ValueError(str(error)) from None
    return found


def _like(name: str, value: object, default: object) -> object:
    if default is None and value is None:
        return None
    if isinstance(default, bool):
        return truth(name, value)
    if isinstance(default, int):
        return whole_number(name, value)
    if isinstance(default, float) or default is None:
        return number(name, value)
    if isinstance(default, str) and not isinstance(value, str):
        raise ValueError(f"{name} must be text, got {value!r}")
    return value


def parse_field(name: str, text: str) -> object:
    """A field's value from its text, as in a run code or on the command line: numbers, true, false, null, a matrix.

    Raises:
        ValueError: neither a name nor JSON.
    """
    if name in _TEXT_FIELDS and not (name == "noise" and text.startswith("[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{name}: {text!r} is neither a number nor true or false") from None


def from_config(config: Mapping) -> Experiment:
    """Undo ``Experiment.config`` or ``Experiment.everything``, after JSON too; records of earlier versions as well.

    Raises:
        ValueError: no such config; or one of a run whose data set, task, model or method was given as an object.
    """
    if not isinstance(config, Mapping):
        raise ValueError(f"a config must be a dictionary of an Experiment's fields, got {config!r}")
    if own := config.get(OWN):
        if not isinstance(own, Mapping):
            raise ValueError(f"{OWN!r} must be a dictionary of the objects that were passed in, got {own!r}")
        own = ", ".join(f"{kind} {name}" for kind, name in own.items())
        raise ValueError(f"this run cannot be made again from its record: it used objects that were passed in ({own})")
    strange = [name for name in config if name not in {f.name for f in fields(Experiment)}]
    if strange:
        raise unknown("field of an experiment", strange[0], [f.name for f in fields(Experiment)])
    return Experiment(**config)
