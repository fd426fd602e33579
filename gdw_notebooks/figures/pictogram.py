"""A cat in a few lines: the picture of the cat, dog, bird example, drawn here, so no photograph is needed."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse, Polygon

INK, FUR, PAPER = "#333333", "#d9c7a8", "#ffffff"
PIXELS = 160


def cat_picture() -> np.ndarray:
    """uint8 ``[160, 160, 3]``: head, ears, eyes, nose and whiskers."""
    figure = Figure(figsize=(1, 1), dpi=PIXELS, facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-1, 1), ylim=(-1, 1))
    axes.axis("off")
    line = {"edgecolor": INK, "linewidth": 1.6}
    for side in (-1, 1):
        axes.add_patch(Polygon([(side * 0.68, 0.15), (side * 0.62, 0.88), (side * 0.12, 0.52)], facecolor=FUR, **line))
    axes.add_patch(Ellipse((0, -0.08), 1.5, 1.3, facecolor=FUR, **line))
    for side in (-1, 1):
        axes.add_patch(Ellipse((side * 0.3, 0.08), 0.2, 0.28, facecolor="#7fae6b", **line))
        axes.add_patch(Ellipse((side * 0.3, 0.08), 0.06, 0.24, facecolor=INK))
        for slope in (-0.12, 0.0, 0.12):
            axes.plot([side * 0.22, side * 0.86], [-0.27, -0.25 + slope], color=INK, linewidth=1)
        axes.plot([0, side * 0.16], [-0.32, -0.44], color=INK, linewidth=1.4)
    axes.add_patch(Circle((0, -0.24), 0.08, facecolor="#b5654a", **line))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
