"""What a model returns: its logits, as a tensor or in an output object that names them; and its evaluation mode."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn


def logits_of(output: object, model: nn.Module) -> Tensor:
    """The tensor of logits; every pass (first, virtual, tangent) takes it through this one function.

    Args:
        output: a tensor, a dictionary with ``"logits"``, or an object with ``.logits`` (a dataclass, a named tuple, the
            outputs of Hugging Face's models).
        model: gave the output; the message names it.

    Raises:
        TypeError: any other output.
    """
    if isinstance(output, Tensor):
        return output
    found = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if isinstance(found, Tensor):
        return found
    raise TypeError(
        f"{type(model).__name__} must return logits [batch, classes] or an output with 'logits', got "
        f"{_described(output)}: wrap it in a module whose forward returns the tensor of logits"
    )


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[nn.Module]:
    """Within: dropout is off, and BatchNorm uses its running statistics and leaves them as they are.

    Afterwards each of its modules is in the mode that it was in: a layer that is kept in evaluation mode stays there.
    """
    before = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield model
    finally:
        for module, training in before.items():
            module.training = training


def _described(output: object) -> str:
    if isinstance(output, Mapping):
        return f"a dictionary with {', '.join(map(repr, output)) or 'no entries'}"
    if isinstance(output, (tuple, list)):
        return f"a {type(output).__name__} of {len(output)} ({', '.join(type(part).__name__ for part in output)})"
    return f"{type(output).__name__}"
