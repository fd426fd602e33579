"""GDW: every class-level gradient flow has its own weight. And tied GDW, its control."""

from typing import Any, ClassVar

from gdw.errors import Flag
from gdw.gradients.step import Step
from gdw.methods.base import Column, Matrix, register
from gdw.methods.two_stage import TwoStage


@register
class GDW(TwoStage):
    """Two-stage generalised data weighting: the second stage follows the meta gradient of each class-level weight.

    Args:
        tied: one weight per instance in stage two as well, as tied GDW has.
        step_size, clip, zero_mean, stage_one, stage_two: as for ``TwoStage``.

    Source: Chen et al., Generalized Data Weighting via Class-level Gradient Manipulation, NeurIPS 2021.
    """

    name, title = "gdw", "GDW"
    supports_many_seeds = all_steps_identical = True
    source = "Chen et al., Generalized Data Weighting via Class-level Gradient Manipulation, NeurIPS 2021"
    rules: ClassVar = {"tied": Flag()}

    def __init__(self, *args: Any, tied: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tied = tied

    def followed_gradient(self, weights: Matrix, meta_gradient: Matrix, step: Step) -> Matrix | Column:
        return of_instances(meta_gradient) if self.tied else meta_gradient


@register
class TiedGDW(TwoStage):
    """GDW with one weight per instance in both stages, nothing class-level. The control."""

    name, title, source = "gdw-tied", "tied GDW", "control: GDW with equal weights within each instance"
    supports_many_seeds = all_steps_identical = True

    def followed_gradient(self, weights: Matrix, meta_gradient: Matrix, step: Step) -> Column:
        return of_instances(meta_gradient)


def of_instances(meta_gradient: Matrix) -> Column:
    """The derivative with respect to one weight per instance, ``[B, 1]``: the sum over its classes."""
    return meta_gradient.sum(dim=-1, keepdim=True)
