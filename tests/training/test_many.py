"""Many seeds at once give what each seed's own run gives."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

import gdw
from gdw.methods import METHODS
from gdw.methods.insw import INSW
from gdw.networks.stacked import Stacked, can_stack
from tests.runs import trained

EXACT = 1e-9
SEEDS = (3, 0, 7)
SHORT = gdw.Experiment(rate=0.6, epochs=3, train_per_class=40, precision="float64", device="cpu")
AT_ONCE = (
    "cross-entropy", "only-clean", "pooled", "fine-tune", "label-smoothing", "focal", "l2rw", "insw", "mwnet", "gdw",
    "gdw-tied", "gdw-reduced", "gce", "seesaw", "elr", "sop",
)  # fmt: skip


def together(experiment, seeds=SEEDS):
    many = gdw.ManySeeds(experiment, seeds)
    for _ in many.events():
        pass
    return many


def assert_same(one, other):
    """Two trainings: every number of the History, the model and what the method has learnt."""
    assert one.history.config == other.history.config
    assert one.history.class_counts == other.history.class_counts
    assert one.history.epochs.keys() == other.history.epochs.keys()
    for name, values in one.history.epochs.items():
        np.testing.assert_allclose(other.history[name], values, rtol=0, atol=EXACT, err_msg=name)
    for own, theirs in ((one.model, other.model), (one.method, other.method)):
        for a, b in zip(own.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(b, a, rtol=0, atol=EXACT)


@pytest.mark.parametrize("method", AT_ONCE)
def test_at_once_equals_one_by_one(method):
    experiment = SHORT.with_(method=method)
    many = together(experiment)
    assert many.at_once
    for seed, training in zip(SEEDS, many.trainings, strict=True):
        assert_same(trained(experiment.with_(seed=seed)), training)


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"stage_one": False}},
        {"settings": {"stage_two": False, "zero_mean": False}},
        {"max_prob": 0.999},
        {"imbalance": 0.1, "batch_size": 50, "validation_per_class": 2},
        {"dataset": "clouds", "method": "gdw"},
    ],
)
def test_whatever_the_settings(changes):
    experiment = SHORT.with_(epochs=2).with_(**changes)
    experiment = experiment.with_(precision="float64", epochs=2, device="cpu", rate=0.6)
    many = together(experiment, (0, 1))
    assert many.at_once
    for seed, training in enumerate(many.trainings):
        assert_same(trained(experiment.with_(seed=seed)), training)


def test_every_method_that_promises_it_is_in_the_list():
    assert {name for name, method in METHODS.items() if method.supports_many_seeds} >= set(AT_ONCE)


def test_what_adam_has_gathered_goes_back_to_each_seed():
    experiment = SHORT.with_(epochs=2)
    own, (theirs, _) = trained(experiment), together(experiment, (0, 1)).trainings
    for a, b in zip(own.method.weight_net.parameters(), theirs.method.weight_net.parameters(), strict=True):
        expected, found = own.method.optimizer.state[a], theirs.method.optimizer.state[b]
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=0, atol=EXACT)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "cnn"},  # BatchNorm: its statistics are each seed's own
        {"method": "glc"},  # looks at the model between its stages
    ],
)
def test_what_cannot_go_together_runs_one_by_one(changes):
    experiment = gdw.Experiment(rate=0.6, epochs=2, device="cpu", train_per_class=20, batch_size=50).with_(**changes)
    histories = gdw.run_seeds(experiment, (0, 1))
    assert not gdw.ManySeeds(experiment, (0, 1)).at_once
    assert histories == [gdw.run(experiment.with_(seed=seed)) for seed in (0, 1)]
    assert all("seeds_at_once" not in history.metadata for history in histories)


def test_a_seed_that_diverges_says_so_and_the_others_go_on():
    """The start of one seed is spoilt; what the others record is theirs alone."""
    experiment = SHORT.with_(epochs=3)
    many, spoilt = gdw.ManySeeds(experiment, SEEDS), gdw.Training(experiment.with_(seed=SEEDS[1]))
    for training in (many.trainings[1], spoilt):
        with torch.no_grad():
            next(training.model.parameters()).fill_(torch.inf)
    done = [event.history.seed for event in many.events() if isinstance(event, gdw.EpochDone)]
    with pytest.raises(gdw.TrainingDiverged):
        list(spoilt.events())
    assert many.histories[1].error == spoilt.history.error
    assert "at step 1 of epoch 1" in many.histories[1].error
    assert len(many.histories[1]) == 0
    assert done == 3 * [SEEDS[0], SEEDS[2]]
    for place in (0, 2):
        assert_same(trained(experiment.with_(seed=SEEDS[place])), many.trainings[place])


def test_where_all_diverge_it_ends():
    histories = gdw.run_seeds(SHORT.with_(lr=1e30), (0, 1))
    assert all("the loss stopped being finite" in history.error for history in histories)


@pytest.mark.parametrize("method", ["cross-entropy", "glc"])
def test_callers_need_not_know_which_way_it_went(method):
    seen, experiment = [], gdw.Experiment(method=method, rate=0.6, epochs=2, device="cpu")
    histories = gdw.run_seeds(experiment, (4, 2), on_epoch=lambda event: seen.append((event.history.seed, event.epoch)))
    assert [history.seed for history in histories] == [4, 2]
    assert sorted(seen) == [(2, 0), (2, 1), (4, 0), (4, 1)]
    assert all(history.metadata["seconds"] > 0 and not history.error for history in histories)
    if method == "cross-entropy":
        assert {history.metadata["seeds_at_once"] for history in histories} == {2}


def test_it_pauses_between_steps():
    many = gdw.ManySeeds(gdw.Experiment(rate=0.6, epochs=2, device="cpu"), (0, 1))
    events = many.events()
    first = next(events)
    assert isinstance(first, gdw.BatchDone)
    assert first.step.logits.shape == first.gradient.shape == (2, 100, 10)
    assert len(first.step) == 100
    events.close()
    assert [len(history) for history in many.histories] == [0, 0]


@pytest.mark.parametrize("seeds", [(), (1, 1)])
def test_seeds_are_checked_before_any_work(seeds):
    with pytest.raises(ValueError, match="each once"):
        gdw.run_seeds(gdw.Experiment(), seeds)


class Residual(nn.Module):
    """No chain: goes by vmap."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(6, 6), nn.Linear(6, 4, bias=False)

    def forward(self, x):
        return self.outer(x + self.inner(x).tanh())


