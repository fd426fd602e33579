"""One instance followed through training: the weight of each kind of its flows, visit by visit."""

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from gdw.experiments.history import FLOWS
from gdw_notebooks.figures import style


def followed(
    weights: Float[np.ndarray, "visits classes"],
    visits: Float[np.ndarray, "visits"],
    observed: int,
    true: int,
    *,
    title: str,
    large: bool = False,
) -> Figure:
    """The weights that an instance's flows had each time it was in a batch.

    Args:
        weights: gradient sent back, times B, over flow.
        visits: the epoch of each visit, from 1.
        observed, true: its labels; where they are equal there is no line for the true class.
        title: the finding.
    """
    figure, axes = style.new_figure(large=large)
    others = np.delete(weights, [observed, true], axis=1).mean(1)
    lines = dict(zip(FLOWS, (weights[:, observed], weights[:, true], others), strict=True))
    if observed == true:
        del lines[FLOWS[1]]
    for flow, values in lines.items():
        look = style.FLOW_LOOKS[flow].line()
        axes.plot(visits, values, **look, markersize=3.5, linewidth=1.3, label=f"flow of the {flow}")
    axes.set(xlabel="epoch", ylabel="weight of the flow")
    axes.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=style.SMALL)
    style.finding(figure, title)
    return figure
