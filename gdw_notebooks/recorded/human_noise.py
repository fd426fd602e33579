"""How people mislabel: the measured matrix of CIFAR-10N's labels, in percent of each true class.

The labels themselves are published under CC BY-NC 4.0 (http://noisylabels.com) and are not in this repository. The
matrix of their shares is: it is made from a copy of your own, which may be the published ``CIFAR-10_human.pt`` or a
table with the columns ``path,worse_label`` whose paths hold the true class (``train/airplane/0000.jpg``)::

    python -m gdw_notebooks.recorded.human_noise CIFAR-10_human.pt
"""

import argparse
import json
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from gdw import files
from gdw.data.folder import CIFAR10_CLASSES
from gdw.data.human_labels import label_sets
from gdw.data.picture_labels import class_numbers
from gdw.label_files.label_table import is_table, read_table

FILE = Path(__file__).with_name("human_noise.json")
COLUMN, TRUE = "worse_label", "clean_label"  # of the published file
DIGITS = 2  # of a percentage: 1 of 5,000 images is 0.02 %
SOURCE = (
    "CIFAR-10N, worse_label of all 50,000 training images: Wei, Zhu, Cheng, Liu, Niu and Liu, Learning with Noisy "
    "Labels Revisited: A Study Using Real-World Human Annotations, ICLR 2022 (http://noisylabels.com). Only the "
    "shares are kept here, not the labels, which are CC BY-NC 4.0."
)
COMMAND = "python -m gdw_notebooks.recorded.human_noise CIFAR-10_human.pt"


def load() -> tuple[Float[np.ndarray, "classes classes"], tuple[str, ...]]:
    """The measured matrix as probabilities, rows: true, columns: observed; and the names of the classes."""
    record = json.loads(FILE.read_text(encoding="utf-8"))
    percent = np.array(record["percent"])
    return percent / percent.sum(1, keepdims=True), tuple(record["class_names"])  # rounding is divided out


def measure(path: str | Path) -> Float[np.ndarray, "classes classes"]:
    """The shares in percent, from a copy of the labels.

    Raises:
        ValueError: the file does not hold the labels, or the true ones.
        OSError: there is no such file.
    """
    path = Path(path).expanduser()
    true, observed = _from_table(path) if is_table(path) else _from_published(path)
    counts = np.zeros((len(CIFAR10_CLASSES),) * 2)
    np.add.at(counts, (true, observed), 1)
    if not counts.sum(1).all():
        raise ValueError(f"{path} has no labels of some classes, but all ten are needed")
    return (100 * counts / counts.sum(1, keepdims=True)).round(DIGITS)


def _from_table(path: Path) -> tuple[Int[np.ndarray, "images"], Int[np.ndarray, "images"]]:
    table = read_table(path)
    if COLUMN not in table.columns:
        raise ValueError(f"{path} needs a column {COLUMN}, got {', '.join(table.columns)}")
    folders = [name.replace("\\", "/").split("/")[-2:-1] for name in table.paths]
    if not all(folders):
        raise ValueError(f"{path}: each path must hold the true class, as in train/airplane/0000.jpg")
    both = ([folder[0] for folder in folders], table.columns[COLUMN])
    true, observed = (np.array(class_numbers(words, CIFAR10_CLASSES, str(path))[0]) for words in both)
    if min(true.min(), observed.min()) < 0:
        raise ValueError(f"{path}: each picture needs a class")
    return true, observed


def _from_published(path: Path) -> tuple[Int[np.ndarray, "images"], Int[np.ndarray, "images"]]:
    sets = label_sets(path)
    missing = [name for name in (TRUE, COLUMN) if name not in sets]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(sets)}")
    true, observed = (np.asarray(sets[name]).astype(np.int64) for name in (TRUE, COLUMN))
    in_range = all(v.min() >= 0 and v.max() < len(CIFAR10_CLASSES) for v in (true, observed))
    if true.shape != observed.shape or not in_range:
        raise ValueError(f"{path}: {TRUE} and {COLUMN} must be labels in 0 ... 9, one for each image")
    return true, observed


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how people mislabel CIFAR-10, from your copy of CIFAR-10N.")
    parser.add_argument("labels", help="CIFAR-10_human.pt, or a table with path and worse_label")
    percent = measure(parser.parse_args().labels)
    record = {"source": SOURCE, "command": COMMAND, "class_names": CIFAR10_CLASSES, "percent": percent.tolist()}
    rows = json.dumps(record, indent=1)
    files.write(FILE, rows + "\n")
    print(f"{100 - percent.diagonal().mean():.1f} % of the labels are wrong; written to {FILE.name}")


if __name__ == "__main__":
    main()
