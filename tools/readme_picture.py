"""The README's picture, drawn from the library's own numbers: ``python -m tools.readme_picture``."""

from pathlib import Path

import torch

from gdw.gradients.flows import class_gradients, zero_mean
from gdw_notebooks.figures import style
from gdw_notebooks.figures.pictogram import cat_picture

PICTURE = Path(__file__).parents[1] / "docs" / "one_wrong_label.png"
NAMES, PROBS, DOG = ("cat", "dog", "bird"), torch.tensor([[0.6, 0.3, 0.1]], dtype=torch.float64), torch.tensor([1])
LOOKS = (style.TRUE, style.OBSERVED, style.OTHER)


def pushes(weights: list[float]) -> list[float]:
    """Minus the weighted flows: how far a step moves each logit, per learning rate."""
    constrained = zero_mean(torch.tensor([weights], dtype=torch.float64), PROBS.log(), DOG)
    return (-constrained * class_gradients(PROBS, DOG))[0].tolist()


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−") if round(value, 2) else "0"


def main() -> None:
    """Draw the cat, its three flows, and what the two kinds of weights make of them."""
    figure, axes = style.new_figure(1, 4, width=10, height=3.1, width_ratios=(0.8, 1, 1, 1))
    axes[0].imshow(cat_picture())
    axes[0].axis("off")
    axes[0].set_title("labelled “dog”", fontsize=style.TEXT)
    cases = (("no weights", [1, 1, 1]), ("one weight: 0.3", [0.3, 0.3, 0.3]), ("a weight per flow", [0, 0, 1]))
    for place, (title, weights) in zip(axes[1:], cases, strict=True):
        values = pushes(weights)
        for c, (value, look) in enumerate(zip(values, LOOKS, strict=True)):
            place.bar(c, value, **look.patch())
            above = value >= 0
            place.annotate(
                _signed(value), (c, value), ha="center", va="bottom" if above else "top",
                xytext=(0, 2 if above else -2), textcoords="offset points", fontsize=style.SMALL,
            )  # fmt: skip
        place.axhline(0, color=style.INK, linewidth=0.8)
        place.set_xticks(range(3), NAMES)
        place.set_ylim(-0.85, 0.85)
        place.set_title(f"{title}\ncat − bird {_signed(values[0] - values[2])}", fontsize=style.TEXT)
    axes[1].set_ylabel("push on the logit")
    style.finding(figure, "One weight turns all three messages down; a weight per flow keeps the true one.")
    PICTURE.write_bytes(style.picture(figure))


if __name__ == "__main__":
    main()
