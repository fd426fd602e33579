"""Co-teaching: two networks, and each learns from the instances on which the other's loss is small."""

from collections import defaultdict
from copy import deepcopy
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gdw.gradients.outputs import logits_of
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Stage, register
from gdw.methods.class_counts import observed_counts
from gdw.methods.preparing import NeedsPreparing
from gdw.methods.settings import Number
from gdw.methods.transition import estimate_transition, share_of_epochs

PEER_MOMENTUM = 0.9  # of the peer's SGD, if the Step's lr is a number
NOT_FUSED = {"fused": None}  # the peer's step rounds as it always did; it is the same step


@register
class CoTeaching(NeedsPreparing):
    """``gradient = kept (probs - onehot(labels)) / number kept``: whole rows drop out.

    Of each batch the share ``R(t) = 1 - forget min(t / ramp, 1)`` is kept: for this model the instances with the
    peer's smallest losses, for the peer those with this model's. The peer starts from other numbers and is trained by
    an optimiser like the loop's: the same class, and in each group the same values at each step. Prediction uses this
    model alone.

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

    def __init__(self, *args, forget: float | None = None, ramp: int = 10, first_share: float = 0.3, **kwargs):
        super().__init__(*args, **kwargs)
        self.known, self.ramp, self.first_share = forget is not None, ramp, first_share
        self.ramp_epochs = ramp  # of this run
        self._forget = float(forget or 0.0)  # on the host: reading it from a GPU in every step would stall the GPU
        self.register_buffer("forget", torch.tensor(self._forget))
        self.first_epochs = 0  # of the first model
        self.estimates_at = 1  # which call of ``prepare`` estimates ``forget``; planned stages make it the second
        self.peer: nn.Module | None = None
        self.peer_optimizer: torch.optim.Optimizer | None = None
        self._saved: dict = {}  # a peer's numbers that wait until there is a peer
        self._saved_optimizer: dict | None = None

    def stages(self, task, epochs: int) -> list[Stage]:
        self.prepared, self.first_epochs, self.estimates_at, second = 0, 0, 2, epochs
        if not self.known:
            why = f"{self.name} trains a first model that estimates forget=..., then a second one that uses it"
            self.first_epochs, second = share_of_epochs(epochs, self.first_share, why)
        self.ramp_epochs = self.ramp if second > 1 else 0  # it begins with nothing forgotten: cross-entropy
        if self.known:
            return [Stage("train", epochs)]
        return [Stage("train", self.first_epochs), Stage("train", second, restart=True)]

    def prepare(self, task, model: nn.Module) -> None:
        """The first model estimates how much to forget; then the peer is made."""
        super().prepare(task, model)
        if self.prepared == self.estimates_at and not self.known:
            shares = observed_counts(task).double()
            kept = estimate_transition(model, task).diagonal().cpu().double() @ shares / shares.sum()
            self.forget.copy_(1 - kept)
            self._forget = float(self.forget)
        if not self.is_first_model():
            self.make_peer(model)

    def is_first_model(self) -> bool:
        """Whether the model is the first one, which has no peer."""
        return self.first_epochs > 0 and self.prepared < self.estimates_at

    def make_peer(self, model: nn.Module) -> None:
        """Another start of the same architecture, or the peer that was loaded."""
        self.peer = shuffled_copy(model, self.generator).train()
        self.peer.load_state_dict(self._saved or self.peer.state_dict())
        self.peer_optimizer = torch.optim.SGD([p for p in self.peer.parameters() if p.requires_grad], lr=0.0)
        self._saved = {}

    def load_state_dict(self, state_dict, strict: bool = True, assign: bool = False):
        """The peer's numbers wait until there is a peer."""
        if self.peer is None:
            peer = {name: value for name, value in state_dict.items() if name.startswith("peer.")}
            self._saved = {name.removeprefix("peer."): value.clone() for name, value in peer.items()}
            state_dict = {name: value for name, value in state_dict.items() if name not in peer}
        loaded = super().load_state_dict(state_dict, strict, assign)
        if not self.known:
            self._forget = float(self.forget)
        return loaded

    def get_extra_state(self) -> dict:
        own = {"first_epochs": self.first_epochs, "estimates_at": self.estimates_at}
        optimizer = None if self.peer_optimizer is None else self.peer_optimizer.state_dict()
        waiting = {"peer_optimizer": self._saved_optimizer or optimizer, "peer": self._saved}
        return {**super().get_extra_state(), **own, **waiting}

    def set_extra_state(self, state: dict) -> None:
        super().set_extra_state(state)
        self.first_epochs = state.get("first_epochs", 0)
        self.estimates_at = state.get("estimates_at", 2)
        self._saved = deepcopy(state.get("peer")) or self._saved
        self._saved_optimizer = deepcopy(state.get("peer_optimizer"))  # it waits until the loop's optimiser is known

    def kept_share(self, epoch: int) -> float:
        """R(t), with t counted from the second model's start."""
        passed = epoch - self.first_epochs
        return 1 - self._forget * (passed / self.ramp_epochs if passed < self.ramp_epochs else 1)

    def logit_gradient(self, step: Step) -> Matrix:
        self.require_prepared(step)
        if self.is_first_model():
            return step.flows / len(step)
        if self.peer is None:
            self.make_peer(step.model)  # in a loop of your own, or after loading
        self.follow(step.model, step.lr)
        peer_logits = logits_of(self.peer(step.images), self.peer)
        peer_losses = cross_entropy(peer_logits, step.labels, reduction="none")
        count = max(1, round(self.kept_share(step.epoch) * len(step)))
        ours, theirs = smallest(peer_losses.detach(), count), smallest(step.losses, count)
        self.peer_optimizer.zero_grad()
        peer_losses[theirs].mean().backward()
        self.peer_optimizer.step()
        kept = torch.zeros_like(step.losses).index_fill_(0, ours, 1.0)
        return kept[:, None] * step.flows / count

    def follow(self, model: nn.Module, lr: "float | torch.optim.Optimizer | None") -> None:
        """The peer's optimiser takes the class and the groups of the model's. A number means SGD with momentum.

        Raises:
            ValueError: the Step has no learning rate.
        """
        if lr is None:
            raise ValueError(f"{self.name} trains a second model: give the Step lr=... (the optimiser, or a number)")
        if not isinstance(lr, torch.optim.Optimizer):
            lr = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr, PEER_MOMENTUM)
        peers = dict(zip(model.parameters(), self.peer.parameters(), strict=True))
        for own, theirs in peers.items():
            theirs.requires_grad_(own.requires_grad)
        if type(self.peer_optimizer) is not type(lr):
            replaced = {id(own): theirs for own, theirs in peers.items()}
            self.peer_optimizer = deepcopy(lr, {**replaced, id(lr.state): defaultdict(dict)})
        if self._saved_optimizer is not None:
            self.peer_optimizer.param_groups = _groups(lr, peers)
            self.peer_optimizer.load_state_dict(self._saved_optimizer)
            self._saved_optimizer = None
        self.peer_optimizer.param_groups = _groups(lr, peers)


