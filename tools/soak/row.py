"""A row of the table of reliability, and the table."""

from collections.abc import Iterable
from dataclasses import dataclass

HEAD = ("what was done", "tried", "survived", "measured")


@dataclass(frozen=True)
class Row:
    """One kind of trouble.

    Attributes:
        name: what was done.
        tried, survived: how often it was done, and how often the result was right.
        note: what was measured, or why it failed.
    """

    name: str
    tried: int
    survived: int
    note: str = ""

    @property
    def good(self) -> bool:
        """Whether everything that was tried survived; a row without a try shows nothing and is not good."""
        return 0 < self.tried == self.survived


def table(rows: Iterable[Row]) -> str:
    """In Markdown."""
    lines = [HEAD, *((row.name, f"{row.tried:,}", f"{row.survived:,}", row.note) for row in rows)]
    written = [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]
    return "\n".join([written[0], "| --- | ---: | ---: | --- |", *written[1:]])
