"""A folder of pictures with CIFAR-10's classes and size, made on the spot: each class a shade of noise."""

from pathlib import Path

import numpy as np
from PIL import Image

from gdw.data.folder import CIFAR10_CLASSES, CIFAR_SIZE

STEP, NOISE = 10, 156  # shades between two classes, and of the noise on top: 9 * 10 + 155 < 256


def cifar_folder(folder: Path, train: int, test: int) -> Path:
    """So many pictures of each class in ``train/<class>`` and ``test/<class>``."""
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("test", test)):
        for place, name in enumerate(CIFAR10_CLASSES):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                shades = random.integers(0, NOISE, (*CIFAR_SIZE, 3), dtype=np.uint8) + np.uint8(STEP * place)
                Image.fromarray(shades).save(folder / split / name / f"{number}.png")
    return folder
