"""A model called with other tensors where its parameters and buffers are, however often it names them."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.func import functional_call


def places(model: nn.Module) -> dict[str, Tensor]:
    """Each place that holds a parameter or a buffer, under one name.

    A module that is registered under two names is one place for each of its tensors; a tensor that two modules share
    is in two places.
    """
    return {
        name: tensor
        for prefix, module in model.named_modules()
        for own in (module.named_parameters, module.named_buffers)
        for name, tensor in own(prefix, recurse=False, remove_duplicate=False)
    }


def call_with(model: nn.Module, parameters: Mapping[str, Tensor], *inputs: object) -> object:
    """``model(*inputs)`` with other parameters, in every place that holds them; the model keeps its own.

    Buffers (BatchNorm's running statistics) are copies and do not move. With its own ``tie_weights``,
    ``torch.func.functional_call`` replaces a tensor once for each name; of a module under two names it then puts back
    what it had put there itself.

    Args:
        model: any module.
        parameters: by the names of ``model.named_parameters()``; all others stay.
        inputs: of ``forward``.
    """
    held = places(model)
    others = {buffer: buffer.clone() for buffer in model.buffers()}
    others |= {held[name]: value for name, value in parameters.items()}
    replaced = {name: others[own] for name, own in held.items() if own in others}
    return functional_call(model, replaced, inputs, tie_weights=False)
