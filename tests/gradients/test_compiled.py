"""A compiled network ends with the same numbers as the network as written, for each kind of meta gradient."""

import shutil
from copy import deepcopy
from functools import partial

import pytest
import torch
from torch import nn
from torch._functorch import config

import gdw
from gdw.data.randomness import generator
from gdw.gradients import compiled
from gdw.gradients.compiled import compile_in_place, compiled_tangent
from gdw.gradients.meta import NoMetaGradient, logit_tangent
from gdw.gradients.rates import trainable
from gdw.networks.autocast import Autocast
from gdw.networks.classifiers import build_model
from tests.gradients.cases import CASES, LR, META, some_weights, textbook
from tests.runs import trained

SMALL = {"model": "cnn", "precision": "float64", "epochs": 2, "train_per_class": 20, "test_per_class": 5, "rate": 0.4}
WAYS = [{}, {"save_memory": True}, {"method": "mwnet"}]
a_compiler = pytest.mark.skipif(not any(map(shutil.which, compiled.COMPILERS)), reason="no C++ compiler")

after_threads = pytest.mark.skipif(
    torch.__version__.startswith("2.10."), reason="torch 2.10 compiles nothing more once two threads have trained"
)


@a_compiler
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_same_parameters_to_rounding(way):
    experiment = gdw.Experiment(device="cpu", **SMALL, **way)
    written, found = trained(experiment), trained(experiment.with_(compile=True))
    assert found.model._compiled_call_impl is not None
    assert found.model.state_dict().keys() == written.model.state_dict().keys()
    for name, value in written.model.state_dict().items():
        torch.testing.assert_close(found.model.state_dict()[name], value, rtol=0, atol=1e-9, msg=name)


@after_threads
def test_a_network_of_torchs_own_classes_is_compiled_as_one(monkeypatch):
    """torch 2.11 runs one on which ``compile()`` was called as written."""
    graphs = []

    def kept(graph, _):
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()  # it compiles one call for no more than eight networks
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=kept))
    model, images = build_model("cnn", (3, 8, 8), 10, generator(0, "model")), torch.randn(4, 3, 8, 8)
    written = deepcopy(model)(images)
    compile_in_place(model, torch.device("cpu"))
    torch.testing.assert_close(model(images), written)
    assert len(graphs) == 1


@config.patch(donated_buffer=True)
def test_of_a_model_whose_blocks_are_compiled_too():
    """Of a compiled block torch gives the memory of a backward pass away; a step takes two."""
    method, given = gdw.methods.GDW(10), (torch.randn(6, 3, 8, 8), torch.arange(6))

    def gradients(block):
        torch.manual_seed(0)
        first = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        model = nn.Sequential(block(first), nn.Flatten(), nn.Linear(144, 10))
        step = gdw.Step(model, *given, meta_batch=given, lr=0.1)
        step.logits.backward(deepcopy(method).logit_gradient(step))
        return [parameter.grad for parameter in model.parameters()]

    def in_place(block):
        block.compile(backend="aot_eager")
        return block

    wrapped = partial(torch.compile, backend="aot_eager")
    for way in (in_place, wrapped):
        torch.testing.assert_close(gradients(way), gradients(nn.Identity()), rtol=0, atol=1e-6)


@a_compiler
def test_a_step_of_a_network_with_a_layer_twice_has_the_textbooks_number():
    case, weights = CASES["a list with one layer twice"], some_weights()
    model = case.model()
    compile_in_place(model, torch.device("cpu"))
    step = gdw.Step(model, *case.batch(), meta_batch=case.batch(META, seed=4), lr=LR)
    torch.testing.assert_close(step.meta_gradient(weights), textbook(case, weights), rtol=1e-9, atol=1e-15)
    assert step.way == "forward mode, compiled"


@a_compiler
def test_a_tangent_keeps_its_digits_where_the_passes_are_in_bfloat16():
    model = Autocast(build_model("mlp", (1, 8, 8), 10, generator(0, "model")))
    images = torch.randn(20, 1, 8, 8, generator=generator(0, "images"))
    direction = {name: torch.ones_like(parameter) for name, parameter in trainable(model).items()}
    expected = logit_tangent(model, images, direction)[1]  # before: torch 2.10 gives a compiled module no tangent
    compile_in_place(model, torch.device("cpu"))
    model(images)
    tangent = compiled_tangent(model, images, direction)[1]
    torch.testing.assert_close(tangent, expected, rtol=1e-5, atol=1e-4)


@a_compiler
@after_threads
def test_what_cannot_be_differentiated_twice_says_so():
    """Distances have no forward-mode rule, and a compiled network no double backward."""

    class Prototypes(nn.Module):
        def __init__(self):
            super().__init__()
            self.places = nn.Parameter(torch.randn(10, 64, generator=torch.Generator().manual_seed(0)))

        def forward(self, images):
            return -torch.cdist(images.flatten(1), self.places)

    experiment = gdw.Experiment(device="cpu", **SMALL)
    with pytest.warns(UserWarning, match="no forward-mode derivative"), pytest.raises(NoMetaGradient, match="twice"):
        gdw.run(experiment.with_(compile=True), model=Prototypes())


def test_without_a_compiler_it_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match=r"needs a C\+\+ compiler"):
        gdw.Training(gdw.Experiment(device="cpu", compile=True, **SMALL))
