"""The exact meta gradient of any model: by forward mode, else by double backward, else a sentence that says why not."""

import re
import warnings
import weakref

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gdw.gradients.meta import NoMetaGradient, Problem, by_double_backward, by_forward_mode

Matrix = Float[Tensor, "batch classes"]

# Models found to hold an operation without a forward-mode rule, and the settings under which: one warning for each.
_WITHOUT_FORWARD_RULE: "weakref.WeakKeyDictionary[nn.Module, set[tuple]]" = weakref.WeakKeyDictionary()


def meta_gradient(problem: Problem, weights: Matrix) -> Matrix:
    """``d L_meta / d weights``, exact: forward mode, or double backward where an operation has no forward-mode rule.

    One warning names that operation. The model is remembered with the settings that choose the operation (attention's
    kernels, the mode, the precision): when one of them changes, forward mode is tried again.

    Raises:
        NoMetaGradient: neither way can differentiate the model.
        PassesDiffer: the model's second forward pass does not repeat its first.
    """
    model = problem.model
    known = _WITHOUT_FORWARD_RULE.get(model, ())
    if not known or _settings(model) not in known:
        try:
            return by_forward_mode(problem, weights)
        except (NotImplementedError, RuntimeError) as error:
            if not lacks_rule(error):
                raise
            if not problem.keeps_graph:
                raise no_rule(problem, error) from error
            _WITHOUT_FORWARD_RULE.setdefault(model, set()).add(_settings(model))
            warnings.warn(
                f"{type(model).__name__} has no forward-mode derivative at {_operation(error)}; "
                "its meta gradient is taken by double backward from now on, exact but slower",
                stacklevel=2,
            )
    return double_backward(problem, weights)


def double_backward(problem: Problem, weights: Matrix) -> Matrix:
    """``by_double_backward``, with one sentence for a model that it cannot differentiate.

    Raises:
        NoMetaGradient: the model cannot be differentiated twice.
    """
    name = type(problem.model).__name__
    if not problem.keeps_graph:
        raise NoMetaGradient(f"save_memory gives up the graph that a double backward of {name} needs: leave it out")
    try:
        return by_double_backward(problem, weights)
    except RuntimeError as error:
        if "torch.compile" in str(error):
            raise NoMetaGradient(f"{name} cannot be compiled and differentiated twice") from error
        if not lacks_rule(error):
            raise
        raise NoMetaGradient(
            f"{name} cannot be differentiated twice at {_operation(error)}, neither forward nor "
            "backward; replace that operation (fused attention: torch.nn.attention.sdpa_kernel(SDPBackend.MATH))"
        ) from error


def no_rule(problem: Problem, error: Exception) -> NoMetaGradient:
    """One sentence for a tangent pass that has failed: the operation, and what to take in its place."""
    way = "take derivative='auto'" if problem.keeps_graph else "leave out save_memory, for a double backward"
    name = type(problem.model).__name__
    return NoMetaGradient(f"{name} has no forward-mode derivative at {_operation(error)}: {way}")


def _settings(model: nn.Module) -> tuple:
    """What decides which operations a forward pass runs: attention's and recurrent kernels, mode, precision, device."""
    cuda, first = torch.backends.cuda, next(model.parameters())
    attention = (cuda.flash_sdp_enabled, cuda.mem_efficient_sdp_enabled, cuda.math_sdp_enabled, cuda.cudnn_sdp_enabled)
    kernels = *(enabled() for enabled in attention), torch.backends.cudnn.enabled, torch.backends.mkldnn.enabled
    return *kernels, model.training, first.dtype, first.device


def lacks_rule(error: Exception) -> bool:
    return isinstance(error, NotImplementedError) or "is not implemented" in str(error) or "forward AD" in str(error)


def _operation(error: Exception) -> str:
    named = re.search(r"(?:with|for|formula for|derivative for) ['\"]?([\w:.]+)", str(error))
    return named.group(1) if named else str(error).splitlines()[0]
