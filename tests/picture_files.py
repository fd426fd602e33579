"""Pictures for tests: a folder with CIFAR-10's classes and size, each class a shade of noise; digits that move."""

from pathlib import Path

import numpy as np
from PIL import Image

import gdw
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


def shifted_digits() -> gdw.data.Dataset:
    """Digits that are moved by a pixel and mirrored: they are augmented, as digits themselves never are."""
    data = gdw.load_dataset("digits")
    pixels = gdw.data.Pixels(scale=16, pad=1, flip=True)
    return gdw.data.Dataset("shifted", data.class_names, data.images, data.labels, pixels=pixels)