@pytest.mark.parametrize(
    "build",
    [
        Residual,
        lambda: nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 4, bias=False)),
        lambda: nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Flatten(), nn.Linear(6, 4)),
    ],
)
def test_a_stacked_model_is_its_models_side_by_side(build):
    torch.manual_seed(0)
    models = [build().double() for _ in range(3)]
    stacked, inputs = Stacked(models), torch.randn(3, 7, 6, dtype=torch.float64)
    outputs = stacked(inputs)
    outputs.square().sum().backward()
    for seed, model in enumerate(models):
        expected = model(inputs[seed])
        expected.square().sum().backward()
        torch.testing.assert_close(outputs[seed], expected)
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(stacked.one.get_parameter(name).grad[seed], parameter.grad)
    moved = {name: value + 1 for name, value in stacked.named_parameters()}
    with torch.no_grad():
        for parameter in stacked.parameters():
            parameter.add_(1)
    stacked.copy_to(models)
    torch.testing.assert_close(torch.stack([m(x) for m, x in zip(models, inputs, strict=True)]), stacked(inputs))
    torch.testing.assert_close(functional_call(stacked, moved, (inputs,)), stacked(inputs))


def test_a_frozen_parameter_stays_frozen():
    models = [nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2)) for _ in range(2)]
    for model in models:
        model[0].requires_grad_(False)
    assert [p.requires_grad for p in Stacked(models).parameters()] == [False, False, True, True]


def tied():
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, layer)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(4), nn.Dropout(0.1), tied()])
def test_what_cannot_be_stacked_is_refused(layer):
    models = [nn.Sequential(nn.Linear(6, 4), layer) for _ in range(2)]
    assert not can_stack(models[0])
    with pytest.raises(ValueError, match="one by one"):
        Stacked(models)


def test_insw_keeps_each_seeds_own_parameters():
    methods = [INSW(4, num_instances=5) for _ in range(2)]
    stacked = INSW.stack(methods)
    with torch.no_grad():
        stacked.phi[1] += 1
    stacked.copy_to(methods)
    assert [method.phi.sum().item() for method in methods] == [0, 5]


def test_one_seed_with_a_task_of_ones_own_loads_nothing_else(monkeypatch):
    task = gdw.make_task(gdw.load_dataset("clouds"), rate=0.4)

    def load(*_):
        raise AssertionError("the task has all pictures")

    monkeypatch.setattr("gdw.training.many.dataset_of", load)
    assert gdw.ManySeeds(SHORT, [0], task=task).trainings[0].task.num_classes == task.num_classes
