"""Experiment: a frozen description of a run, and its run code. What is left out comes from the data set's preset."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from urllib.parse import parse_qsl, urlencode

import torch

from gdw.errors import require_between, unknown
from gdw.gradients.step import NEED_THE_GRAPH, check_derivative
from gdw.methods.base import method_class
from gdw.training.plan import Plan
from gdw.training.presets import preset_for

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.float32}  # of parameters
CODE_VERSION = "gdw1"


@dataclass(frozen=True)
class Experiment:
    """Everything that decides a run's numbers. What is left out comes from the data set's preset.

    Args:
        dataset: a name (``gdw.data.DATASETS``) or an image folder's path.
        noise: kind of label noise, or a row-stochastic matrix as nested tuples (rows: true class).
        rate: the noise's parameter in [0, 1]; for ``"uniform"`` the mixing rate (the true class may be drawn).
        imbalance: smallest class / largest, in (0, 1].
        imbalance_kind: ``"exponential"`` or ``"step"``.
        method: a name that ``python -m gdw methods`` lists.
        settings: the method's own, on top of the preset's.
        seed: the one seed of data, noise, start and batches.
        validation_per_class: clean images of each class held out of training to choose settings on.
        train_per_class, test_per_class: a smaller run: so many images of each class; None takes all.
        image_size: height and width in pixels of an image folder's pictures; None as ``load_dataset`` does.
        augment: whether pictures are shifted and mirrored, where the data set says so; False leaves them as they are.
        device: ``"auto"`` takes CUDA where there is one, else the CPU.
        precision: ``"float32"``, ``"float64"``, or ``"bfloat16"`` for the network's passes alone (autocast.py).
        derivative: how the meta gradient is taken (``gdw.gradients.step.DERIVATIVES``); ``"auto"`` is exact.
        max_prob: the reference implementation's clamp on the probabilities (docs/quirks.md); None is exact.
        save_memory: half the memory of a step with a meta gradient (reforward.py).
        channels_last: how a convolutional network lies in memory: the same numbers up to rounding, faster on many
            machines (benchmarks/README.md).
        capture: one step is recorded and replayed, as a CUDA graph on a GPU: the same numbers, sooner (stepping.py). A
            method whose steps are not all alike takes them one by one. A model of one's own must write what it keeps
            in place, and decide nothing in Python from batch to batch.
        compile: the network goes through torch.compile: the same numbers up to rounding (compiled.py).

    Raises:
        ValueError: an unknown name (with the nearest known one) or a number out of range, at once.
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
    threads: int | None = None
    device: str = "auto"
    precision: str = "float32"
    derivative: str = "auto"
    max_prob: float | None = None
    train_per_class: int | None = None
    test_per_class: int | None = None
    image_size: int | None = None
    augment: bool = True
    save_memory: bool = False
    channels_last: bool = False
    capture: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        preset = preset_for(self.dataset)
        for name in _PRESET_FIELDS:
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(preset, name))
        settings = {**preset.methods.get(self.method, {}), **self.settings}
        object.__setattr__(self, "settings", settings)
        self._check()

    def _check(self) -> None:
        known = method_class(self.method).settings()
        for name in self.settings:
            if name not in known:
                raise unknown(f"setting of {self.method}", name, known)
        require_between("rate", self.rate, 0, 1)
        require_between("imbalance", self.imbalance, 0, 1, open_low=True)
        for name in ("epochs", "batch_size", "meta_per_class"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.lr < 0:
            raise ValueError(f"lr must not be negative, got {self.lr}")
        if self.device.split(":")[0] not in DEVICES:
            raise unknown("device", self.device, DEVICES)
        check_derivative(self.derivative, self.save_memory)
        if self.capture and self.compile:
            raise ValueError("a compiled network cannot be captured: choose one of capture and compile")
        if self.compile and self.derivative in NEED_THE_GRAPH:
            raise ValueError(f"a compiled network does not bear derivative={self.derivative!r}: choose one of both")
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)

    def __hash__(self) -> int:
        return hash(json.dumps(self.config(), sort_keys=True))

    def config(self) -> dict:
        """As plain JSON values, every field resolved.

        The fields of ``_LATER_FIELDS`` are left out at their defaults: run codes and records from before them stay
        good.
        """
        values = {k: v for k, v in asdict(self).items() if k not in _LATER_FIELDS or v != _LATER_FIELDS[k]}
        return json.loads(json.dumps(values))

    def with_(self, **changes) -> "Experiment":
        """The same run but for these fields; another method or data set brings its own preset's settings."""
        kept = {name: getattr(self, name) for name in self._changed()}
        if changes.get("method", self.method) != self.method or "dataset" in changes:
            kept.pop("settings", None)
        elif "settings" in changes:
            changes["settings"] = {**self.settings, **changes["settings"]}
        return Experiment(**{**kept, **changes})

    def _changed(self) -> list[str]:
        plain = Experiment(dataset=self.dataset, method=self.method)
        return [
            f.name
            for f in fields(self)
            if f.name in ("dataset", "method") or getattr(self, f.name) != getattr(plain, f.name)
        ]

    @property
    def plan(self) -> Plan:
        """How its model is stepped."""
        return Plan(
            self.epochs, self.batch_size, self.lr, self.momentum, self.weight_decay, self.seed, self.derivative,
            self.max_prob, self.save_memory, self.capture, self.compile,
        )  # fmt: skip

    @property
    def code(self) -> str:
        """A short run code: what differs from the preset, and a check of all the rest."""
        values = {name: getattr(self, name) for name in self._changed()}
        settings = values.pop("settings", {})
        values = {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
        values |= {f"settings.{k}": json.dumps(v) for k, v in settings.items()}
        return f"{CODE_VERSION}:{urlencode(values, safe='/')}~{self._digest()}"

    @classmethod
    def from_code(cls, code: str) -> "Experiment":
        """The experiment that a run code stands for.

        Raises:
            ValueError: not a run code, or one from a package version whose defaults were others.
        """
        version, _, rest = code.strip().partition(":")
        text, _, digest = rest.rpartition("~")
        if version != CODE_VERSION or not text:
            raise ValueError(f"not a run code: {code!r} (one looks like {cls().code!r})")
        values = dict(parse_qsl(text, strict_parsing=True))
        strange = {k.split(".")[0] for k in values} - {f.name for f in fields(cls)}
        if strange:
            raise ValueError(f"run code {code!r} has unknown fields: {', '.join(sorted(strange))}")
        settings = {k.removeprefix("settings."): json.loads(v) for k, v in values.items() if "." in k}
        experiment = cls(settings=settings, **{k: _parse(k, v) for k, v in values.items() if "." not in k})
        if digest != experiment._digest():
            raise ValueError(
                f"run code {code!r} was changed by hand or made under other defaults: "
                f"with today's it would be {experiment.code!r}"
            )
        return experiment

    def _digest(self) -> str:
        return hashlib.sha256(json.dumps(self.config(), sort_keys=True).encode()).hexdigest()[:4]


_PRESET_FIELDS = ("model", "epochs", "batch_size", "lr", "momentum", "weight_decay", "meta_per_class", "threads")
_LATER_FIELDS = {
    "train_per_class": None, "test_per_class": None, "image_size": None, "augment": True, "save_memory": False,
    "channels_last": False, "capture": False, "compile": False,
}  # fmt: skip
_TEXT_FIELDS = ("dataset", "noise", "imbalance_kind", "method", "model", "device", "precision", "derivative")


def _parse(name: str, text: str):
    if name == "noise" and text.startswith("["):
        return tuple(tuple(row) for row in json.loads(text))
    return text if name in _TEXT_FIELDS else json.loads(text)


def from_config(config: Mapping) -> Experiment:
    """Undo ``Experiment.config``, after JSON too."""
    noise = config["noise"]
    noise = noise if isinstance(noise, str) else tuple(tuple(row) for row in noise)
    return Experiment(**{**config, "noise": noise})
