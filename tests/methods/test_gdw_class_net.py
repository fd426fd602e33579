"""GDW with a class-level first stage: V gives each flow a weight, learnt through the exact meta gradient."""

import torch
from torch import nn

from gdw.gradients.flows import zero_mean
from gdw.methods import GDW, ClassNetGDW
from gdw.methods.gdw_class_net import flow_inputs
from tests.methods.helpers import CLASSES, clean_loss_after, make_step

NUDGE = 1e-6


def method(**settings):
    settings = {"level": False, "stage_two": False, **settings}
    return ClassNetGDW(CLASSES, generator=torch.Generator().manual_seed(0), **settings).double()


def clean_loss(step, own):
    """After a virtual step with V's weights: the textbook's, with V's numbers as they are now."""
    inputs = torch.stack(
        [
            step.losses[:, None].expand_as(step.flows),
            -step.logits.log_softmax(-1),
            torch.nn.functional.one_hot(step.labels, CLASSES).to(step.flows),
        ],
        -1,
    ).detach()
    net = own.weight_net
    hidden = (inputs @ net.linear1.weight.T + net.linear1.bias).relu()
    raw = torch.sigmoid(hidden @ net.linear2.weight.T + net.linear2.bias)[..., 0]
    weights = zero_mean(raw, step.logits.detach(), step.labels).detach()
    return clean_loss_after(step, weights)


def test_v_learns_along_the_finite_difference_of_the_clean_loss():
    step, own = make_step(), method()
    weights = own.first_stage(step)
    weights.backward(step.meta_gradient(weights))
    for parameter in own.weight_net.parameters():
        expected = torch.zeros_like(parameter)
        for place in range(min(parameter.numel(), 12)):
            flat = parameter.data.view(-1)
            before = flat[place].item()
            flat[place] = before + NUDGE
            up = clean_loss(step, own)
            flat[place] = before - NUDGE
            expected.view(-1)[place] = (up - clean_loss(step, own)) / (2 * NUDGE)
            flat[place] = before
        found = parameter.grad.reshape(-1)[:12]
        torch.testing.assert_close(found, expected.view(-1)[: len(found)], rtol=1e-4, atol=1e-9)


def test_it_starts_level_so_its_first_batch_is_gdw_with_a_constant_first_stage():
    step = make_step()
    start = method(level=True).first_stage(step)
    torch.testing.assert_close(start, zero_mean(torch.full_like(step.flows, 0.8), step.logits, step.labels))
    assert method().first_stage(step).std() > 1e-3


def test_flows_of_one_instance_have_different_weights_and_still_sum_to_zero():
    step = make_step()
    weights = method().first_stage(step)
    assert weights.std(dim=1).min() > 1e-6
    torch.testing.assert_close((weights * step.flows).sum(1), torch.zeros(len(step), dtype=torch.float64))


def test_what_v_sees_of_a_flow_is_detached_and_named():
    step = make_step()
    inputs = flow_inputs(step.losses, step.probs, step.targets)
    assert not inputs.requires_grad
    picked = inputs.gather(1, step.labels[:, None, None].expand(-1, 1, 3))[:, 0]
    torch.testing.assert_close(picked[:, 0], picked[:, 1])  # of the label's flow, -log p is the loss
    assert (picked[:, 2] == 1).all()
    assert inputs[..., 2].sum() == len(step)


def test_many_flows_in_parts_are_the_same_flows(monkeypatch):
    """The same V after five steps; and what the graph keeps is a few matrices, not V's hidden numbers for each flow."""

    def taken():
        one, kept = method(), []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
            gradients = [one.logit_gradient(make_step(seed=k)) for k in range(5)]
        return torch.cat(gradients), nn.utils.parameters_to_vector(one.parameters()), sum(kept) / gradients[0].numel()

    *expected, before = taken()
    monkeypatch.setattr("gdw.methods.gdw_class_net.AT_ONCE", 8)
    *found, after = taken()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert before > 5 * 100 > 5 * 20 > after - 200  # the model's own graph too


def test_without_its_first_stage_it_is_gdw_without_it():
    step = make_step()
    settings = {"stage_one": False, "step_size": 0.3, "clip": 1.0}
    ours = method(**{**settings, "stage_two": True}).logit_gradient(step)
    theirs = GDW(CLASSES, generator=torch.Generator().manual_seed(0), **settings).double().logit_gradient(make_step())
    torch.testing.assert_close(ours, theirs)
