"""Menu: a choice in groups, with a few words on what is chosen, and a field for what the menu does not offer."""

from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from gdw_notebooks.panels.picture import HERE
from gdw_notebooks.panels.scripts import bundle


class Menu(anywidget.AnyWidget):
    """The browser's own menu of named groups; any text may be the value, also one that is not offered.

    Args:
        groups: of each its title, and of each choice its value, what the menu calls it, and words on it. A group
            without a title is not framed.

    Attributes:
        value: what is chosen.
        description: its name, on its left.
        tooltip: more on it.
        own: what the last choice is called, which opens a field to type another value; empty: there is none.
    """

    _esm = bundle(HERE / "menu.js")
    value = traitlets.Unicode("").tag(sync=True)
    groups = traitlets.List().tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)
    tooltip = traitlets.Unicode("").tag(sync=True)
    own = traitlets.Unicode("").tag(sync=True)

    def __init__(self, groups: Sequence[Any] = (), **kwargs: Any):
        super().__init__(groups=[[title, [list(choice) for choice in choices]] for title, choices in groups], **kwargs)

    @property
    def options(self) -> list[str]:
        """The values that are offered."""
        return [choice[0] for _, choices in self.groups for choice in choices]
