"""What a step costs: its passes one after the other; ratios as bars; what an approximation saves and loses."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from gdw.comparison.report import Difference
from gdw_notebooks.examples.passes import KINDS, PASSES, PLAIN, total
from gdw_notebooks.figures import style

ROW, FOOT = 0.42, 1.6  # inches for each bar, and for title, axis and legend

# The training batch in blue, the clean batch in green, what differs between the ways in yellow and purple: no colour is
# that of a method.
LOOKS = {
    "forward": style.Look("#BBCCEE"),
    "virtual step, backward": style.Look("#4477AA", hatch="//"),
    "clean batch, forward": style.Look("#CCDDAA"),
    "clean batch, backward": style.Look("#228833", hatch="//"),
    "forward again": style.Look("#EEEEBB"),
    "tangent": style.Look("#CCBB44", hatch=".."),
    "back through the virtual step": style.Look("#AA3377", hatch="xx"),
    "real step, backward": style.Look("#1a1a1a", hatch="//"),
}


def pass_bars(ways: Sequence[str], *, title: str, large: bool = False) -> Figure:
    """One bar for each way to take a step (keys of ``PASSES``), its passes in the order in which they are made."""
    figure, axes = style.new_figure(height=FOOT + 0.5 + ROW * len(ways), large=large)
    for place, way in enumerate(ways):
        start = 0
        for kind, width in PASSES[way].items():
            label = kind if kind not in axes.get_legend_handles_labels()[1] else None
            axes.barh(place, width, left=start, height=0.62, label=label, linewidth=0.8, **LOOKS[kind].patch())
            start += width
        axes.annotate(
            f"{start} = {total(way) / PLAIN:.2f} plain steps", (start, place), xytext=(6, 0),
            textcoords="offset points", va="center", fontsize=style.SMALL, color=style.INK,
        )  # fmt: skip
    _rows(axes, ways)
    axes.set(xlabel="passes (a forward pass of one batch is 1)", xlim=(0, 1.45 * max(map(total, ways))))
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    kinds = [kind for kind in KINDS if kind in handles]
    figure.legend(
        [handles[kind] for kind in kinds], kinds, loc="outside lower center", ncols=3, frameon=False,
        fontsize=style.SMALL,
    )  # fmt: skip
    style.finding(figure, title)
    return figure


def ratio_bars(ratios: Mapping[str, float | Mapping], *, title: str, xlabel: str, large: bool = False) -> Figure:
    """One bar for each way, in units of a plain step.

    Args:
        ratios: a number, or a row of ``interleaved``; a whisker spans its range.
    """
    figure, axes = style.new_figure(height=FOOT + ROW * len(ratios), large=large)
    for place, (way, value) in enumerate(ratios.items()):
        row = value if isinstance(value, Mapping) else {"ratio": value, "range": (value, value)}
        middle, (low, high) = row["ratio"], row["range"]
        axes.barh(place, middle, height=0.55, color=_color(way))
        axes.plot([low, high], [place, place], color=style.INK, linewidth=1.4)
        axes.annotate(
            f"{middle:.2f}", (high, place), xytext=(6, 0), textcoords="offset points", va="center",
            fontsize=style.SMALL, color=style.INK,
        )  # fmt: skip
    _rows(axes, ratios)
    axes.axvline(1, color=style.INK, linewidth=0.8, linestyle=style.DOTTED)
    axes.set(xlabel=xlabel)
    axes.set_xlim(0, 1.12 * axes.get_xlim()[1])
    style.finding(figure, title)
    return figure


def savings(rows: Sequence[Mapping], scenarios: Sequence[str], *, title: str, large: bool = False) -> Figure:
    """What each approximation costs, and how far its accuracy is from the exact method's, with 95 % intervals.

    All scenarios have the same scale.

    Args:
        rows: of ``benchmarks.approximations``: ``way``, ``cost``, and for each scenario
            ``"<scenario>, difference"``, the fields of a ``Difference`` in points; hollow where it is undecided.
        scenarios: one column of axes each.
    """
    figure, columns = style.new_figure(
        1, len(scenarios), width=9.6, height=FOOT + ROW * len(rows), large=large, sharex=True, sharey=True,
        squeeze=False,
    )  # fmt: skip
    look = style.method_look("gdw")
    for axes, scenario in zip(columns[0], scenarios, strict=True):
        for place, row in enumerate(rows):
            difference = Difference(*row[f"{scenario}, difference"])
            axes.plot([difference.low, difference.high], [place, place], color=look.color, linewidth=2)
            inside = "white" if difference.undecided else look.color
            axes.plot(difference.mean, place, look.marker, color=look.color, markerfacecolor=inside)
        axes.axvline(0, color=style.INK, linewidth=0.8)
        axes.set_title(scenario, fontsize=style.SMALL, loc="left", fontweight="bold")
    _rows(columns[0][0], [f"{row['way']}\n({row['cost']:.2f} plain steps)" for row in rows])
    figure.supxlabel("test accuracy minus exact GDW's (points; ten seeds, paired)", fontsize=style.TEXT)
    style.finding(figure, title)
    return figure


def _color(way: str) -> str:
    """The method's, whatever way its step is taken."""
    methods = {"cross-entropy": "cross-entropy", "MWNet": "mwnet", "GDW": "gdw"}
    return style.method_look(next(name for title, name in methods.items() if way.startswith(title))).color


def _rows(axes, names) -> None:
    axes.set(yticks=range(len(names)), yticklabels=list(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