def _groups(optimizer: torch.optim.Optimizer, peers: dict[nn.Parameter, nn.Parameter]) -> list[dict]:
    """The optimiser's groups, with the peer's parameters in the place of the model's."""
    groups = [{**group, **(NOT_FUSED if "fused" in group else {})} for group in optimizer.param_groups]
    return [{**group, "params": [peers[p] for p in group["params"] if p in peers]} for group in groups]


def smallest(losses: Float[Tensor, "batch"], count: int) -> Int[Tensor, "count"]:
    """Indices of the ``count`` smallest losses; of equal ones the first."""
    return losses.argsort(stable=True)[:count]


@torch.no_grad()
def shuffled_copy(model: nn.Module, generator: torch.Generator | None) -> nn.Module:
    """A copy that starts from the same numbers in another order: a start of the same kind. Frozen ones stay in place.

    Raises:
        ValueError: the model cannot be copied.
    """
    try:
        copy = deepcopy(model)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"co-teaching trains a second copy of the model, but {type(model).__name__} cannot be copied: it holds "
            "computed tensors or open resources (instead of torch.nn.utils.weight_norm use "
            f"torch.nn.utils.parametrizations.weight_norm; Python says: {str(error).splitlines()[0]})"
        ) from error
    for parameter in (parameter for parameter in copy.parameters() if parameter.requires_grad):
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return copy
