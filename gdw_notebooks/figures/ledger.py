"""The flow ledger as a page: mean weights and mass by true class and flow class, and each class's pull and push."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gdw.experiments.history import History
from gdw_notebooks.figures import style

LEAST, MOST = 1e-4, 1.0  # of a pull or push on the axis
AXIS = 200  # its length, in units of the drawing
SIDES = {"pull": "M-5 11L0 2L5 11Z", "push": "M-5 13L0 22L5 13Z"}  # a triangle up, a triangle down


def ledger_page(histories: Sequence[History], epoch: int) -> str:
    """The page at an epoch (from 1): for each run its mean weights, shares of the gradient's mass, pull and push.

    Open marks: before weighting (the flows as they are). Filled marks: after weighting (what was sent back).
    """
    texts, amounts, places = map(iter, ledger_frame(histories, epoch))
    said, runs = escape(next(texts)), []
    for history in histories:
        title = escape(style.method_title(history.method))
        weights = _matrix(history, f"{title}: mean weight", texts, amounts)
        shares = _matrix(history, f"{title}: share of the gradient’s mass, %", texts, amounts)
        sides = _pull_and_push(history, f"{title}: pull and push", texts, places)
        folds = _fold("Mean weight of each flow", weights, is_open=True) + _fold(
            "Share of the gradient’s mass, %", shares
        )
        runs.append(f"<div><h4>{title}</h4>{folds}{_fold('Pull and push of each class', sides)}</div>")
    return f'<p class="finding" data-text>{said}</p><div class="runs">{"".join(runs)}</div>'


def ledger_frame(histories: Sequence[History], epoch: int) -> tuple[list[str], list[float], list[str]]:
    """What the page says at an epoch, in its order: texts, shares of the colour (0 to 1), places of the marks."""
    texts, amounts, places = [finding(histories, epoch)], [], []
    kinds = [(h["class_weight"][epoch - 1], 100 * h["class_mass"][epoch - 1]) for h in histories]
    heaviest = max(1.0, *(np.nanmax(weights) for weights, _ in kinds))
    most = max(np.nanmax(masses) for _, masses in kinds)
    for history, (weights, masses) in zip(histories, kinds, strict=True):
        for values, largest, decimals in ((weights, heaviest, 2), (masses, most, 1)):
            texts += [_number(value, decimals) for value in values.flat]
            amounts += [round(float(np.nan_to_num(value) / largest), 2) for value in values.flat]
        sides, ratios = history["pull_push"][epoch - 1], push_over_pull(history)[epoch - 1]
        for c in range(len(history.class_names)):
            numbers = [*sides[:, :, c].T.flat, *ratios[:, c]]  # pull before, after; push before, after; their ratios
            texts += [_number(value, 3) for value in numbers[:4]] + [_number(value, 1) for value in numbers[4:]]
            places += [f"translate({_place(value):.1f}px)" for value in numbers[:4]]
    return texts, amounts, places


def finding(histories: Sequence[History], epoch: int) -> str:
    """What the ledger shows of one epoch: the rarest class's push over pull, before and after weighting."""
    parts = []
    for history in histories:
        before, after = push_over_pull(history)[epoch - 1, :, tail_class(history)]
        parts.append(f"{before:.1f} → {after:.1f} ({style.method_title(history.method)})")
    tail = histories[0].class_names[tail_class(histories[0])]
    return f"Epoch {epoch}. Push over pull of the rarest class, {tail}, before → after weighting: {', '.join(parts)}"


def tail_class(history: History) -> int:
    """The class with the fewest training images; of several the last."""
    counts = np.array(history.class_counts)
    return int(len(counts) - 1 - np.argmin(counts[::-1]))


def push_over_pull(history: History) -> np.ndarray:
    """Push divided by pull, [epochs, before and after weighting, classes]; NaN where there is no pull.

    A class of two images may miss an epoch, since incomplete batches are dropped.
    """
    pull, push = history["pull_push"][:, :, 0], history["pull_push"][:, :, 1]
    return np.divide(push, pull, out=np.full_like(push, np.nan), where=pull > 0)


