"""The fields of an experiment, each defined once: what it may be, what it is for, and its default.

``Data``, ``Recipe`` and ``Engine`` are frozen values. The command line, sweep files, run codes and records take names,
checks, defaults and help texts from here. A default that depends on the data set is in presets.toml: there is no global
one, since what suits digits is wrong for CIFAR. Those for digits start from trials on data held out of the training
pool and are confirmed there (docs/settings.md has the command and its table); those for CIFAR are the published ones.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from typing import Any, get_args

import attrs
import torch

from gdw.data.corruption import IMAGE_NOISES, IMBALANCES, NOISES, checked_matrix, named_matrix
from gdw.data.datasets import DATASETS, check_dataset_name
from gdw.data.human_labels import PREFIX as HUMAN
from gdw.data.task import check_as_labelled
from gdw.errors import Flag, Number, number, one_of, unknown
from gdw.frozen import FrozenDict
from gdw.networks.classifiers import MODELS, TIMM, check_model

DEVICES = ("auto", "cpu", "cuda", "mps")
DEVICE = re.compile(r"(auto|cpu|cuda(:\d+)?|mps(:0)?)")
PRECISIONS = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.float32}  # of parameters
EXACT_PRECISIONS = ("float32", "float64")
LARGEST_PICTURE = 4096  # pixels, height and width
MOST_THREADS = 256  # far more than help; torch ends the process when asked for 100,000
CONTENT = re.compile(r"[0-9a-f]{16}")

Check = Callable[[str, Any], Any]
Noise = str | tuple[tuple[float, ...], ...] | FrozenDict


def setting(check: Check, help: str, default: Any = attrs.NOTHING, *, later: bool = False) -> Any:
    """A field whose value ``check(name, value)`` returns in its own form, or refuses with ``ValueError``.

    Args:
        help: one line for the command line.
        default: without one, the data set's preset has it.
        later: left out of records at its default, so that run codes from before it stay valid.
    """
    converter: Any = attrs.Converter(lambda value, field: check(field.name, value), takes_field=True)
    return attrs.field(default=default, converter=converter, metadata={"help": help, "later": later})


def _in(low: float, high: float = float("inf"), *, above_low: bool = False, below_high: bool = False) -> Check:
    return Number(low, high, above_low, below_high).check


def _whole(low: int, high: float = float("inf")) -> Check:
    return Number(low, high, whole=True).check


def _name_in(known: Iterable[str]) -> Check:
    return lambda name, value: one_of(name.replace("_", " "), value, known)


def _or_none(check: Check) -> Check:
    return lambda name, value: None if value is None else check(name, value)


def _text(what: str) -> Check:
    def check(name: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} must be {what}, got {value!r}")
        return value

    return check


def _path(name: str, value: object) -> str:
    if not isinstance(value, (str, os.PathLike)) or not str(value):
        raise ValueError(f"{name} must be the path of a table path,label, got {value!r}")
    return os.fspath(value)


def _content(name: str, value: object) -> str:
    if not isinstance(value, str) or not CONTENT.fullmatch(value):
        raise ValueError(f"{name} must be 16 hexadecimal digits, as in a run's record, got {value!r}")
    return value


def _device(name: str, value: object) -> str:
    if not isinstance(value, str) or not DEVICE.fullmatch(value):
        raise unknown(name, value, DEVICES)
    return value


def _model(name: str, value: Any) -> str:
    return check_model(value)


def _dataset(name: str, value: Any) -> str:
    return check_dataset_name(value)


def _noise(name: str, value: Any) -> Noise:
    """A known name; a matrix as nested tuples; or, with the classes' names, as a table of rows by name."""
    if isinstance(value, str):
        if value in NOISES or value in IMAGE_NOISES or value.removeprefix(HUMAN) not in ("", value):
            return value
        raise unknown(name, value, (*NOISES, *IMAGE_NOISES, HUMAN + "PATH"))
    if (named := named_matrix(value)) is not None:
        return named
    try:
        classes = len(value)
    except TypeError:
        raise ValueError(f"{name} must be a name or a matrix of numbers, got {value!r}") from None
    if classes < 2:
        raise ValueError(f"a noise matrix needs at least 2 classes, got {classes}")
    checked_matrix(value, classes)
    return tuple(tuple(number(name, float(probability)) for probability in row) for row in value)


