"""The exact meta gradient of any model: by forward mode, else by double backward, else a sentence that says why not."""

import re
import warnings
import weakref
from functools import partial

import torch
from torch import nn

from gdw.gradients.agreement import check_adjoint, passes_differ
from gdw.gradients.flows import Matrix
from gdw.gradients.meta import NoMetaGradient, Problem, lacks_rule
from gdw.gradients.rates import Named

# Models found to hold an operation without a forward-mode rule, and the settings under which: one warning for each.
_WITHOUT_FORWARD_RULE: "weakref.WeakKeyDictionary[nn.Module, set[tuple[object, ...]]]" = weakref.WeakKeyDictionary()


def by_forward_mode(problem: Problem, weights: Matrix) -> Matrix:
    """``d L_meta / d weights`` in closed form, its inner products by one Jacobian-vector product.

    Raises:
        NotImplementedError, RuntimeError: an operation has no forward-mode rule (``lacks_rule``).
        PassesDiffer: a check of the model's two passes (agreement.py) fails.
    """
    gradients = problem.step_back(weights)
    ahead, rates = problem.virtual_step(gradients)
    compared = to_compare(problem, weights, gradients) if problem.is_checked else None
    del gradients  # as large as the model, like each of these: freed before the next pass takes its memory
    direction = problem.uphill(ahead, rates)
    del ahead
    tangent = problem.tangent(direction)
    if compared:
        compared_weights, gradients = compared
        v = (compared_weights * problem.flows / problem.logits.shape[-2]).to(tangent.dtype)
        refused = partial(passes_differ, model=problem.model)
        check_adjoint(refused, v, tangent, gradients, direction, problem.logits.detach())
    return problem.closed_form(tangent)


def by_double_backward(problem: Problem, weights: Matrix) -> Matrix:
    """``d L_meta / d weights`` as in textbooks: through the graph of the virtual step itself.

    The chain rule in two parts: the clean loss back to theta', and from theta' back through the first backward pass.
    """
    try:
        return _by_double_backward(problem, weights)
    except RuntimeError as error:
        name = type(problem.model).__name__
        if "torch.compile" in str(error):
            raise NoMetaGradient(f"{name} cannot be compiled and differentiated twice") from error
        if not lacks_rule(error):
            raise
        raise NoMetaGradient(
            f"{name} cannot be differentiated twice at {_operation(error)}, neither forward nor "
            "backward; replace that operation (fused attention: torch.nn.attention.sdpa_kernel(SDPBackend.MATH); "
            "nn.EmbeddingBag: nn.Embedding and a mean over its rows)"
        ) from error


def _by_double_backward(problem: Problem, weights: Matrix) -> Matrix:
    weights = weights.detach().requires_grad_()
    with torch.enable_grad():
        gradients = problem.step_back(weights, create_graph=True)
    moved = problem.averaged({name: gradient.detach() for name, gradient in gradients.items()})
    direction = problem.uphill(*problem.virtual_step(moved))
    linked = [name for name, gradient in gradients.items() if gradient.requires_grad]
    gradient = torch.zeros_like(weights)
    if linked:
        given = [gradients[name] for name in linked], weights, [-direction[name] for name in linked]
        (gradient,) = torch.autograd.grad(*given, allow_unused=True, materialize_grads=True)
    gradient = problem.averaged({"weights": gradient})["weights"]
    if problem.is_checked:
        weights, moved = to_compare(problem, weights.detach(), moved)
        refused = partial(_hides_a_dependence, problem.model)
        check_adjoint(refused, weights, -gradient, moved, direction, problem.logits.detach())
    return gradient


def to_compare(problem: Problem, weights: Matrix, gradients: Named) -> tuple[Matrix, Named]:
    """Weights and what the virtual step sends back at them. L2RW asks at weights 0, where nothing goes back: then 1."""
    if weights.any():
        return weights, gradients
    ones = torch.ones_like(weights)
    return ones, problem.step_back(ones)


def instead_of_forward_mode(problem: Problem, weights: Matrix, error: Exception) -> Matrix:
    """The double backward of a model for which forward mode has ended with ``error``.

    One warning names the operation. The model is remembered with the settings that choose the operation (the mode, the
    precision): when one of them changes, forward mode is tried again.
    """
    if not lacks_rule(error):
        raise error
    what = f"{type(problem.model).__name__} has no forward-mode derivative at {_operation(error)}"
    if not problem.keeps_graph:
        raise NoMetaGradient(
            f"{what}: replace that operation, or leave out save_memory, for a double backward where there is one"
        ) from error
    _WITHOUT_FORWARD_RULE.setdefault(problem.model, set()).add(_settings(problem.model))
    warnings.warn(f"{what}; its meta gradient is taken by double backward from now on, exact but slower", stacklevel=2)
    return by_double_backward(problem, weights)


def without_forward_rule(model: nn.Module) -> bool:
    """Whether forward mode has failed for it, under the settings of now."""
    return model in _WITHOUT_FORWARD_RULE and _settings(model) in _WITHOUT_FORWARD_RULE[model]


def _settings(model: nn.Module) -> tuple[object, ...]:
    """What decides which operations a tangent pass runs: recurrent kernels, mode, precision, device."""
    first = next(model.parameters())
    return torch.backends.cudnn.enabled, torch.backends.mkldnn.enabled, model.training, first.dtype, first.device


def _operation(error: Exception) -> str:
    named = re.search(r"(?:with|for|formula for|derivative for) ['\"]?([\w:.]+)", str(error))
    return named.group(1) if named else str(error).splitlines()[0]


def _hides_a_dependence(model: nn.Module, what: str) -> NoMetaGradient:
    return NoMetaGradient(
        f"{type(model).__name__} cannot be differentiated twice: its backward pass hides how it depends on what is "
        f"sent back, or is not linear in it ({what}). Likely causes: a torch.autograd.Function whose backward uses "
        ".data, detach(), numpy or once_differentiable; a hook that clips gradients. Write that backward with torch's "
        "operations alone, or give the Function a jvp"
    )
