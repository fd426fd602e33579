"""Co-teaching: two networks, and each learns from the instances on which the other's loss is small."""

from copy import deepcopy

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gdw.errors import require_between
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, Stage, register
from gdw.methods.class_balanced import observed_counts
from gdw.methods.transition import estimate_transition, share_of_epochs

PEER_MOMENTUM = 0.9  # where the Step's lr is a number; an optimiser's own momentum and decay are taken over


@register
class CoTeaching(Method):
    """``gradient = kept (probs - onehot(labels)) / number kept``: whole rows drop out.

    Of each batch the share ``R(t) = 1 - forget min(t / ramp, 1)`` is kept: for this model the instances with the
    peer's smallest losses, for the peer those with this model's. The peer starts from other numbers and is stepped
    by SGD with the loop's learning rate, momentum and weight decay. Prediction uses this model alone.

    Args:
        forget: share of each batch dropped in the end, in [0, 1]. The paper takes the noise rate as known; by
            default it is estimated: a first model gives the noise matrix on the clean set, and
            ``forget = 1 - sum_c share_c T_cc`` with the shares of the observed labels.
        ramp: epochs (of the second model) over which the kept share falls.
        first_share: share of the epochs spent on the first model, where ``forget`` is not given.

    Source: Han et al., Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy Labels, NeurIPS 2018.
    """

    name, title = "co-teaching", "Co-teaching"
    source = (
        "Han et al., Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy Labels, NeurIPS 2018"
    )

    def __init__(self, *args, forget: float | None = None, ramp: int = 10, first_share: float = 0.3, **kwargs):
        super().__init__(*args, **kwargs)
        if forget is not None:
            require_between("forget", forget, 0, 1)
        require_between("ramp", ramp, 1, float("inf"))
        require_between("first_share", first_share, 0, 1)
        self.given, self.ramp, self.first_share = forget, ramp, first_share
        self.register_buffer("forget", torch.tensor(forget or 0.0, dtype=torch.float64))
        self._forget = float(self.forget)  # the host's copy: read from a GPU in every step, it would stall it
        self.first_epochs, self.prepared = 0, 0
        self.peer: nn.Module | None = None
        self.peer_optimizer: torch.optim.SGD | None = None
        self._saved: dict = {}  # a peer's numbers, loaded before there was a peer

    def stages(self, task, epochs: int) -> list[Stage]:
        self.prepared, self.first_epochs = 0, 0
        if self.given is not None or epochs < 2:
            return [Stage("train", epochs)]
        self.first_epochs, second = share_of_epochs(epochs, self.first_share)
        return [Stage("train", self.first_epochs), Stage("train", second, restart=True)]

    def prepare(self, task, model: nn.Module) -> None:
        """The first model estimates how much to forget; then the peer is made."""
        self.prepared += 1
        if self.first_epochs and self.prepared == 2:
            shares = observed_counts(task).double()
            kept = estimate_transition(model, task).diagonal().double() @ shares / shares.sum()
            self.forget.copy_(1 - kept)
            self._forget = float(self.forget)
        if not self.first_epochs or self.prepared == 2:
            self.peer = shuffled_copy(model, self.generator).train()
            self.peer_optimizer = torch.optim.SGD(self.peer.parameters(), lr=0.0)  # step_peer sets the rest
            self.peer.load_state_dict(self._saved or self.peer.state_dict())
            self._saved = {}

    def load_state_dict(self, state_dict, strict: bool = True, assign: bool = False):
        """The peer's numbers wait until there is a peer."""
        if self.peer is None:
            peer = {name: value for name, value in state_dict.items() if name.startswith("peer.")}
            self._saved = {name.removeprefix("peer."): value for name, value in peer.items()}
            state_dict = {name: value for name, value in state_dict.items() if name not in peer}
        loaded = super().load_state_dict(state_dict, strict, assign)
        self._forget = float(self.forget)
        return loaded

    def kept_share(self, epoch: int) -> float:
        """R(t), with t counted from the second model's start."""
        return 1 - self._forget * min((epoch - self.first_epochs) / self.ramp, 1)

    def logit_gradient(self, step: Step) -> Matrix:
        if self.peer is None:
            if self.first_epochs:
                return step.flows / len(step)
            self.prepare(None, step.model)  # in a loop of one's own nobody called it
        peer_logits = self.peer(step.images)
        peer_losses = cross_entropy(peer_logits, step.labels, reduction="none")
        count = max(1, round(self.kept_share(step.epoch) * len(step)))
        ours, theirs = smallest(peer_losses.detach(), count), smallest(step.losses, count)
        self.step_peer(peer_losses[theirs].mean(), step.lr)
        kept = torch.zeros_like(step.losses).index_fill_(0, ours, 1.0)
        return kept[:, None] * step.flows / count

    def step_peer(self, loss: Tensor, lr: "float | torch.optim.Optimizer | None") -> None:
        """One SGD step of the peer, at the loop's settings."""
        settings = {"lr": lr, "momentum": PEER_MOMENTUM}
        if isinstance(lr, torch.optim.Optimizer):
            group = lr.param_groups[0]
            settings = {name: group[name] for name in ("lr", "momentum", "weight_decay") if name in group}
        self.peer_optimizer.param_groups[0].update(settings)
        self.peer_optimizer.zero_grad()
        loss.backward()
        self.peer_optimizer.step()


def smallest(losses: Float[Tensor, "batch"], count: int) -> Int[Tensor, "count"]:
    """Indices of the ``count`` smallest losses; of equal ones the first."""
    return losses.argsort(stable=True)[:count]


@torch.no_grad()
def shuffled_copy(model: nn.Module, generator: torch.Generator | None) -> nn.Module:
    """A copy that starts from the same numbers in another order: a start of the same kind."""
    copy = deepcopy(model)
    for parameter in copy.parameters():
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return copy
