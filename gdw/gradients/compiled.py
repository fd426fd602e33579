"""A network compiled by torch, forward, backward and along a tangent; operations between its products are fused."""

import os
import shutil
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from torch import Tensor, nn
from torch.func import jvp

from gdw.gradients.meta import forward
from gdw.gradients.outputs import Inputs
from gdw.gradients.rates import Named
from gdw.private import FORWARD_AD_LOCK, compile_call, is_compiled

COMPILERS = ("g++", "clang++", "c++")  # what torch looks for to compile for the CPU


def compile_in_place(model: nn.Module, device: torch.device) -> None:
    """Have it compiled at its first call; its parameters keep their names."""
    if device.type == "cpu" and not any(map(shutil.which, (os.environ.get("CXX", ""), *COMPILERS))):
        raise RuntimeError("compile=True needs a C++ compiler on the CPU (g++ or clang++): this machine has none")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of parts of its own
        compile_call(model)


def as_written(model: nn.Module) -> AbstractContextManager[None]:
    """Within: a model that was compiled in place runs as it was written."""
    return torch.compiler.set_stance("force_eager") if is_compiled(model) else nullcontext()


def compiled_tangent(model: nn.Module, images: Inputs, direction: Named) -> tuple[None, Tensor]:
    """As ``gdw.gradients.meta.logit_tangent``, compiled at a model's first call; the logits are not kept."""
    parameters = {name: model.get_parameter(name).detach() for name in direction}
    with FORWARD_AD_LOCK, torch.no_grad():  # torch traces it with dual numbers
        return None, _compiled()(model, parameters, direction, images)


@cache
def _compiled() -> Callable[[nn.Module, Named, Named, Inputs], Tensor]:
    def along(model: nn.Module, parameters: Named, direction: Named, images: Inputs) -> Tensor:
        tangent: Tensor = jvp(lambda moved: forward(model, moved, images), (parameters,), (direction,))[1]
        return tangent

    compiled: Callable[[nn.Module, Named, Named, Inputs], Tensor] = torch.compile(along)
    return compiled
