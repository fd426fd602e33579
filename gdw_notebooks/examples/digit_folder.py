"""A small folder of pictures with some wrong labels: scikit-learn's digits as PNG files, some in the wrong folder."""

from pathlib import Path

import numpy as np
from PIL import Image

from gdw.data.datasets import digits
from gdw.errors import number, whole_number

PER_CLASS = 60  # pictures of each digit
WRONG = 0.2  # share of pictures in the folder of another digit
SHADES = 16  # scikit-learn's digits are 0 ... 16
CLASSES = 10
SMALLEST = 174  # pictures of the 8, the rarest digit there


def write_digits(
    folder: str | Path, *, per_class: int = PER_CLASS, wrong: float = WRONG, seed: int = 0
) -> dict[str, str]:
    """Write the pictures to ``folder/CLASS/NUMBER.png``; nothing in a name or a file tells the truth.

    Args:
        folder: new or empty.
        per_class: pictures of each digit, 1 to 174.
        wrong: share of pictures in the folder of another digit, in [0, 1]; each other digit is as likely.
        seed: which pictures, and which of them are wrong.

    Returns:
        The true class of each picture: path relative to ``folder`` → digit.

    Raises:
        ValueError: a number out of range; a folder that is not empty.
        OSError: it cannot be written.
    """
    folder = Path(folder)
    per_class, wrong = whole_number("per_class", per_class, 1, SMALLEST), number("wrong", wrong, 0, 1)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty: give a new folder")
    (pictures, digit), random = digits(), np.random.default_rng(seed)
    chosen = [random.permutation(np.flatnonzero(digit == c))[:per_class] for c in range(CLASSES)]
    chosen = random.permutation(np.concatenate(chosen))
    true = digit[chosen].astype(int)
    observed = true.copy()
    places = random.permutation(len(true))[: round(wrong * len(true))]
    observed[places] = (true[places] + random.integers(1, CLASSES, len(places))) % CLASSES
    truth = {}
    for place, (index, label) in enumerate(zip(chosen, observed, strict=True)):
        path = folder / str(label) / f"{place:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pictures[index] * (255 / SHADES)).round().astype(np.uint8)).save(path)
        truth[path.relative_to(folder).as_posix()] = str(true[place])
    return truth
