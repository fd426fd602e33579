"""The golden runs: five epochs of every method in float64, and what they ended with.

python -m tests.golden.runs        # makes runs.json again; only if a change of the numbers is intended
"""

import json
from pathlib import Path

import gdw
from gdw.methods import METHODS
from tests.runs import trained

RECORD = Path(__file__).with_name("runs.json")
DIGITS = 13  # significant digits kept: far more than the 1e-9 that is asked for
NAMES = ("train_loss", "test_loss", "test_accuracy", "auroc", "flow_weight", "flow_mass")


def experiment(method: str) -> gdw.Experiment:
    """Wrong labels and rare classes, five steps an epoch, on the CPU."""
    return gdw.Experiment(
        method=method, noise="flip", rate=0.4, imbalance=0.5, epochs=5, train_per_class=50, precision="float64",
        threads=1, device="cpu",
    )  # fmt: skip


def outcome(method: str) -> dict:
    """The History's main numbers of each epoch, and each parameter's sum and sum of magnitudes at the end."""
    training = trained(experiment(method))
    history = training.history.rounded(DIGITS).to_record()["epochs"]
    parameters = {
        name: [float(f"{number:.{DIGITS}g}") for number in (value.sum().item(), value.abs().sum().item())]
        for name, value in training.model.named_parameters()
    }
    return {**{name: history[name] for name in NAMES}, "parameters": parameters}


if __name__ == "__main__":
    lines = [f"{json.dumps(name)}: {json.dumps(outcome(name))}" for name in sorted(METHODS)]
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