@attrs.frozen(kw_only=True)
class Data:
    """What is trained and tested on: a source, what is done to its labels, and the splits."""

    dataset: str = setting(_dataset, f"{', '.join(DATASETS)}, or a folder's path", "digits")
    noise: Noise = setting(  # noqa: RUF009 - attrs makes a field of it
        _noise, f"{', '.join([*NOISES, *IMAGE_NOISES])}, human:PATH[:KEY], or a matrix [[0.9,0.1],[0.2,0.8]]",
        "uniform",
    )  # fmt: skip
    rate: float = setting(_in(0, 1), "the noise's parameter in [0, 1]", 0.0)
    imbalance: float = setting(_in(0, 1, above_low=True), "smallest class / largest, in (0, 1]", 1.0)
    imbalance_kind: str = setting(_name_in(IMBALANCES), ", ".join(IMBALANCES), "exponential")
    meta_per_class: int = setting(_whole(1), "clean images of each class")
    validation_per_class: int = setting(_whole(0), "clean images of each class, held out to choose settings on", 0)
    train_per_class: int | None = setting(
        _or_none(_whole(1)), "a smaller run: this number of training images of each class", None, later=True
    )
    test_per_class: int | None = setting(
        _or_none(_whole(1)), "a smaller run: this number of test images of each class", None, later=True
    )
    image_size: int | None = setting(
        _or_none(_whole(1, LARGEST_PICTURE)), "height and width of an image folder's pictures", None, later=True
    )
    features: str | None = setting(
        _or_none(_text("the name of a network that timm knows")),
        "train on features of this frozen pretrained network of timm: tf_efficientnet_lite0, ...", None, later=True,
    )  # fmt: skip
    features_size: int | None = setting(
        _or_none(_whole(1, LARGEST_PICTURE)), "height and width at which that network sees the pictures", None,
        later=True,
    )  # fmt: skip
    mirrored: bool = setting(Flag().check, "with features: those of the mirrored pictures too", False, later=True)
    confirmed: str | None = setting(
        _or_none(_path),
        "a table path,label[,chosen] of pictures you have checked; all other labels may be wrong as they are", None,
        later=True,
    )  # fmt: skip
    content: str | None = setting(
        _or_none(_content), "what the files of the data must hold, as a record of a run says it", None, later=True
    )

    def __attrs_post_init__(self) -> None:
        if self.mirrored and self.features is None:
            raise ValueError("mirrored is for features; pictures are mirrored anyway (flip=False leaves that out)")
        if self.confirmed is not None:
            check_as_labelled(self.noise, self.rate, self.imbalance)


@attrs.frozen(kw_only=True)
class Recipe:
    """How a model is trained: SGD with momentum, weight decay and a cosine by epoch."""

    model: str = setting(_model, f"{', '.join(MODELS)}, or {TIMM}NAME for one of timm's")
    epochs: int = setting(_whole(1), "passes over the training set")
    batch_size: int = setting(_whole(1), "training images in a step")
    lr: float = setting(_in(0), "learning rate at the start of the cosine")
    momentum: float = setting(_in(0, 1, below_high=True), "of SGD, in [0, 1)")
    weight_decay: float = setting(_in(0), "of SGD")
    max_prob: float | None = setting(
        _or_none(_in(0, 1, above_low=True)),
        "the reference code's clamp on probabilities, such as 0.999 (docs/quirks.md)", None,
    )  # fmt: skip
    augment: bool = setting(Flag().check, "shift pictures and mirror them; usual", True, later=True)
    flip: bool = setting(Flag().check, "mirror pictures; usual, wrong where left and right differ", True, later=True)
    pretrained: str | None = setting(
        _or_none(_text("timm or the path of a file of weights")),
        "weights of a network of timm to start from, all but its last layer: timm for its own, or a file", None,
        later=True,
    )  # fmt: skip

    def __attrs_post_init__(self) -> None:
        if self.pretrained is not None and not self.model.startswith(TIMM):
            raise ValueError(f"pretrained is for networks of timm, such as model={TIMM}resnet18, got {self.model}")


