"""What is taken of torch without a public name: each does what it says, and nothing else in the package takes any."""

import os
import platform
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch._functorch import config
from torch.autograd import forward_ad

from gdw import private
from tools.size import ROOT, private_names, tracked


def test_only_one_file_of_the_library_uses_private_names():
    used = {str(file.relative_to(ROOT)) for file in tracked("gdw") if private_names(file)}
    assert used == {"gdw/private.py"}


def test_forward_mode_is_entered_and_left():
    for _ in range(2):
        with private.dual_numbers():
            dual = forward_ad.make_dual(torch.tensor(3.0), torch.tensor(1.0))
            assert forward_ad.unpack_dual(dual**2).tangent == 6
    with forward_ad.dual_level():  # it is free again
        pass


def test_a_version_counts_what_is_written_in_place():
    tensor = torch.zeros(2)
    before = private.version_of(tensor)
    tensor.add(1)
    assert private.version_of(tensor) == before
    tensor.add_(1)
    assert private.version_of(tensor) == before + 1


@pytest.mark.parametrize(
    "register",
    ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
     "register_full_backward_pre_hook"],
)  # fmt: skip
def test_a_hook_of_any_kind_in_any_layer_is_seen(register):
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()))
    assert not private.has_hooks(model)
    handle = getattr(model[1][0], register)(lambda *given: None)
    assert private.has_hooks(model)
    handle.remove()
    assert not private.has_hooks(model)


def test_a_model_that_was_compiled_in_place_says_so():
    model = nn.Linear(2, 2)
    assert not private.is_compiled(model)
    assert not private.has_compiled_part(model)
    model.compile(backend="eager")
    assert private.is_compiled(model)
    for part in (model, torch.compile(nn.Linear(2, 2), backend="eager")):
        whole = nn.Sequential(part)
        assert private.has_compiled_part(whole)
        assert not private.is_compiled(whole)


def test_an_operation_says_whether_it_writes_in_place():
    assert private.writes_in_place(torch.ops.aten.add_.Tensor)
    assert not private.writes_in_place(torch.ops.aten.add.Tensor)


@config.patch(donated_buffer=True)
def test_compiled_backward_passes_keep_their_memory():
    private.keep_buffers_of_backward()
    assert config.donated_buffer is False


def test_a_dispatch_mode_sees_operations_below_autograd():
    class Seen(private.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            names.append(function.name())
            return function(*args, **(kwargs or {}))

    names = []
    weight = torch.ones(2, requires_grad=True)
    with Seen():
        (weight * weight).sum().backward()
    assert "aten::mul.Tensor" in names
    assert names.index("aten::sum") < len(names) - 1  # the backward pass is seen too


def test_trees_are_walked_to_their_leaves():
    tree = {"a": [torch.ones(1), 2], "b": (torch.zeros(1),)}
    assert [type(leaf) for leaf in private.tree_leaves(tree)] == [torch.Tensor, int, torch.Tensor]


FAULTS = """
import resource, runpy, sys
import gdw, torch

def faults():
    torch.ones(2**23)  # 32 MiB and its header: more than glibc ever keeps by itself; freed at once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.ones(2**23)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

library = faults()
sys.argv = ["gdw", "methods"]
try:
    runpy.run_module("gdw", run_name="__main__")
except SystemExit:
    print(library, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other systems keep freed memory by themselves")
def test_our_programs_keep_freed_memory_and_the_library_does_not():
    unset = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUN"))}
    command = [sys.executable, "-c", FAULTS]
    done = subprocess.run(command, env=unset, cwd=ROOT, capture_output=True, text=True, check=True)
    library, program = map(int, done.stdout.splitlines()[-1].split())
    assert program < library / 4


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_what_the_user_set_for_freed_memory_stays(name, monkeypatch):
    monkeypatch.setenv(name, "1")
    assert not private.keep_freed_memory()


def test_freed_memory_is_left_alone_on_other_systems(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not private.keep_freed_memory()
