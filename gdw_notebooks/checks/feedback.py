"""What an exercise answers: the same text on every run; the words carry the meaning, the colour only repeats it."""

from dataclasses import dataclass
from html import escape

NOT_ANSWERED, LOOK_AGAIN, RIGHT = "not answered yet", "look again", "right"
_MARKS = {NOT_ANSWERED: "○", LOOK_AGAIN: "↻", RIGHT: "✓"}
# Of the bar at the left, seen on a light and on a dark page; the words carry the meaning, in the page's own colour.
_COLOURS = {NOT_ANSWERED: "#767676", LOOK_AGAIN: "#C05A00", RIGHT: "#1F78D1"}


@dataclass(frozen=True, repr=False)
class Feedback:
    """A verdict with its reasons.

    Args:
        title: of the exercise.
        verdict: ``"not answered yet"``, ``"look again"`` or ``"right"``.
        text: what is not right yet, or what a right answer has shown.
        hints: those earned so far, in order.
    """

    title: str
    verdict: str
    text: str
    hints: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        return self.verdict == RIGHT

    def __repr__(self) -> str:
        hints = [f"  Hint {number}: {hint}" for number, hint in enumerate(self.hints, start=1)]
        return "\n".join([" ".join(filter(None, [f"{self._head()}.", self.text])), *hints])

    def _repr_html_(self) -> str:
        colour = _COLOURS[self.verdict]
        hints = "".join(f"<li>{escape(hint)}</li>" for hint in self.hints)
        if hints:
            hints = f'<p style="margin:.3em 0 0">Hints so far:</p><ol style="margin:0">{hints}</ol>'
        return (
            f'<div role="status" style="border-left:4px solid {colour};padding:.3em .8em;margin:.3em 0">'
            f"<strong>{escape(self._head())}.</strong> {escape(self.text)}{hints}</div>"
        )

    def _head(self) -> str:
        title = f"{self.title}: " if self.title else ""
        return f"{_MARKS[self.verdict]} {title}{self.verdict}"