def tail_balance(
    runs: dict[str, Sequence[History]], *, epochs: int | None = None, title: str = "", large: bool = False
) -> Figure:
    """The rarest class's push over pull, epoch by epoch: before and after weighting, one panel per method.

    Args:
        runs: seeds of each method; the line is their median, the band goes from the lowest to the highest.
        epochs: how many to show; by default all.
    """
    figure, axes = style.new_figure(1, len(runs), width=10, large=large, sharey=True, squeeze=False)
    for each, (method, histories) in zip(axes[0], runs.items(), strict=True):
        ratio = np.stack([push_over_pull(h)[:epochs, :, tail_class(h)] for h in histories])
        x = np.arange(1, ratio.shape[1] + 1)
        for k, (label, look) in enumerate({"before weighting": style.METHODS["cross-entropy"],
                                           "after weighting": style.method_look(method)}.items()):  # fmt: skip
            shown = np.clip(ratio[:, :, k], LEAST, None)
            each.plot(x, np.nanmedian(shown, 0), color=look.color, linestyle="--" if k == 0 else "-", label=label)
            each.fill_between(x, np.nanmin(shown, 0), np.nanmax(shown, 0), color=look.color, alpha=0.15, linewidth=0)
        each.axhline(1, color=style.INK, linewidth=0.8)
        each.set(yscale="log", xlabel="epoch", title=f"{style.method_title(method)} ({len(histories)} seeds)")
        each.xaxis.set_major_locator(MaxNLocator(integer=True))
        each.legend(frameon=False, fontsize=style.SMALL)
    axes[0, 0].set_ylabel("push / pull of the rarest class\n(median; band: lowest to highest)")
    style.finding(figure, title or "The rarest class: push over pull, before and after weighting")
    return figure


def _number(value: float, decimals: int) -> str:
    return "" if np.isnan(value) else f"{value:.{decimals}f}"


def _place(value: float) -> float:
    """Where a pull or push is on its axis, from LEAST to MOST in equal ratios."""
    share = (np.log(np.clip(np.nan_to_num(value), LEAST, MOST)) - np.log(LEAST)) / (np.log(MOST) - np.log(LEAST))
    return float(AXIS * share)


def _fold(summary: str, content: str, is_open: bool = False) -> str:
    return f'<details class="fold"{" open" if is_open else ""}><summary>{summary}</summary>{content}</details>'


def _table(label: str, columns: Iterable[str], rows: Iterable[str]) -> str:
    heads = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody>"
    table = f'<table class="heat" aria-label="{label}">{body}</table>'
    return f'<div class="gdw-scrolls" tabindex="0" role="region" aria-label="{label}, may be wider">{table}</div>'


def _row(history: History, c: int, cells: str) -> str:
    name = f"{escape(history.class_names[c])} ({history.class_counts[c]})"
    return f'<tr><th scope="row">{name}</th>{cells}</tr>'


def _matrix(history: History, label: str, texts: Iterator[str], amounts: Iterator[float]) -> str:
    """Rows are true classes with their number of images, columns the classes of the flows."""
    names = [escape(name) for name in history.class_names]
    cells = [
        "".join(f'<td data-text data-amount style="--amount:{next(amounts)}">{next(texts)}</td>' for _ in names)
        for _ in names
    ]
    columns = ["true class (images) \\ flow of", *names]
    return _table(label, columns, (_row(history, c, each) for c, each in enumerate(cells)))


def _pull_and_push(history: History, label: str, texts: Iterator[str], places: Iterator[str]) -> str:
    """Mean |flow| · weight per training image: four numbers and four marks for each class, and push over pull."""
    columns = ("class (images)", "pull before", "after", "push before", "after", "push / pull before", "after", "")
    rows = []
    for c in range(len(history.class_names)):
        cells = "".join(f"<td data-text>{next(texts)}</td>" for _ in range(6))
        marks = "".join(
            f'<path class="mark {side} {when}" d="{shape}" data-place style="transform:{next(places)}"/>'
            for side, shape in SIDES.items() for when in ("before", "after")
        )  # fmt: skip
        drawing = f'<svg class="marks" viewBox="-8 0 {AXIS + 16} 24" aria-hidden="true">{marks}</svg>'
        rows.append(_row(history, c, f"{cells}<td>{drawing}</td>"))
    note = "Marks from left to right: little to much, in equal ratios. Open: before weighting. Filled: after."
    return _table(label, columns, rows) + f"<p>△ pull, ▽ push: mean |flow| · weight per training image. {note}</p>"
