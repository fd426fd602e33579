"""A sheet of pictures with a few words below each: suspects, pictures of one class, pictures to check."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from gdw.data.dataset import Dataset
from gdw_notebooks.figures import style

COLUMNS = 8  # pictures in a row
WIDTH, HEAD = 7.2, 0.75  # inches: of the sheet, and for its title
GAP, FOOT = 0.15, 0.32  # of a picture's side: between two pictures, and for each line of words below them
LONGEST_LINE = 14  # letters that fit below a picture


def picture_sheet(
    pictures: Sequence[np.ndarray], captions: Sequence[str], *, title: str, large: bool = False
) -> Figure:
    """Pictures in rows of eight.

    Args:
        pictures: each ``[height, width]`` or ``[height, width, 3]``, in [0, 1].
        captions: one for each picture; lines end with a line feed.
        title: the finding.

    Raises:
        ValueError: not one caption for each picture.
    """
    if len(pictures) != len(captions):
        raise ValueError(f"each picture needs a caption, got {len(pictures)} pictures and {len(captions)} captions")
    rows = max(1, -(-len(pictures) // COLUMNS))
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    tall = 1 + FOOT * lines
    side = WIDTH / (COLUMNS * (1 + GAP))
    figure, axes = style.new_figure(width=WIDTH, height=HEAD + rows * tall * side, large=large)
    axes.set_axis_off()
    for place, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(place, COLUMNS)
        left, top = column * (1 + GAP), row * tall
        extent = (left, left + 1, top + 1, top)
        axes.imshow(picture, extent=extent, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        words = "\n".join(_short(line) for line in caption.split("\n"))
        axes.text(left + 0.5, top + 1.03, words, ha="center", va="top", fontsize=style.SMALL - 1.5, color=style.INK)
    axes.set(xlim=(0, COLUMNS * (1 + GAP)), ylim=(rows * tall, 0), aspect="equal")
    style.finding(figure, title)
    return figure


def picture_of(dataset: Dataset, index: int) -> np.ndarray:
    """One training picture, ``[height, width]`` or ``[height, width, 3]`` in [0, 1].

    Raises:
        ValueError: the data set has no pictures.
    """
    pictures, scale = (dataset.images, dataset.pixels.scale) if dataset.pictures is None else (dataset.pictures, 255.0)
    if pictures.ndim != 4:
        raise ValueError(f"{dataset.name} has no pictures to show, only inputs of shape {tuple(pictures.shape[1:])}")
    picture = (pictures[index].float() / scale).clamp(0, 1).cpu()
    return picture[0].numpy() if len(picture) < 3 else picture[:3].permute(1, 2, 0).numpy()


def _short(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"
