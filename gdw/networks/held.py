"""A model with other tensors where its parameters and buffers are, however often it names them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

from torch import Tensor, nn

from gdw.private import reparametrized


def placed(model: nn.Module, parameters: Mapping[str, Tensor]) -> AbstractContextManager[None]:
    """Within: the model has other parameters, in every place that holds them. Afterwards it has its own.

    Buffers (BatchNorm's running statistics) are copies and do not move. A module that is registered under two names is
    one place for each of its tensors; a tensor that two modules share is in two places.

    Args:
        model: any module.
        parameters: by the names of ``model.named_parameters()``; all others stay.
    """
    held: dict[str, Tensor] = {}
    for prefix, module in model.named_modules():
        held.update(module.named_parameters(prefix, recurse=False, remove_duplicate=False))
        held.update(module.named_buffers(prefix, recurse=False, remove_duplicate=False))
    others: dict[Tensor, Tensor] = {}
    for buffer in model.buffers():
        others[buffer] = buffer.clone()
    for name, value in parameters.items():
        others[held[name]] = value
    replaced: dict[str, Tensor] = {}
    for name, own in held.items():
        if own in others:
            replaced[name] = others[own]
    return reparametrized(model, replaced)
