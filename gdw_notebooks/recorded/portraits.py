"""What every method sends back for the same batch, made once: ``python -m gdw_notebooks.recorded.portraits``.

Twenty-two short trainings, in float64: their numbers travel better between machines.
"""

import json
from pathlib import Path

import torch
from torch import Tensor

from gdw import files
from gdw_notebooks.examples.portraits import SHARED, Portraits, portraits
from gdw_notebooks.recorded import standing

FILE = Path(__file__).with_name("portraits.json")
COMMAND = "python -m gdw_notebooks.recorded.portraits"
EXPERIMENT = SHARED.with_(precision="float64")
DIGITS = 4  # significant ones, of every stored number


def load() -> Portraits:
    """The portraits of all methods of the standing comparison."""
    stored = json.loads(FILE.read_text("utf-8"))
    gradients = {name: torch.tensor(rows, dtype=torch.float64) for name, rows in stored["gradients"].items()}
    return Portraits(gradients, torch.tensor(stored["labels"]), torch.tensor(stored["true_labels"]))


def record(found: Portraits, path: Path) -> None:
    """Write portraits as JSON, rounded."""
    gradients = {name: _rounded(gradient) for name, gradient in found.gradients.items()}
    labels = {"labels": found.labels.tolist(), "true_labels": found.true_labels.tolist()}
    files.write(path, json.dumps({"command": COMMAND, **labels, "gradients": gradients}, separators=(",", ":")) + "\n")


def _rounded(gradient: Tensor) -> list[list[float]]:
    return [[float(f"{value:.{DIGITS}g}") for value in row] for row in gradient.tolist()]


def main() -> None:
    torch.set_num_threads(1)
    record(portraits(standing.methods(), EXPERIMENT), FILE)


if __name__ == "__main__":
    main()
