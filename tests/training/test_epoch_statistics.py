"""The epoch's statistics against a slow loop over instances and classes."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from gdw import Step
from gdw.gradients.flows import class_gradients
from gdw.gradients.step import Seen
from gdw.methods import CrossEntropy
from gdw.training.epoch_statistics import EpochStatistics, epoch_row

CLASSES, COUNT = 3, 30


def steps(is_meta=None):
    random = torch.Generator().manual_seed(0)
    images = torch.randn(COUNT, 5, generator=random, dtype=torch.float64)
    clean = torch.randint(CLASSES, (COUNT,), generator=random)
    observed = torch.where(torch.rand(COUNT, generator=random) < 0.4, (clean + 1) % CLASSES, clean)
    model = nn.Linear(5, CLASSES).double()
    made = []
    for indices in torch.randperm(COUNT, generator=random).split(10):
        step = Step(model, images[indices], observed[indices], indices=indices, is_meta=is_meta)
        weights = torch.rand(len(step), CLASSES, generator=random, dtype=torch.float64)
        made.append((step, weights * step.flows / len(step)))
    return clean, observed, made


def test_every_number_of_a_row():
    clean, observed, made = steps()
    statistics = EpochStatistics(clean, CLASSES)
    groups = {(g, k): [0.0, 0.0, 0.0] for g in range(2) for k in range(3)}
    plain = {place: [] for place in groups}
    ledger = np.zeros((2, 2, CLASSES))  # unweighted and weighted; pull of the own label, push of all the others
    cells = {(t, c): [0.0, 0.0, 0.0, 0.0] for t in range(CLASSES) for c in range(CLASSES)}
    instances = {}
    for step, gradient in made:
        statistics.add(step, gradient)
        for row, i in enumerate(step.indices.tolist()):
            t, y = clean[i].item(), observed[i].item()
            pulled = []
            for c in range(CLASSES):
                flow, sent = step.flows[row, c].item(), gradient[row, c].item()
                pull = sent * math.copysign(1, flow) * len(step)
                pulled.append((pull, abs(flow)))
                kind = 0 if c == y else 1 if c == t else 2
                plain[int(t != y), kind].append(pull / abs(flow))
                ledger[:, int(c != y), c] += abs(flow) / COUNT, pull / COUNT
                for store, key in ((groups, (int(t != y), kind)), (cells, (t, c))):
                    for place, value in enumerate((pull, abs(flow), abs(sent), sent)[: len(store[key])]):
                        store[key][place] += value
            instances[i] = sum(p for p, _ in pulled) / sum(s for _, s in pulled)
    row = statistics.row()
    losses = torch.cat([step.losses for step, _ in made])
    wrong = torch.cat([clean[step.indices] != step.labels for step, _ in made])
    assert row["group_loss"].tolist() == pytest.approx([losses[~wrong].mean().item(), losses[wrong].mean().item()])
    mass = sum(value[2] for value in groups.values())
    np.testing.assert_allclose(row["pull_push"], ledger)
    for (g, k), (pull, size, sent) in groups.items():
        if size:
            assert row["flow_weight_plain"][g, k] == pytest.approx(np.mean(plain[g, k]))
            assert row["flow_weight"][g, k] == pytest.approx(pull / size)
            assert row["flow_mass"][g, k] == pytest.approx(sent / mass)
        else:
            assert np.isnan([row[name][g, k] for name in ("flow_weight", "flow_weight_plain", "flow_mass")]).all()
    assert np.isnan(row["flow_weight"][0, 1])  # a clean instance's true class is its observed label
    for (t, c), (pull, size, sent, signed) in cells.items():
        assert row["class_weight"][t, c] == pytest.approx(pull / size)
        assert row["class_mass"][t, c] == pytest.approx(sent / mass)
        assert row["class_push"][t, c] == pytest.approx(signed / len(made))
    auroc = roc_auc_score((clean == observed).numpy(), [instances[i] for i in range(COUNT)])
    assert row["auroc"] == pytest.approx(auroc)
    assert row["train_loss"] == pytest.approx(np.mean([step.losses.mean().item() for step, _ in made]))


def test_rows_of_the_clean_set_do_not_count():
    clean, _, made = steps(is_meta=torch.tensor([True] * 10))
    statistics = EpochStatistics(clean, CLASSES)
    for step, gradient in made:
        statistics.add(step, gradient)
    row = statistics.row()
    for name in ("flow_weight", "flow_weight_plain", "pull_push", "auroc"):
        assert np.isnan(row[name]).all(), name


def test_push_minus_pull_is_the_gradient_of_each_bias():
    clean, _, made = steps()
    (step, _), statistics = made[0], EpochStatistics(clean, CLASSES)
    statistics.add(step, step.flows / len(step))
    (bias,) = torch.autograd.grad(nn.functional.cross_entropy(step.logits, step.labels), step.model.bias)
    for pull, push in statistics.row()["pull_push"]:
        np.testing.assert_allclose(push - pull, bias.numpy())


def test_a_flow_of_size_0_has_no_weight_and_is_not_in_the_mean():
    clean, _, made = steps()
    statistics = EpochStatistics(clean, CLASSES)
    for step, _ in made:
        step.flows[:5] = 0.0  # certain, and right: nothing flows
        statistics.add(step, 0.5 * step.flows / len(step))
    found = statistics.row()["flow_weight_plain"]
    assert found[np.isfinite(found)] == pytest.approx(0.5)


def test_the_first_bad_step_is_named():
    clean, _, made = steps()
    statistics = EpochStatistics(clean, CLASSES)
    for step, gradient in made:
        statistics.add(step, gradient)
    assert statistics.first_bad_step() is None
    statistics.losses[1] = torch.tensor(torch.nan)
    assert statistics.first_bad_step() == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounding_tells_no_instance_from_another(dtype):
    """Cross-entropy gives all the same weight, so clean and mislabelled ones are tied: exactly one half."""
    clean, _, made = steps()
    statistics = EpochStatistics(clean, CLASSES)
    for step, _ in made:
        step.flows = step.flows.to(dtype)
        statistics.add(step, step.flows / 7 * 0.7)  # all weigh 1, but for the last bit
    assert statistics.row()["auroc"] == 0.5
    assert len(statistics.instance_weights.unique()) > 1


def test_what_a_method_keeps_takes_the_place_of_no_score():
    class Overwriting(CrossEntropy):
        def snapshot(self):
            return {"auroc": torch.ones(()), "own": torch.ones(())}

    clean, _, made = steps()
    statistics = EpochStatistics(clean, CLASSES)
    for step, gradient in made:
        statistics.add(step, gradient)
    with pytest.raises(ValueError, match="snapshot of Overwriting has the name 'auroc'"):
        epoch_row(statistics, Overwriting(), {"test_accuracy": 1.0}, 0.1)


def test_an_instance_without_a_flow_has_no_weight():
    """The model is sure of its label beyond float32: cross-entropy still tells no instance from another."""
    true, observed = torch.tensor([0, 1, 2, 0, 1, 2]), torch.tensor([0, 1, 2, 1, 2, 0])
    logits = torch.eye(CLASSES)[true] * torch.tensor([120.0, 200.0, 1.0, 1.0, 1.0, 1.0])[:, None]
    flows = class_gradients(logits.softmax(-1), observed)
    statistics = EpochStatistics(true, CLASSES)
    statistics.add(Seen(flows, torch.ones(6), observed, torch.arange(6), None), flows / 6)
    assert statistics.row()["auroc"] == 0.5
    assert statistics.instance_weights.isnan().tolist() == [True, True, False, False, False, False]
