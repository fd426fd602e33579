"""Film: pictures that follow each other quickly, with their axes where the first one of its kind had them."""

from matplotlib.figure import Figure


class Film:
    """Finds the places of a figure's axes once for each kind of figure: that is half of what a picture costs.

    Two figures are of one kind if everything that takes up room is the same: size, titles, labels, legends, notes, and
    how many letters the vertical axis's numbers have (not which numbers: these change as an axis grows with its lines).
    """

    def __init__(self):
        self._places: dict[tuple, list] = {}

    def settle(self, figure: Figure) -> Figure:
        """The figure with its axes in place and its layout fixed."""
        kind = _kind(figure)
        if kind not in self._places:
            figure.draw_without_rendering()
            self._places = {kind: [axes.get_position(original=True) for axes in figure.axes]}
        figure.set_layout_engine("none")
        for axes, place in zip(figure.axes, self._places[kind], strict=True):
            axes.set_position(place)
        return figure


def _kind(figure: Figure) -> tuple:
    title = figure.get_suptitle().count("\n")
    legends = tuple(text.get_text() for legend in figure.legends for text in legend.get_texts())
    return (*figure.get_size_inches(), title, legends, *map(_room, figure.axes))


def _room(axes) -> tuple:
    """What is around the axes; the finding in a title may change, its number of lines may not."""
    texts = tuple(text.get_text() for text in axes.texts)
    return axes.get_title("left").count("\n"), axes.get_xlabel(), axes.get_ylabel(), _letters(axes.yaxis), texts


def _letters(axis) -> int:
    """Of the longest number along it."""
    return max(map(len, axis.get_major_formatter().format_ticks(axis.get_majorticklocs())), default=0)
