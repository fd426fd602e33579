"""Co-teaching: two networks, and each learns from the instances on which the other's loss is small."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gdw.data.task import Task
from gdw.errors import Number
from gdw.gradients.outputs import logits_of
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Phase, register
from gdw.methods.plain import CrossEntropy
from gdw.methods.preparing import NeedsPreparing, known, observed_counts
from gdw.methods.transition import estimate_transition, share_of_epochs
from gdw.pictures.pretrained import NEW_LAYER

PEER_MOMENTUM = 0.9  # of the peer's SGD, if the Step's lr is a number
NOT_FUSED = {"fused": None}  # a fused step would round differently


@register
class CoTeaching(NeedsPreparing):
    """``gradient = kept (probs - onehot(labels)) / number kept``: whole rows drop out.

    Of each batch the share ``R(t) = 1 - forget min(t / ramp, 1)`` is kept: for this model the instances with the
    peer's smallest losses, for the peer those with this model's. The peer starts from other numbers, this model's in
    another order (the first model's, if there is one; where a run starts from pretrained weights: from the same ones,
    with another last layer), and is trained by an optimiser like the loop's: the same class, and in each group the same
    values at each step. Prediction uses this model alone.

    Args:
        forget: share of each batch dropped in the end, in [0, 1]. The paper takes the noise rate as known; by
            default it is estimated: a first model gives the noise matrix on the clean set, and
            ``forget = 1 - sum_c share_c T_cc`` with the shares of the observed labels.
        ramp: epochs (of the second model) over which the kept share falls; a second model of one epoch forgets the
            whole share in it.
        first_share: share of the epochs spent on the first model, if ``forget`` is not given; both models get at least
            one epoch.

    Source: Han et al., Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy Labels, NeurIPS 2018.
    """

    missing: ClassVar[str] = (
        "the share of wrong labels: give forget=..., for example forget=0.4 if about 40 % of the labels are wrong"
    )
    name, title = "co-teaching", "Co-teaching"
    source = (
        "Han et al., Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy Labels, NeurIPS 2018"
    )

    rules: ClassVar = {
        "forget": Number(0, 1, or_none=True), "ramp": Number(1), "first_share": Number(0, 1),
    }  # fmt: skip

    def __init__(
        self, *args: Any, forget: float | None = None, ramp: int = 10, first_share: float = 0.3, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.ramp, self.first_share = ramp, first_share
        self.given = self.ready = forget is not None
        self.forget = float(forget or 0.0)
        self.ramp_epochs, self.start = ramp, 0  # of this run
        self.peer: nn.Module | None = None
        self.peer_optimizer: torch.optim.Optimizer | None = None
        self.waiting: dict[str, Any] = {}  # a peer's loaded state, until there is a peer

    def phases(self, task: Task | None, epochs: int) -> Sequence[Phase]:
        if self.given:
            return [Phase(self, epochs=epochs, before=partial(self.begin, 0, epochs))]
        why = f"{self.name} trains a first model that estimates forget=..., then a second one that uses it"
        first, second = share_of_epochs(epochs, self.first_share, why)
        begin = partial(self.estimate_and_begin, task, first, second)
        return [Phase(CrossEntropy(), "train", first), Phase(self, "train", second, restart=True, before=begin)]

    def estimate_and_begin(self, task: Task | None, first: int, second: int, model: nn.Module) -> None:
        """The first model says how much to forget; then the second one and its peer begin."""
        task = known(task)
        shares = observed_counts(task).double()
        kept = estimate_transition(model, task).diagonal().cpu().double() @ shares / shares.sum()
        self.forget, self.ready = float(1 - kept), True
        self.begin(first, second, model)

    def begin(self, first: int, epochs: int, model: nn.Module) -> None:
        """The peer is made, and the ramp begins after ``first`` epochs; in one epoch there is no time for a ramp."""
        self.ramp_epochs, self.start = self.ramp if epochs > 1 else 0, first
        self.peer = self.peer_optimizer = None
        if not new_layers(model):  # else at the first step, when the model has its pretrained numbers again
            self.make_peer(model)

    def make_peer(self, model: nn.Module) -> nn.Module:
        """Another start of the same architecture, or the peer that was loaded."""
        peer = shuffled_copy(model, self.generator).train()
        peer.load_state_dict(self.waiting.pop("peer", None) or peer.state_dict())
        self.peer, self.peer_optimizer = peer, None
        return peer

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """The peer's numbers wait until there is a peer."""
        if self.peer is None:
            peer = {name: value for name, value in state_dict.items() if name.startswith("peer.")}
            state_dict = {name: value for name, value in state_dict.items() if name not in peer}
        loaded = super().load_state_dict(state_dict, strict, assign)
        if self.peer is None and peer:
            self.waiting["peer"] = {name.removeprefix("peer."): value.clone() for name, value in peer.items()}
        return loaded

    def set_extra_state(self, state: dict[str, dict[str, Any]]) -> None:
        """The state of the peer's optimiser waits until the loop's optimiser is known."""
        optimizers = dict(state["optimizers"])
        saved = optimizers.pop("peer_optimizer", None)
        super().set_extra_state({**state, "optimizers": optimizers})
        self.waiting.setdefault("optimizer", deepcopy(saved))

    def kept_share(self, epoch: int) -> float:
        """R(t), with t counted from the second model's start."""
        passed = max(epoch - self.start, 0)
        return 1 - self.forget * (passed / self.ramp_epochs if passed < self.ramp_epochs else 1)

    def logit_gradient(self, step: Step) -> Matrix:
        self.require_ready(step)
        peer = self.make_peer(step.model) if self.peer is None else self.peer  # in a loop of your own, or after loading
        optimizer = self.optimizer_for(peer, step.model, step.lr)
        peer_losses = step.losses_of(logits_of(peer, step.images))
        count = max(1, round(self.kept_share(step.epoch) * len(step)))
        ours, theirs = smallest(peer_losses.detach(), count), smallest(step.losses, count)
        optimizer.zero_grad()
        peer_losses[theirs].mean().backward()
        optimizer.step()
        kept = torch.zeros_like(step.losses).index_fill_(0, ours, 1.0)
        return kept[:, None] * step.flows / count

    def optimizer_for(
        self, peer: nn.Module, model: nn.Module, lr: float | Tensor | torch.optim.Optimizer | None
    ) -> torch.optim.Optimizer:
        """The peer's optimiser, with the class and the groups of the model's. A number means SGD with momentum."""
        if lr is None:
            raise ValueError(f"{self.name} trains a second model: give the Step lr=... (the optimiser, or a number)")
        trained = [p for p in model.parameters() if p.requires_grad]
        models = lr if isinstance(lr, torch.optim.Optimizer) else torch.optim.SGD(trained, lr, PEER_MOMENTUM)
        peers = dict(zip(model.parameters(), peer.parameters(), strict=True))
        for own, theirs in peers.items():
            theirs.requires_grad_(own.requires_grad)
        optimizer = self.peer_optimizer
        if optimizer is None or type(optimizer) is not type(models):
            replaced = {id(own): theirs for own, theirs in peers.items()}
            self.peer_optimizer = optimizer = deepcopy(models, {**replaced, id(models.state): defaultdict(dict)})
        saved = self.waiting.pop("optimizer", None)
        if saved is not None:
            optimizer.param_groups = _groups(models, peers)
            optimizer.load_state_dict(saved)
        optimizer.param_groups = _groups(models, peers)
        return optimizer