@attrs.frozen(kw_only=True)
class Engine:
    """How a run is computed. It decides how long that takes and how much memory it needs, not what comes out.

    One value is not exact and therefore part of the experiment: the precision ``"bfloat16"`` (:attr:`inexact`). What is
    None here the program decides by itself (:meth:`decided`).
    """

    device: str = setting(_device, f"{', '.join(DEVICES)}: auto takes CUDA if there is a GPU, else the CPU", "auto")
    threads: int = setting(_whole(0, MOST_THREADS), "of torch on the CPU; 0 leaves torch's own choice")
    precision: str = setting(
        _name_in(PRECISIONS), f"{', '.join(PRECISIONS)}; bfloat16 is for the network's passes alone", "float32"
    )
    save_memory: bool = setting(Flag().check, "half the memory of a GDW step", False, later=True)
    channels_last: bool | None = setting(
        _or_none(Flag().check), "convolutions see a pixel's channels side by side; usual for the package's networks",
        None, later=True,
    )  # fmt: skip
    capture: bool | None = setting(
        _or_none(Flag().check), "record one step and replay it, sooner; usual where that gives the same numbers",
        None, later=True,
    )  # fmt: skip
    compile: bool = setting(Flag().check, "torch.compile the network; no step is then recorded", False, later=True)

    @property
    def inexact(self) -> dict[str, str]:
        """What of it changes a result by more than rounding."""
        return {} if self.precision in EXACT_PRECISIONS else {"precision": self.precision}

    def decided(self, **usual: bool) -> dict[str, bool]:
        """What was left to the program, of these: as it usually is here."""
        return {name: value for name, value in usual.items() if getattr(self, name) is None}


PARTS = {"data": Data, "recipe": Recipe, "engine": Engine}
PART_OF: dict[str, str] = {field.name: part for part, kind in PARTS.items() for field in attrs.fields(kind)}
FIELDS: dict[str, "attrs.Attribute[Any]"] = {
    field.name: field for kind in PARTS.values() for field in attrs.fields(kind)
}


@attrs.frozen
class Preset:
    """How to train on one kind of data: the ``values`` of fields that depend on it, and each method's own settings.

    ``plans`` are learning rate, weight decay and epochs of single methods, where they were searched for each.
    """

    values: FrozenDict
    methods: FrozenDict
    plans: FrozenDict

    def of(self, method: str, name: str) -> Any:
        """The field ``name`` for this method."""
        return self.plans.get(method, {}).get(name, self.values[name])


def _read() -> dict[str, Preset]:
    found = tomllib.loads(files("gdw.experiments").joinpath("presets.toml").read_text("utf-8"))
    usual = found.pop("usual")
    made = {name: (values.pop("methods", {}), values.pop("plans", {})) for name, values in found.items()}
    return {n: Preset(FrozenDict(usual | found[n]), FrozenDict(m), FrozenDict(p)) for n, (m, p) in made.items()}


PRESETS = _read()


def preset_for(dataset: str, features: str | None = None, pretrained: str | None = None) -> Preset:
    """The preset of a data set's name; of frozen features; or of fine-tuning, where there are pretrained weights.

    An image folder's path, and a data set of one's own, takes that of ``"folder"``.
    """
    named = "features" if features else "fine-tuning" if pretrained else dataset
    return PRESETS.get(named, PRESETS["folder"])


EXACT_WAYS = ("auto", "forward", "reuse", "double-backward")


def without_derivative(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same fields without ``derivative``, which up to version 0.2 said how the meta gradient is taken."""
    way = given.get("derivative", "auto")
    if way not in EXACT_WAYS:
        raise ValueError(
            f"derivative={way!r}: the meta gradient is exact now; its approximations are in notebook 07 "
            "(gdw_notebooks/examples/approximations.py), and version 0.2 makes such a run again"
        )
    return {name: value for name, value in given.items() if name != "derivative"}


def kind_of(field: "attrs.Attribute[Any]") -> type:
    """``str``, ``float``, ``int`` or ``bool``: how a text is read as a value of this field."""
    return next(kind for kind in (str, bool, float, int) if kind in (field.type, *get_args(field.type)))


def resolve_device(name: str) -> torch.device:
    """The device of that name, if this machine has it; ``"auto"`` is CUDA if there is a GPU, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(name.split(":")[0], False):
        raise ValueError(f"device {name!r} asked for, but this machine has none: use 'cpu' or 'auto'")
    return torch.device(name)
