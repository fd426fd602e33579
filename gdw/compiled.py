"""A network compiled by torch: operations between products and convolutions become one, where a compiler is at hand."""

import os
import shutil

import torch
from torch import nn
from torch._functorch import config

COMPILERS = ("g++", "clang++", "c++")  # what torch looks for to compile for the CPU


def compile_in_place(model: nn.Module, device: torch.device) -> None:
    """Compile it at its first call; its parameters keep their names. A tangent pass goes through it as it was.

    A step sends two gradients back through one graph, which a compiled backward pass allows only if it gives none of
    its memory away: torch's ``donated_buffer`` is switched off for the process, as its own error message asks.

    Raises:
        RuntimeError: for the CPU, where there is no C++ compiler.
    """
    if device.type == "cpu" and not any(map(shutil.which, (os.environ.get("CXX", ""), *COMPILERS))):
        raise RuntimeError("compile=True needs a C++ compiler on the CPU (g++ or clang++): this machine has none")
    config.donated_buffer = False
    model.compile()