def _groups(optimizer: torch.optim.Optimizer, peers: dict[nn.Parameter, nn.Parameter]) -> list[dict[str, Any]]:
    """The optimiser's groups, with the peer's parameters in the place of the model's."""
    groups = [{**group, **(NOT_FUSED if "fused" in group else {})} for group in optimizer.param_groups]
    return [{**group, "params": [peers[p] for p in group["params"] if p in peers]} for group in groups]


def smallest(losses: Float[Tensor, "batch"], count: int) -> Int[Tensor, "count"]:
    """Indices of the ``count`` smallest losses; of equal ones the first."""
    return losses.argsort(stable=True)[:count]


def new_layers(model: nn.Module) -> list[nn.Module]:
    """What a network that started from pretrained weights does not have from them; empty for any other."""
    return [module for module in model.modules() if getattr(module, NEW_LAYER, False)]


@torch.no_grad()
def shuffled_copy(model: nn.Module, generator: torch.Generator | None) -> nn.Module:
    """A copy that starts from the same numbers in another order: a start of the same kind.

    Frozen numbers stay in place, and pretrained ones: of such a network only the new layer is shuffled.
    """
    try:
        copy = deepcopy(model)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"co-teaching trains a second copy of the model, but {type(model).__name__} cannot be copied: it holds "
            "computed tensors or open resources (instead of torch.nn.utils.weight_norm use "
            f"torch.nn.utils.parametrizations.weight_norm; Python says: {str(error).splitlines()[0]})"
        ) from error
    new = new_layers(copy)
    drawn = nn.ModuleList(new) if new else copy
    for parameter in (parameter for parameter in drawn.parameters() if parameter.requires_grad):
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return copy
