"""Named settings for each data set (presets.toml). There is no global default: what suits digits is wrong for CIFAR.

Those for digits start from trials on data held out of the training pool and are confirmed there
(docs/settings.md has the command and its table); those for CIFAR are the published ones.
"""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from gdw.frozen import FrozenDict


@dataclass(frozen=True)
class Preset:
    """How to train on one kind of data.

    Args:
        values: of the fields that depend on the kind of data.
        methods: each method's own settings.
        plans: learning rate, weight decay and epochs of single methods, where they were searched for each.
    """

    values: FrozenDict
    methods: FrozenDict
    plans: FrozenDict

    def of(self, method: str, name: str) -> Any:
        """The field ``name`` for this method."""
        return self.plans.get(method, {}).get(name, self.values[name])


def _read() -> dict[str, Preset]:
    found = tomllib.loads(files("gdw.training").joinpath("presets.toml").read_text("utf-8"))
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
