"""A page that is moved step by step: Python makes all of it before, the browser shows one step or another."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import anywidget
import traitlets

from gdw_notebooks.panels.in_notebook import InNotebook
from gdw_notebooks.panels.scripts import bundle

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Frame:
    """What one step writes into its page, in the page's order: texts, shares of a colour, and places."""

    texts: list[str] = field(default_factory=list)
    amounts: list[float] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Variant:
    """One page: its name in the menu, its HTML, the number of each step, and what each step writes."""

    name: str
    page: str
    values: list[int]
    frames: list[Frame] = field(default_factory=list)


class Steps(InNotebook, anywidget.AnyWidget):
    """Buttons, a slider and the arrow keys; the same script and style serve notebooks, the site and the slides.

    Attributes:
        step: which step is shown, one of the variant's numbers.
        variant: which page is shown, from 0.
        large: for a projector.
    """

    # Text, not paths: of a file's path anywidget keeps every widget ever made, to load it again when the file changes.
    _esm = bundle(HERE / "steps.js")
    _css = (HERE / "steps.css").read_text("utf-8")
    word = traitlets.Unicode("Station").tag(sync=True)
    menu = traitlets.Unicode("").tag(sync=True)
    variants = traitlets.List().tag(sync=True, to_json=lambda value, widget: [asdict(each) for each in value])
    variant = traitlets.Int(0).tag(sync=True)
    step = traitlets.Int(1).tag(sync=True)
    large = traitlets.Bool(False).tag(sync=True)
    plays = traitlets.Bool(False).tag(sync=True)

    def __init__(self, variants: Sequence[Variant], **kwargs):
        super().__init__(variants=list(variants), **kwargs)

    def page(self) -> str:
        """The step that is shown as HTML that needs no script."""
        raise NotImplementedError

    @traitlets.validate("step", "variant")
    def _within(self, proposal):
        known = self.variants[self.variant].values if proposal.trait.name == "step" else range(len(self.variants))
        if proposal.value not in known:
            raise traitlets.TraitError(
                f"{proposal.trait.name} must lie in {known[0]} ... {known[-1]}, got {proposal.value}"
            )
        return proposal.value

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return data | {"text/html": still(self.page())}, metadata


def still(page: str) -> str:
    """A page that does not move, with its style: for a notebook without a kernel, and for print."""
    return f'<style>{Steps._css}</style><div class="gdw-steps">{page}</div>'


def state(steps: Steps) -> dict:
    """What the script asks its model for, where there is no kernel."""
    return steps.get_state(("word", "menu", "variants", "variant", "step", "large", "plays"))
