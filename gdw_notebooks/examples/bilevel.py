"""One bilevel step of the small problem as a list of stages to walk through, forward and back.

Every formula is the library's: this file only calls it in order and writes down what came out, in float64.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from gdw import Step, methods
from gdw.gradients.meta import clean_gradient, logit_tangent
from gdw.training.stepping import take_step
from gdw_notebooks.examples.bilevel_text import TEXTS
from gdw_notebooks.examples.small_problem import (
    CLASS,
    INSTANCE,
    Gains,
    Problem,
    finite_difference,
    logit_directions,
    meta_loss,
    virtual_theta,
)  # fmt: skip

SWAPPED = (1, 0, 2)  # the clean set's labels of cat and dog, exchanged: a dirty meta set
ROUNDING = 1e-12  # a cell that moved by less has not changed: float64 leaves about 16 digits


@dataclass(frozen=True)
class Stage:
    """Where one arrow of the step leads.

    Args:
        title: what happens here, in a few words.
        formula: the arrow's, as LaTeX, each tensor marked by its class.
        reading: one sentence to read the new numbers by.
        tables: every tensor known by now, by name, as rows of floats.
        changed: for each name the cells that this arrow wrote or moved, as (row, column).
    """

    title: str
    formula: str
    reading: str
    tables: Mapping[str, tuple[tuple[float, ...], ...]]
    changed: Mapping[str, frozenset[tuple[int, int]]]


@dataclass(frozen=True)
class Walk:
    """All stages of one step, made once and never changed: going back gives the very same numbers.

    Args:
        mode: ``"instance"`` (one weight per instance, given) or ``"class"`` (V, constraint, stage two).
        stages: in order.
        arrows: gradients in the plane of the two parameters, [instances, 1 or classes, 2]: of each instance's loss,
            or of each of its flows.
        clean: the clean gradient at theta', [2].
        meta_gradient, finite_difference: [instances, 1 or classes].
    """

    mode: str
    stages: tuple[Stage, ...]
    arrows: Tensor
    clean: Tensor
    meta_gradient: Tensor
    finite_difference: Tensor

    def __len__(self) -> int:
        return len(self.stages)


def walk(problem: Problem | None = None) -> Walk:
    """Every stage of one bilevel step of the small model, from its pictures to its real step."""
    problem = problem or Problem()
    model, method, trail = Gains(), problem.method(), _Trail()
    step = problem.step(model)
    trail.add("forward", {"x": step.images, "theta": model.theta[None], "z": step.logits})
    trail.add("softmax", {"p": step.probs, "loss": step.losses[:, None]})
    trail.add("flows", {"d": step.flows})
    weights = method.first_stage(step)  # with V's graph: V learns through it
    _stage_one(trail, problem, method, step)
    clean = _judge(trail, problem, model, step, weights.detach())
    gradient = step.meta_gradient(weights)
    differences = finite_difference(problem, weights.detach())
    trail.add("meta gradient", {"g": problem.fold(gradient), "fd": differences})
    if problem.mode == CLASS:
        method.learn(weights, gradient)
        trail.add("V learns", {"V": method.instance_weights(step)})
    _stage_two(trail, problem, method, step, weights.detach(), gradient)
    sent_back, theta = _real_step(problem)
    real = {"sent": sent_back, "sum": sent_back.sum(-1, keepdim=True), "theta": theta[None]}
    trail.add("real step", real, forget=("theta_virtual",))
    arrows = step.flows[..., None] * logit_directions(model, step)
    arrows = arrows if problem.mode == CLASS else arrows.sum(1, keepdim=True)
    arrows = arrows.detach()
    return Walk(problem.mode, trail.stages(problem.mode), arrows, clean, problem.fold(gradient), differences)


def dirty_walk() -> Walk:
    """The small problem with a meta set whose cat is labelled dog, and whose dog is labelled cat."""
    return walk(Problem(meta_labels=SWAPPED))


def _stage_one(trail: "_Trail", problem: Problem, method: methods.GDW, step: Step) -> None:
    if problem.mode == INSTANCE:
        trail.add("weights given", {"w": problem.column(method.first_stage(step))})
        return
    copies = problem.method(zero_mean=False).first_stage(step)
    trail.add("stage one", {"V": method.instance_weights(step), "w": copies})
    trail.add("constraint holds already", {"w": method.first_stage(step)})


def _judge(trail: "_Trail", problem: Problem, model: nn.Module, step: Step, weights: Tensor) -> Tensor:
    virtual = virtual_theta(model, step, weights)
    trail.add("virtual step", {"theta_virtual": virtual["theta"][None]})
    clean = clean_gradient(model, virtual, *step.meta_batch)["theta"]
    trail.add("clean loss", {"meta_loss": meta_loss(problem, weights).view(1, 1), "clean": clean[None]})
    trail.add("tangent", {"t": logit_tangent(model, step.images, {"theta": problem.rate * clean})[1]})
    return clean


def _stage_two(trail: "_Trail", problem: Problem, method: methods.GDW, step: Step, weights: Tensor, gradient: Tensor):
    moved = problem.method(zero_mean=False).second_stage(weights, gradient, step)
    trail.add("stage two", {"change": problem.column(moved - weights), "w": problem.column(moved)})
    if problem.mode == CLASS and problem.zero_mean:
        trail.add("constraint again", {"w": method.second_stage(weights, gradient, step)})
    elif problem.mode == CLASS:
        trail.add("constraint off", {})


def _real_step(problem: Problem) -> tuple[Tensor, Tensor]:
    """The gradient that the library's own step sends back, and theta after it: a fresh model and method."""
    model = Gains()
    optimizer = torch.optim.SGD(model.parameters(), lr=problem.rate)
    sent_back = take_step(problem.step(model), problem.method(), optimizer)
    return sent_back, model.theta.detach()


class _Trail:
    """Collects what each arrow wrote."""

    def __init__(self):
        self.names: list[str] = []
        self.states: list[dict] = []

    def add(self, name: str, tensors: Mapping[str, Tensor], forget: tuple[str, ...] = ()) -> None:
        before = self.states[-1] if self.states else {}
        new = {key: tuple(map(tuple, value.detach().tolist())) for key, value in tensors.items()}
        self.names.append(name)
        self.states.append({k: v for k, v in {**before, **new}.items() if k not in forget})

    def stages(self, mode: str) -> tuple[Stage, ...]:
        befores = [{}, *self.states[:-1]]
        return tuple(
            Stage(*TEXTS[mode, name], MappingProxyType(state), MappingProxyType(_changes(before, state)))
            for name, before, state in zip(self.names, befores, self.states, strict=True)
        )


def _changes(before: Mapping, after: Mapping) -> dict[str, frozenset]:
    """Cells that are new or other than before."""
    changed = {}
    for name, rows in after.items():
        old = before.get(name)
        cells = {
            (i, j)
            for i, row in enumerate(rows)
            for j, value in enumerate(row)
            if old is None or abs(old[i][j] - value) > ROUNDING
        }
        if cells:
            changed[name] = frozenset(cells)
    return changed
