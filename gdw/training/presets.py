"""Named settings per data set. There is no global default: what suits digits is wrong for CIFAR, and the reverse.

Those for digits start from trials on data held out of the training pool and are confirmed there
(docs/settings.md has the command and its table); those for CIFAR are the published ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gdw.frozen import FrozenDict


@dataclass(frozen=True)
class Preset:
    """How to train on one kind of data.

    Args:
        model: a name that ``gdw.networks.classifiers.build_model`` knows.
        epochs: budget of a run.
        batch_size: also of the meta batch, where the clean set is that large.
        lr: of SGD at the start of the cosine.
        momentum: of SGD; the virtual step has none.
        weight_decay: of SGD; the virtual step has none.
        meta_per_class: clean images of each class.
        threads: of torch on the CPU; 1 for small models (faster, and calmer); 0 leaves torch's own choice.
        methods: each method's own settings.
        plans: learning rate, weight decay and epochs of single methods, where they were searched for each.
    """

    model: str
    epochs: int
    batch_size: int = 100
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    meta_per_class: int = 5
    threads: int = 0
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    plans: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("methods", "plans"):
            object.__setattr__(self, name, FrozenDict(getattr(self, name)))

    def of(self, method: str, name: str) -> object:
        """The field ``name`` for this method."""
        return self.plans.get(method, {}).get(name, getattr(self, name))


_SMALL_GDW = {"step_size": 0.3, "clip": 1.0, "weight_net_lr": 1e-2}
_SMALL_MWNET = {"weight_net_lr": 0.1}
_SMALL_METHODS = {
    "gdw": _SMALL_GDW,
    "gdw-tied": _SMALL_GDW,  # GDW's control, so at its settings
    "gdw-reduced": _SMALL_GDW,  # compared with both, so at their settings
    "gdw-class-net": _SMALL_GDW,  # likewise
    "mwnet": _SMALL_MWNET,
    "mwnet-difference": _SMALL_MWNET,  # approximations of MWNet, so at its settings
    "mwnet-first-order": _SMALL_MWNET,
}
_DIGITS_METHODS = _SMALL_METHODS | {  # the best of nine each, on validation images
    "l2rw": {"total": 0.5},
    "insw": {"weight_lr": 0.05},
    "fine-tune": {"train_share": 0.75, "lr_scale": 0.1},
    "label-smoothing": {"smoothing": 0.4},
    "focal": {"gamma": 0.1},
    "gce": {"q": 0.4},
    "class-balanced": {"beta": 0.999},
    "ldam-drw": {"max_margin": 0.2, "deferred": 0.5},
    "balanced-softmax": {"tau": 2.0},
    "importance": {"first_share": 0.3},
    "noise-layer": {"first_share": 0.5, "layer_lr": 1e-2},
    "glc": {"first_share": 0.4},
    "co-teaching": {"first_share": 0.5, "ramp": 20},
}

# The best of twelve each, on validation pictures (docs/settings.md).
_FEATURES_GDW = {"clip": 0.1, "step_size": 0.1, "weight_net_lr": 0.001}
_FEATURES_GDW_PLAN = {"epochs": 8, "lr": 0.01, "weight_decay": 0.03}
_FEATURES_METHODS: dict[str, dict[str, Any]] = {
    "gdw": _FEATURES_GDW,
    "gdw-tied": _FEATURES_GDW,  # GDW's control, so at its settings
    "gdw-reduced": _FEATURES_GDW,
    "gdw-class-net": {"clip": 0.1, "step_size": 0.03, "weight_net_lr": 0.001},
    "balanced-softmax": {"tau": 2.0},
    "co-teaching": {"first_share": 0.2, "ramp": 10},
    "fine-tune": {"lr_scale": 0.1, "train_share": 0.25},
    "glc": {"first_share": 0.2},
    "insw": {"weight_lr": 0.02},
    "l2rw": {"total": 0.1},
    "label-smoothing": {"smoothing": 0.2},
    "mwnet": {"weight_net_lr": 0.001},
    "mwnet-difference": {"weight_net_lr": 0.001},  # approximations of MWNet, so at its settings
    "mwnet-first-order": {"weight_net_lr": 0.001},
    "class-balanced": {"beta": 0.999},
    "cmw-net": {"divide_by_weights": True, "families": 3, "own_labels": 0.0, "weight_net_lr": 0.1},
    "elr": {"momentum": 0.7, "strength": 3.0},
    "focal": {"gamma": 0.5},
    "fsr": {"momentum": 0.0, "per_class": 10, "total": 0.1, "warm_up": 1},
    "gce": {"q": 0.7},
    "importance": {"first_share": 0.2},
    "ldam-drw": {"deferred": 0.8, "max_margin": 1.0},
    "loss-mixture": {"warm_up": 5},
    "mlc": {"label_net_lr": 0.001},
    "noise-layer": {"first_share": 0.6, "layer_lr": 0.01},
    "seesaw": {"p": 0.4, "q": 0.5},
    "sop": {"u_lr": 0.1, "v_lr": 1.0},
}
_FEATURES_PLANS = {
    "gdw": _FEATURES_GDW_PLAN,
    "gdw-tied": _FEATURES_GDW_PLAN,
    "gdw-reduced": _FEATURES_GDW_PLAN,
    "gdw-class-net": {"epochs": 8, "lr": 0.01, "weight_decay": 0.03},
    "balanced-softmax": {"epochs": 15, "lr": 0.005, "weight_decay": 0.1},
    "co-teaching": {"epochs": 15, "lr": 0.002, "weight_decay": 0.03},
    "cross-entropy": {"epochs": 15, "lr": 0.005, "weight_decay": 0.1},
    "fine-tune": {"epochs": 8, "lr": 0.005, "weight_decay": 0.01},
    "glc": {"epochs": 15, "lr": 0.02, "weight_decay": 0.03},
    "insw": {"epochs": 8, "lr": 0.002, "weight_decay": 0.03},
    "l2rw": {"epochs": 8, "lr": 0.01, "weight_decay": 0.1},
    "label-smoothing": {"epochs": 15, "lr": 0.005, "weight_decay": 0.1},
    "mwnet": {"epochs": 15, "lr": 0.02, "weight_decay": 0.03},
    "mwnet-difference": {"epochs": 15, "lr": 0.02, "weight_decay": 0.03},
    "mwnet-first-order": {"epochs": 15, "lr": 0.02, "weight_decay": 0.03},
    "only-clean": {"epochs": 8, "lr": 0.02, "weight_decay": 0.1},
    "class-balanced": {"epochs": 8, "lr": 0.002, "weight_decay": 0.03},
    "cmw-net": {"epochs": 8, "lr": 0.002, "weight_decay": 0.03},
    "elr": {"epochs": 8, "lr": 0.01, "weight_decay": 0.1},
    "focal": {"epochs": 8, "lr": 0.002, "weight_decay": 0.03},
    "fsr": {"epochs": 15, "lr": 0.002, "weight_decay": 0.03},
    "gce": {"epochs": 8, "lr": 0.02, "weight_decay": 0.01},
    "importance": {"epochs": 15, "lr": 0.002, "weight_decay": 0.03},
    "ldam-drw": {"epochs": 15, "lr": 0.005, "weight_decay": 0.1},
    "loss-mixture": {"epochs": 15, "lr": 0.002, "weight_decay": 0.03},
    "mlc": {"epochs": 15, "lr": 0.005, "weight_decay": 0.1},
    "noise-layer": {"epochs": 15, "lr": 0.005, "weight_decay": 0.1},
    "pooled": {"epochs": 15, "lr": 0.005, "weight_decay": 0.1},
    "seesaw": {"epochs": 15, "lr": 0.005, "weight_decay": 0.1},
    "sop": {"epochs": 15, "lr": 0.005, "weight_decay": 0.1},
}

PRESETS: dict[str, Preset] = {
    "digits": Preset("mlp", epochs=60, threads=1, methods=_DIGITS_METHODS),
    "clouds": Preset("mlp", epochs=60, threads=1, methods=_SMALL_METHODS),
    "mnist": Preset("cnn", epochs=20, meta_per_class=10),
    "fashion-mnist": Preset("cnn", epochs=20, meta_per_class=10),
    # Published protocol: 1,000 clean images in all, step sizes 100/(100 * 10) and 1000/(100 * 100).
    "cifar10": Preset("resnet32", epochs=80, meta_per_class=100),
    "cifar10-folder": Preset("resnet32", epochs=80, meta_per_class=100),
    "cifar100": Preset("resnet32", epochs=80, meta_per_class=10),
    "folder": Preset("resnet32", epochs=80, meta_per_class=10),
    # Features of a frozen pretrained network, of pictures of any data set.
    "features": Preset(
        "linear", epochs=15, lr=0.005, weight_decay=0.03, meta_per_class=10, threads=1, methods=_FEATURES_METHODS,
        plans=_FEATURES_PLANS,
    ),
}


def preset_for(dataset: str, features: str | None = None) -> Preset:
    """The preset of a data set's name, or of frozen features; an image folder's path takes that of ``"folder"``."""
    return PRESETS["features"] if features else PRESETS.get(dataset, PRESETS["folder"])
