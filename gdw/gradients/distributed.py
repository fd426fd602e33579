"""Step across ranks: the B x C matrices are gathered, so a method sees the whole batch, as in one process."""

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gdw.gradients.agreement import is_due
from gdw.gradients.meta import clean_gradient, logit_tangent, virtual_parameters
from gdw.gradients.rates import rates_of, trainable
from gdw.gradients.step import Matrix, Step


class DistributedStep(Step):
    """A Step whose ``logits``, ``labels`` and ``indices`` are those of all ranks, in rank order.

    Every rank computes the method on the whole batch and sends back its own rows: normalisers, sums over the batch
    and V are those of one process, and V (INSW's parameters, ...) stays the same on every rank without being sent.

    ``step.logits.backward(gradient)`` sends this rank's rows back through its model; DistributedDataParallel adds
    up the ranks' gradients. With BatchNorm each rank normalises by its own part of the batch, so the result
    differs from one process's as it does in plain data-parallel training; SyncBatchNorm is the remedy in the real
    pass, and has no forward-mode rule. Methods that take ``step.images`` (Co-teaching, mwnet-difference) would see
    only this rank's images and are refused.

    Args:
        model: a DistributedDataParallel, the same parameters on every rank.
        images, labels, indices, is_meta: this rank's part of the batch; every rank has as many rows.
        meta_batch: this rank's part of the clean batch, as many rows on every rank.
        given: the rest, as for ``Step``.

    Raises:
        TypeError: the model is not a DistributedDataParallel.
        ValueError: another ``derivative`` than forward mode, or ``save_memory``.
    """

    _takes_ranks = True

    def __init__(self, model: DistributedDataParallel, images: Tensor, labels: Int[Tensor, "rows"], **given):
        if not isinstance(model, DistributedDataParallel):
            raise TypeError(f"wrap the model in DistributedDataParallel first, got {type(model).__name__}")
        if given.get("save_memory") or given.get("derivative", "auto") not in ("auto", "forward"):
            raise ValueError("across ranks the meta gradient is taken by forward mode, with the graph kept")
        super().__init__(model, images, labels, **given)
        labels = self.labels
        self.own_rows = slice(dist.get_rank() * len(labels), (dist.get_rank() + 1) * len(labels))
        self._own_images, self._own_logits, self.model = images, self.logits, model.module
        self.logits = _Gather.apply(self.logits)
        self.labels = gather(labels)
        self.indices = None if self.indices is None else gather(self.indices)
        self.is_meta = None if self.is_meta is None else gather(self.is_meta)

    @property
    def images(self) -> Tensor:
        """Not gathered: images are large, and each rank has its own."""
        raise NotImplementedError("this method needs the images of the whole batch: it does not run across ranks")

    @images.setter
    def images(self, images: Tensor) -> None:
        self._own_images = images

    def meta_gradient(self, weights: Matrix) -> Matrix:
        """``d L_meta / d weights`` of the whole batch."""
        return -self.flows * self._tangent_after(weights.detach() * self.flows) / len(self)

    def target_gradient(self, targets: Matrix) -> Matrix:
        """``d L_meta / d targets`` of the whole batch."""
        return self._tangent_after(self.probs - targets.detach()) / len(self)

    def _tangent_after(self, matrix: Matrix) -> Matrix:
        """How the logits move up the clean loss, after a virtual step that sends ``matrix / B`` back.

        Gradients are summed over ranks, the tangents gathered.
        """
        if self.lr is None:
            raise ValueError("the virtual step needs a learning rate: give the Step lr=... (a number or an optimiser)")
        own = trainable(self.model)
        rates = rates_of(own, self.lr, self.virtual)
        parameters = {name: p for name, p in own.items() if name in rates}
        sent_back = (matrix / len(self))[self.own_rows].to(self._own_logits.dtype)
        gradients = torch.autograd.grad(
            self._own_logits, list(parameters.values()), sent_back,
            retain_graph=True, allow_unused=True, materialize_grads=True,
        )  # fmt: skip
        summed = dict(zip(parameters, summed_over_ranks(gradients), strict=True))
        virtual = virtual_parameters({n: p.detach() for n, p in parameters.items()}, summed, rates)
        clean = clean_gradient(self.model, virtual, *self.meta_batch)
        clean = dict(zip(clean, summed_over_ranks(clean.values()), strict=True))
        direction = {name: rates[name] * g / dist.get_world_size() for name, g in clean.items()}
        with self._random.replay(), torch.autocast(self._own_logits.device.type, enabled=False):
            first = self._own_logits.detach() if is_due(self.model, self._own_images.device) else None
            tangent = logit_tangent(self.model, self._own_images, direction, first)
        return gather(tangent.to(self.flows.dtype))


class _Gather(torch.autograd.Function):
    """All ranks' rows; backward, this rank's rows, times the number of ranks, since DDP takes the mean over ranks."""

    @staticmethod
    def forward(ctx, own: Float[Tensor, "rows classes"]) -> Float[Tensor, "batch classes"]:
        return gather(own)

    @staticmethod
    def backward(ctx, gradient: Float[Tensor, "batch classes"]) -> Float[Tensor, "rows classes"]:
        return gradient.chunk(dist.get_world_size())[dist.get_rank()] * dist.get_world_size()


def gather(rows: Tensor) -> Tensor:
    """The rows of all ranks, in rank order; without a graph."""
    parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, rows.detach().contiguous())
    return torch.cat(parts)


def summed_over_ranks(values) -> list[Tensor]:
    """Each tensor's sum over ranks, in one message."""
    values = list(values)
    flat = nn.utils.parameters_to_vector(values)
    dist.all_reduce(flat)
    parts = flat.split([value.numel() for value in values])
    return [part.view_as(value) for part, value in zip(parts, values, strict=True)]
