"""Six kinds of drawn pictures in three similar pairs, and the labels of somebody who looked too quickly.

They stand in for photographs where none may be downloaded: a pretrained network sees in them what it knows, and the
wrong labels depend on the picture, as people's do.
"""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from gdw.errors import number, whole_number

CLASSES = ("cat", "dog", "car", "truck", "bird", "plane")
SIDE = 96  # pixels
FINER = 2  # drawn so many times larger, then reduced: smooth edges
SPREAD = 0.3  # standard deviation of a picture's distance from the typical one of its class; 1 is the other class
NEAREST = 0.48  # to the other class: half-way it would be as much the one as the other
CLUTTER = 12  # shapes in the background
QUICK = 0.3  # of the quick labels are wrong

Draw = ImageDraw.ImageDraw


def write_drawings(
    folder: str | Path, *, per_class: int = 60, test_per_class: int = 30, wrong: float = QUICK, seed: int = 0
) -> tuple[Path, Path]:
    """Write ``folder/pictures/train/CLASS/NUMBER.png``, the same for ``test``, and the labels ``folder/quick.csv``.

    The class folders tell the truth. The table has the columns ``path`` and ``label``: in it a picture that is nearly
    one of the other class of its pair has that class's label more often than a typical one; the pictures that look
    most like the other class are the wrong ones first.

    Args:
        folder: new or empty.
        per_class, test_per_class: pictures of each class.
        wrong: share of wrong labels in the table, in [0, 0.5].
        seed: of the pictures and of the labels.

    Returns:
        The folder of pictures and the table.

    Raises:
        ValueError: a number out of range; a folder that is not empty.
        OSError: it cannot be written.
    """
    folder, random = Path(folder), np.random.default_rng(seed)
    sizes = {
        "train": whole_number("per_class", per_class, 1), "test": whole_number("test_per_class", test_per_class, 1),
    }  # fmt: skip
    wrong = number("wrong", wrong, 0, 0.5)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty: give a new folder")
    pictures, looks, paths = folder / "pictures", [], []
    for part, size in sizes.items():
        for kind, name in enumerate(CLASSES):
            for place in range(size):
                similarity = min(abs(random.normal(0, SPREAD)), NEAREST)
                path = pictures / part / name / f"{place:04d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                drawing(kind, similarity, random).save(path)
                if part == "train":
                    looks.append(similarity)
                    paths.append((path.relative_to(pictures).as_posix(), kind))
    doubt = np.array(looks) + random.gumbel(0, SPREAD, len(looks))  # a quick look is noisy too
    mistaken = set(np.argsort(-doubt)[: round(wrong * len(paths))].tolist())
    table = folder / "quick.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label"))
        for place, (path, kind) in enumerate(paths):
            writer.writerow((path, CLASSES[kind ^ 1] if place in mistaken else CLASSES[kind]))
    return pictures, table


