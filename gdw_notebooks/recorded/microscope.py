"""The microscope's pictures: instances of a short run, made once by ``python -m gdw_notebooks.recorded.microscope``.

A classroom page opens in seconds because it trains nothing for them.
"""

import json
from pathlib import Path

import numpy as np
import torch

from gdw import Experiment, Training
from gdw_notebooks.examples.instances import Instance, instances_of

EPOCHS = 5  # by then the network has a belief, and wrong labels are not yet learnt by heart
RUN = Experiment(noise="uniform", rate=0.6, epochs=EPOCHS, device="cpu")
PATH = Path(__file__).with_name("microscope.json")
DIGITS = 6  # significant ones, of each logit and weight


def make() -> list[Instance]:
    """Train, and take the first mislabelled and the first clean instances."""
    training = Training(RUN)
    for _ in training.events():
        pass
    return instances_of(training)


def to_record(instance: Instance) -> dict:
    """One instance as JSON takes it."""
    return {
        "name": instance.name, "label": instance.label, "true_label": instance.true_label,
        "class_names": list(instance.class_names), "logits": _rounded(instance.logits),
        "weights": _rounded(instance.weights), "picture": instance.picture.tolist(),
    }  # fmt: skip


def from_record(record: dict) -> Instance:
    """Undo ``to_record``."""
    return Instance(
        torch.tensor(record["logits"]), record["label"], record["true_label"], tuple(record["class_names"]),
        np.array(record["picture"], dtype=np.uint8), torch.tensor(record["weights"]), record["name"],
    )  # fmt: skip


def load(path: Path = PATH) -> list[Instance]:
    """The stored instances."""
    return [from_record(record) for record in json.loads(path.read_text("utf-8"))["instances"]]


def _rounded(values: torch.Tensor) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values.tolist()]


def main() -> None:
    torch.set_num_threads(1)
    lines = ",\n".join(json.dumps(to_record(instance), separators=(",", ":")) for instance in make())
    PATH.write_text(f'{{"run": {json.dumps(RUN.code)}, "instances": [\n{lines}\n]}}\n', "utf-8")


if __name__ == "__main__":
    main()
