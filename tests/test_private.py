"""What is taken of torch without a public name: each does what it says, and nothing else in the package takes any."""

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
    model.compile(backend="eager")
    assert private.is_compiled(model)


def test_an_operation_says_whether_it_writes_in_place():
    assert private.writes_in_place(torch.ops.aten.add_.Tensor)
    assert not private.writes_in_place(torch.ops.aten.add.Tensor)


def test_compiled_backward_passes_keep_their_memory(monkeypatch):
    monkeypatch.setattr(config, "donated_buffer", True)
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
    assert private.tree_map_only(int, lambda value: value + 1, tree)["a"][1] == 3