def drawing(kind: int, similarity: float, random: np.random.Generator) -> Image.Image:
    """One picture of class ``kind``; ``similarity`` from 0 (typical) to 1 (as the other class of its pair)."""
    ground, colour = _colours(random)
    side = SIDE * FINER
    picture = Image.new("RGB", (side, side), ground)
    draw = ImageDraw.Draw(picture)
    for _ in range(CLUTTER):
        (left, top), (width, height) = random.uniform(-0.2, 1, 2) * side, random.uniform(0.1, 0.5, 2) * side
        shade = tuple(int(value) for value in np.clip(ground + random.normal(0, 45, 3), 0, 255))
        shape = draw.ellipse if random.random() < 1 / 2 else draw.rectangle
        shape((left, top, left + width, top + height), fill=shade)
    second = similarity if kind % 2 == 0 else 1 - similarity  # 0: the first class of the pair, 1: the second
    _PAIRS[kind // 2](draw, second, colour, ground)
    return _moved(picture, ground, random).resize((SIDE, SIDE), Image.Resampling.BOX)


def _moved(picture: Image.Image, ground: tuple[int, int, int], random: np.random.Generator) -> Image.Image:
    """Turned a little, shifted, made smaller, and mirrored half of the time."""
    side, angle, zoom = SIDE * FINER, np.radians(random.normal(0, 8)), random.uniform(1.0, 1.35)
    turn = zoom * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turn[:, 0] *= random.choice((-1, 1))
    middle = np.full(2, side / 2)
    away = middle + random.normal(0, 0.04 * side, 2) - turn @ middle
    affine = (*turn[0], away[0], *turn[1], away[1])
    return picture.transform(picture.size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR, fillcolor=ground)


def _colours(random: np.random.Generator) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """A ground, and a colour on it that is usually darker."""
    light, dark = random.integers(120, 250, 3), random.integers(20, 200, 3)
    return tuple(int(value) for value in light), tuple(int(value) for value in dark)


def _on(draw: Draw) -> Callable[..., list[tuple[float, float]]]:
    """Points from (0, 0) at the top left to (1, 1), in pixels."""
    side = SIDE * FINER
    return lambda *points: [(x * side, y * side) for x, y in points]


def _cat_or_dog(draw: Draw, dog: float, colour: tuple, ground: tuple) -> None:
    """A head: ears from upright and pointed to hanging, the muzzle from small to long."""
    at, dark, ink = _on(draw), tuple(value // 2 for value in colour), (25, 25, 25)
    for mirror in (0.0, 1.0):

        def x(value: float, mirror: float = mirror) -> float:
            return 1 - value if mirror else value

        tip = x(0.24 - 0.12 * dog), 0.12 + 0.55 * dog
        draw.polygon(at((x(0.2), 0.42 - 0.1 * dog), tip, (x(0.44 - 0.16 * dog), 0.28 + 0.06 * dog)), fill=dark)
        if dog > 0.5:
            draw.ellipse(at((min(x(0.08), x(0.26)), 0.34), (max(x(0.08), x(0.26)), 0.36 + 0.42 * dog)), fill=dark)
    draw.ellipse(at((0.18, 0.24), (0.82, 0.84)), fill=colour)
    for eye in (0.36, 0.64):
        draw.ellipse(at((eye - 0.06, 0.42), (eye + 0.06, 0.54)), fill=(250, 250, 230))
        narrow = 0.018 + 0.024 * dog
        draw.ellipse(at((eye - narrow, 0.43), (eye + narrow, 0.53)), fill=ink)
    muzzle = 0.1 + 0.1 * dog
    draw.ellipse(at((0.5 - muzzle, 0.56), (0.5 + muzzle, 0.66 + 0.2 * dog)), fill=ground)
    nose = 0.035 + 0.04 * dog
    draw.ellipse(at((0.5 - nose, 0.57), (0.5 + nose, 0.57 + 1.4 * nose)), fill=ink)
    whisker = 0.26 * (1 - dog)
    for slope in (-0.05, 0.0, 0.05):
        for way in (-1, 1):
            draw.line(at((0.5 + way * 0.1, 0.63), (0.5 + way * (0.12 + whisker), 0.63 + slope)), fill=ink, width=2)
    if dog > 0.6:
        draw.ellipse(at((0.46, 0.76), (0.54, 0.78 + 0.14 * dog)), fill=(215, 90, 100))


def _car_or_truck(draw: Draw, truck: float, colour: tuple, ground: tuple) -> None:
    """A vehicle from the side: the cabin moves to the front, and a box grows behind it."""
    at, ink, glass = _on(draw), (30, 30, 30), (190, 220, 235)
    draw.rounded_rectangle(at((0.06, 0.5 - 0.02 * truck), (0.94, 0.7)), radius=14, fill=colour)
    roof, left = 0.32, 0.26 + 0.36 * truck
    front = 0.7 + 0.16 * truck
    draw.polygon(at((left, 0.5), (left + 0.08, roof), (front, roof), (0.84 + 0.06 * truck, 0.5)), fill=colour)
    pane = (left + 0.05, 0.48), (left + 0.1, roof + 0.04), (front - 0.02, roof + 0.04), (0.78 + 0.08 * truck, 0.48)
    draw.polygon(at(*pane), fill=glass)
    if truck > 0.15:
        box = tuple(value + 60 for value in colour)
        draw.rectangle(at((0.06, 0.5 - 0.34 * truck), (left - 0.02, 0.64)), fill=box)
    wheels = (0.24, 0.76) if truck < 0.6 else (0.2, 0.4, 0.78)
    for wheel in wheels:
        draw.ellipse(at((wheel - 0.09, 0.6), (wheel + 0.09, 0.78)), fill=ink)
        draw.ellipse(at((wheel - 0.04, 0.65), (wheel + 0.04, 0.73)), fill=ground)


def _bird_or_plane(draw: Draw, plane: float, colour: tuple, ground: tuple) -> None:
    """Something that flies, from the side: the wing from raised and soft to swept and stiff, the beak to a nose."""
    at, ink = _on(draw), (25, 25, 25)
    thick = 0.13 - 0.06 * plane
    draw.ellipse(at((0.18 - 0.1 * plane, 0.52 - thick), (0.8 + 0.1 * plane, 0.52 + thick)), fill=colour)
    wing = tuple(int(value * 0.7) for value in colour)
    draw.polygon(at((0.38, 0.5), (0.2 + 0.18 * plane, 0.14 + 0.1 * plane), (0.62, 0.5)), fill=wing)
    draw.polygon(at((0.36, 0.52), (0.28 - 0.02 * plane, 0.6 + 0.26 * plane), (0.58, 0.54)), fill=wing)
    draw.polygon(at((0.2, 0.5), (0.06, 0.44 - 0.2 * plane), (0.1 + 0.06 * plane, 0.56 - 0.04 * plane)), fill=wing)
    if plane < 0.5:
        draw.ellipse(at((0.7, 0.34), (0.9, 0.54)), fill=colour)
        draw.ellipse(at((0.8, 0.4), (0.83, 0.43)), fill=ink)
        draw.polygon(at((0.88, 0.42), (0.98, 0.46), (0.88, 0.48)), fill=(230, 160, 40))
    for window in np.arange(0.3, 0.82, 0.08) if plane > 0.4 else ():
        draw.ellipse(at((window, 0.48), (window + 0.03, 0.51)), fill=(235, 240, 250))


_PAIRS = (_cat_or_dog, _car_or_truck, _bird_or_plane)
