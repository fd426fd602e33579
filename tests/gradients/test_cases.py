"""Every exact way to take the meta gradient, on every case: the textbook's number, or a sentence of ours."""

import copy
import warnings
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from gdw import Step
from gdw.gradients.agreement import PassesDiffer
from gdw.gradients.meta import NoMetaGradient
from gdw.gradients.recording import Capture, NoDrawing
from gdw.gradients.stacked_step import StackedStep
from gdw.networks.stacked import Stacked, can_stack
from tests.gradients.cases import BY_HAND, CASES, LR, META, some_weights, taken, textbook
from tests.ways import BY_WAY

OURS = (NoMetaGradient, PassesDiffer, TypeError)


def oracle(name, change=lambda case: case):
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return textbook(change(CASES[name]), some_weights())


@pytest.mark.parametrize("way", [*BY_WAY, "save_memory"])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:.*no forward-mode derivative", "ignore:.*weight_norm.*deprecated")
def test_the_textbooks_number_or_a_sentence(name, way):
    case = CASES[name]
    if (name, way) == ("layers dropped by Python's random", "tape"):
        pytest.skip("a pass that differs is made again without the tape, and may repeat the first by chance")
    if way in case.refused:
        with pytest.raises(OURS, match=case.refused[way]):
            taken(case, way, some_weights())
        return
    expected = oracle(name)
    assert expected.abs().max() > 0
    torch.testing.assert_close(taken(case, way, some_weights()), expected, rtol=1e-9, atol=1e-15)


def captured(case, weights):
    """From a recording: the first step as it is written, the second recorded, the third replayed."""
    model, batch, meta_batch = case.model(), case.batch(), case.batch(META, seed=4)
    start = copy.deepcopy(model.state_dict())

    def gradient():
        return (Step(model, *batch, meta_batch=meta_batch, lr=LR).meta_gradient(weights),)

    capture = Capture(torch.device("cpu"), SimpleNamespace())
    with case.context():
        with NoDrawing():
            capture.warm_up(gradient)
        recording = capture.take(gradient)
        model.load_state_dict(start)
        return recording.replay()[0]


CAPTURE_REFUSES = {
    **dict.fromkeys(("dropout", "attention, fused kernel"), "random numbers"),
    "a frozen scale": "give capture=False",
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:.*no forward-mode derivative", "ignore:.*weight_norm.*deprecated")
def test_from_a_recording(name):
    refused = CAPTURE_REFUSES.get(name) or CASES[name].refused.get("its own")
    if refused:
        with pytest.raises((*OURS, ValueError, RuntimeError), match=refused):
            captured(CASES[name], some_weights())
        return
    torch.testing.assert_close(captured(CASES[name], some_weights()), oracle(name), rtol=1e-9, atol=1e-15)


def perturbed(case):
    """The same case from another start."""

    def moved(build):
        model = build()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.linspace(-0.1, 0.1, parameter.numel()).view_as(parameter))
        return model

    return replace(case, build=lambda: moved(case.build), plain=case.plain and (lambda: moved(case.plain)))


NOT_STACKED = (
    "weight_norm, by a hook",  # torch cannot copy it
    "a hook on a tensor", "a hook that clips gradients",  # within vmap no tensor requires a gradient: it sets no hook
)  # fmt: skip
NOT_AT_ONCE = (
    "GRU", "LSTM", "checkpointing", "reentrant checkpointing", "a generator of its own",
    "layers dropped by Python's random", "a hook that changes gradients", "an output object", "a tuple",
    "a parameter in a list", "a cached parametrisation", *BY_HAND,
)  # fmt: skip


@pytest.mark.parametrize("name", [name for name in CASES if name not in NOT_STACKED])
@pytest.mark.filterwarnings("ignore:.*no forward-mode derivative", "ignore:There is a performance drop")
def test_two_seeds_at_once(name):
    case = CASES[name]
    cases = [case, perturbed(case)]
    models = [each.model() for each in cases]
    if not can_stack(models[0]):
        with pytest.raises(ValueError, match="cannot be stacked"):
            Stacked(models)
        return
    stacked = Stacked(models)

    def both(batch):
        return tuple(torch.stack([part, part]) for part in batch)

    def gradient():
        meta_batch = both(case.batch(META, seed=4))
        step = StackedStep(stacked, *both(case.batch()), meta_batch=meta_batch, lr=LR)
        return step.meta_gradient(torch.stack([some_weights()] * 2))

    with case.context():
        if name in NOT_AT_ONCE:
            with pytest.raises(OURS):
                gradient()
            return
        found = gradient()
    for own, change in zip(found, (lambda case: case, perturbed), strict=True):
        torch.testing.assert_close(own, oracle(name, change), rtol=1e-9, atol=1e-15)
