"""The small problem of the bilevel stepper: two parameters, three pictures, three clean ones; formulas are gdw's."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gdw import Step, methods
from gdw.data.randomness import generator
from gdw.gradients.meta import forward
from gdw.gradients.rates import VirtualStep

CLASSES = ("cat", "dog", "bird")
INSTANCES = ("A cat, 'cat'", "B cat, 'dog'", "C bird, 'bird'")
START, RATE = (0.5, 0.4), 1.0  # theta at the start; learning rate of virtual and real step
DIRECTIONS = ((0.0, 1.0), (0.866, -0.5), (-0.866, -0.5))  # of cat, dog and bird in the plane, 120 degrees apart
IMAGES, LABELS = ((0.4, 1.6), (1.1, 1.2), (-1.4, -0.3)), (0, 1, 2)
META_IMAGES, META_LABELS = ((0.7, 1.3), (1.5, -0.6), (-1.4, -0.7)), (0, 1, 2)
STEP_SIZE, CLIP = 0.3, 1.0  # of stage two: the presets of small data
WEIGHT_NET_RATE, NUDGE = 1e-2, 1e-5  # Adam's rate for V; half the width of a finite difference

INSTANCE, CLASS = "instance", "class"
MODES = (INSTANCE, CLASS)


class Gains(nn.Module):
    """Two parameters: a gain for each axis of the picture; a logit is the dot product with its class's direction."""

    def __init__(self, theta: tuple[float, float] = START):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta, dtype=torch.float64))
        self.register_buffer("directions", torch.tensor(DIRECTIONS, dtype=torch.float64))

    def forward(self, images: Tensor) -> Tensor:
        return (images * self.theta) @ self.directions.T


@dataclass(frozen=True)
class Problem:
    """The batch, the clean batch, the model and a method: what a step needs.

    Args:
        mode: ``"instance"`` or ``"class"``.
        zero_mean: whether class-level weights are constrained.
        meta_labels: labels of the clean batch; other labels than its own make it dirty.
        rate: learning rate of the virtual and the real step.
        count: how many of the three pictures are in the batch, from the first.
    """

    mode: str = INSTANCE
    zero_mean: bool = True
    meta_labels: tuple[int, ...] = META_LABELS
    rate: float = RATE
    count: int = len(LABELS)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode must be 'instance' or 'class', got {self.mode!r}")

    def fold(self, matrix: Tensor) -> Tensor:
        """Per flow in class mode; in instance mode a row's derivatives add up, [instances, 1]."""
        return matrix if self.mode == CLASS else matrix.sum(-1, keepdim=True)

    def column(self, weights: Tensor) -> Tensor:
        """Per flow in class mode; in instance mode a row's weights are all equal: one of them."""
        return weights if self.mode == CLASS else weights[:, :1]

    def meta_batch(self) -> tuple[Tensor, Tensor]:
        return torch.tensor(META_IMAGES, dtype=torch.float64), torch.tensor(self.meta_labels)

    def step(self, model: nn.Module) -> Step:
        images, labels = torch.tensor(IMAGES[: self.count], dtype=torch.float64), torch.tensor(LABELS[: self.count])
        return Step(model, images, labels, meta_batch=self.meta_batch(), lr=self.rate)

    def method(self, **changes) -> methods.GDW:
        """GDW; in instance mode tied and without V: every weight then starts at 1."""
        instance = self.mode == INSTANCE
        settings = {"step_size": STEP_SIZE, "clip": CLIP, "tied": instance, "stage_one": not instance}
        settings |= {"weight_net_lr": WEIGHT_NET_RATE, "zero_mean": self.zero_mean, **changes}
        return methods.GDW(len(CLASSES), generator=generator(0, "method"), **settings).double()


def meta_loss(problem: Problem, weights: Tensor) -> Tensor:
    """Clean loss after a virtual step with these weights [instances, classes]; the model stays where it is."""
    model = Gains()
    step = problem.step(model)
    theta_virtual = virtual_theta(model, step, weights)
    images, labels = step.meta_batch
    return cross_entropy(forward(model, theta_virtual, images), labels).detach()


def virtual_theta(model: nn.Module, step: Step, weights: Tensor) -> dict[str, Tensor]:
    """``theta'`` by the library's virtual step."""
    sent_back = weights * step.flows / len(step)
    (gradient,) = torch.autograd.grad(step.logits, model.theta, sent_back, retain_graph=True)
    return VirtualStep(model, step.lr)({"theta": gradient})[0]


def finite_difference(problem: Problem, weights: Tensor) -> Tensor:
    """``d L_meta / d weights`` by moving one weight at a time a little up and down.

    Returns:
        [instances, classes] in class mode; in instance mode all weights of a row move together, [instances, 1].
    """
    tied = problem.mode == INSTANCE
    result = torch.zeros(len(weights), 1 if tied else weights.shape[1], dtype=torch.float64)
    for i, c in torch.cartesian_prod(*map(torch.arange, result.shape)):
        nudge = torch.zeros_like(weights)
        nudge[i, slice(None) if tied else c] = NUDGE
        up, down = meta_loss(problem, weights + nudge), meta_loss(problem, weights - nudge)
        result[i, c] = (up - down) / (2 * NUDGE)
    return result


def logit_directions(model: nn.Module, step: Step) -> Tensor:
    """Gradient of every logit with respect to the two parameters, [instances, classes, 2]."""
    rows = [torch.autograd.grad(logit, model.theta, retain_graph=True)[0] for logit in step.logits.flatten()]
    return torch.stack(rows).view(*step.logits.shape, 2)


def given() -> list[tuple[str, str]]:
    """Every number that the step starts from, as (name, values) in words."""

    def pair(values) -> str:
        return "(" + ", ".join(f"{value:g}".replace("-", "−") for value in values) + ")"

    pictures = [(f"picture {name}", pair(x)) for name, x in zip(INSTANCES, IMAGES, strict=True)]
    clean = [(f"clean picture '{CLASSES[k]}'", pair(x)) for k, x in zip(META_LABELS, META_IMAGES, strict=True)]
    directions = [(f"direction u of class {name}", pair(u)) for name, u in zip(CLASSES, DIRECTIONS, strict=True)]
    return [*pictures, *clean, *directions, ("θ at the start", pair(START)), ("learning rate η", f"{RATE:g}")]


def first_weights(method: methods.Method) -> Tensor:
    """One weight for each of the three images, at a method's first step; 1 is as without weights."""
    step = Problem().step(Gains())
    step.indices = torch.arange(len(step))
    return (method.double().logit_gradient(step) * len(step) / step.flows)[:, 0].detach()
