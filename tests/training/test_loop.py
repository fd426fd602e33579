"""The loop: its events, stages and schedule; and a user's loop that does the same."""

import math
from copy import deepcopy

import pytest
import torch

import gdw
from gdw.data.batches import index_batches
from gdw.data.randomness import generator
from gdw.experiments.history import History
from gdw.methods import METHODS, Method, Phase
from gdw.training import epoch_statistics
from gdw.training.epoch_statistics import evaluate, predict
from gdw.training.stepping import cosine
from tests.runs import trained

QUICK = {"noise": "uniform", "rate": 0.6, "epochs": 2, "device": "cpu"}


def test_events_come_batch_by_batch_and_epoch_by_epoch():
    training = gdw.Training(gdw.Experiment(**QUICK, method="cross-entropy"))
    events = list(training.events())
    batches = len(training.task.train) // 100
    kinds = ([gdw.BatchDone] * batches + [gdw.EpochDone]) * 2
    assert [type(event) for event in events] == kinds
    assert [event.batch for event in events[:batches]] == list(range(batches))
    assert events[-1].history is training.history
    assert len(training.history) == 2
    torch.testing.assert_close(events[0].gradient, events[0].step.flows / 100)


@pytest.mark.parametrize("name", ["gdw", "mwnet", "l2rw", "insw"])
def test_a_loop_of_ones_own_ends_where_the_library_does(name):
    experiment = gdw.Experiment(**QUICK, method=name)
    library, own = trained(experiment), gdw.Training(experiment)
    model, method, task = own.model, own.method, own.task
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, fused=True)
    indices = index_batches(len(task.train), 100, generator(0, "train batches"))
    meta = index_batches(len(task.meta), 50, generator(0, "meta batches"))
    for epoch in range(2):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 + math.cos(math.pi * epoch / 2)) / 2
        for _ in range(len(task.train) // 100):
            chosen, clean = next(indices), next(meta)
            images = task.pixels.normalise(task.train.images[chosen])
            meta_batch = task.pixels.normalise(task.meta.images[clean]), task.meta.labels[clean]
            step = gdw.Step(
                model, images, task.train.labels[chosen], indices=chosen, meta_batch=meta_batch, lr=optimizer
            )
            optimizer.zero_grad()
            step.logits.backward(method.logit_gradient(step))
            optimizer.step()
    for expected, value in zip(library.model.parameters(), model.parameters(), strict=True):
        assert torch.equal(expected, value)


def test_the_cosine_is_torchs():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=80)
    for epoch in range(80):
        assert cosine(0.1, epoch, 80) == pytest.approx(schedule.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        schedule.step()


def test_phases_draw_from_their_source_and_may_start_again():
    seen = []

    class Probe(Method):
        name = "probe"

        def phases(self, task, epochs):
            return [
                Phase(self, "train", 1, before=self.look),
                Phase(self, "meta", 1, lr_scale=0.5, before=self.look),
                Phase(self, "both", 1, restart=True, before=self.look),
            ]

        def look(self, model):
            seen.append([p.clone() for p in model.parameters()])

        def logit_gradient(self, step):
            seen.append(step.is_meta)
            return step.flows / len(step)

    experiment = gdw.Experiment(**QUICK, method="cross-entropy")
    training = gdw.Training(experiment, method=Probe())
    start = [p.clone() for p in training.model.parameters()]
    first_of_last_phase = None
    for event in training.events():
        if isinstance(event, gdw.BatchDone) and event.epoch == 2 and first_of_last_phase is None:
            first_of_last_phase = event.step.logits
    masks = [item for item in seen if item is None or isinstance(item, torch.Tensor)]
    batches = len(masks) // 3
    assert all(mask is None for mask in masks[:batches])
    assert all(mask.all() for mask in masks[batches : 2 * batches])
    assert sum(mask.sum().item() for mask in masks[2 * batches :]) > 0
    assert not all(mask.all() for mask in masks[2 * batches :])
    assert training.history["lr"].tolist() == [0.1, 0.05, 0.1]
    restarted = gdw.Training(experiment)
    assert all(torch.equal(a, b) for a, b in zip(start, restarted.model.parameters(), strict=True))
    prepared = [item for item in seen if isinstance(item, list)]
    assert len(prepared) == 3
    assert not torch.equal(prepared[2][0], start[0])


def test_evaluation_counts_by_hand():
    training = trained(gdw.Experiment(**QUICK, method="cross-entropy", validation_per_class=5))
    task, model = training.task, training.model.eval()
    with torch.no_grad():
        guesses = model(task.pixels.normalise(task.test.images)).argmax(-1)
    right = (guesses == task.test.labels).double()
    row = evaluate(model, task)
    assert row["test_accuracy"] == pytest.approx(100 * right.mean().item())
    for c in range(10):
        assert row["class_accuracy"][c] == pytest.approx(100 * right[task.test.labels == c].mean().item())
    with torch.no_grad():
        held_out = model(task.pixels.normalise(task.validation.images)).argmax(-1)
    right = (held_out == task.validation.labels).double()
    assert row["validation_accuracy"] == pytest.approx(100 * right.mean().item())
    assert row["validation_accuracy"] > 0


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_history():
    training = gdw.Training(gdw.Experiment(**QUICK | {"epochs": 3}, method="cross-entropy", lr=0.1))
    events = training.events()
    with pytest.raises(gdw.TrainingDiverged, match="step 4 of epoch 2") as caught:
        for event in events:
            if isinstance(event, gdw.BatchDone) and (event.epoch, event.batch) == (1, 2):
                with torch.no_grad():
                    next(training.model.parameters()).fill_(torch.nan)
    assert isinstance(caught.value.history, History)
    assert len(caught.value.history) == 1
    assert "step 4 of epoch 2" in training.history.error


def spoil_the_last_step(events, part):
    """Take the events, and put a NaN into ``part()`` once the last step is taken."""
    for event in events:
        if isinstance(event, gdw.BatchDone) and (event.epoch, event.batch) == (1, event.batches - 1):
            with torch.no_grad():
                next(iter(part())).flatten()[0] = torch.nan


LAST = {**QUICK, "train_per_class": 30}


@pytest.mark.parametrize(("name", "capture"), [*((name, False) for name in sorted(METHODS)), ("gdw", True)])
def test_a_run_that_diverges_at_its_last_step_has_an_error(name, capture):
    """Every loss was finite; what the last step left is not: in the model, or in what the method has learnt."""
    for part in ("model", "method"):
        training = gdw.Training(gdw.Experiment(**LAST, method=name, capture=capture))
        if part == "method" and not any(True for _ in training.method.parameters()):
            continue
        with pytest.raises(gdw.TrainingDiverged, match=f"the {part}'s .* not finite at the end of epoch 2") as caught:
            spoil_the_last_step(training.events(), getattr(training, part).parameters)
        assert training.history.error == str(caught.value)
        assert len(training.history) == len(caught.value.history) == 1
        with pytest.raises(gdw.TrainingDiverged, match="at the end of epoch 2"):
            next(training.events())


def test_co_teachings_peer_and_running_statistics_count_too():
    training = gdw.Training(gdw.Experiment(**LAST, method="co-teaching"))
    with pytest.raises(gdw.TrainingDiverged, match="the method's peer"):
        spoil_the_last_step(training.events(), lambda: training.method.peer.parameters())
    training = gdw.Training(gdw.Experiment(**LAST, method="cross-entropy", model="cnn"))
    means = [value for name, value in training.model.named_buffers() if name.endswith("running_mean")]
    with pytest.raises(gdw.TrainingDiverged, match="the test loss is not finite at the end of epoch 2"):
        spoil_the_last_step(training.events(), lambda: means)


def test_a_run_loaded_after_its_last_step_diverges_too(tmp_path):
    training = gdw.Training(gdw.Experiment(**LAST, method="fine-tune"))
    for event in training.events():
        if isinstance(event, gdw.BatchDone) and (event.epoch, event.batch) == (1, event.batches - 1):
            break
    torch.nn.init.constant_(next(training.model.parameters()), torch.inf)
    training.save(tmp_path / "run.safetensors")
    with pytest.raises(gdw.TrainingDiverged, match="the model's .* not finite at the end of epoch 2"):
        list(gdw.Training.load(tmp_path / "run.safetensors").events())


@pytest.mark.parametrize("name", ["cross-entropy", "gdw", "mwnet", "insw"])
def test_one_step_that_is_too_long_is_an_error_alone_and_with_other_seeds(name):
    """The run is its first step: the loss is finite, and the parameters after it give none that is."""
    experiment = gdw.Experiment(**QUICK | {"epochs": 1}, train_per_class=10, lr=1e38, method=name)
    with pytest.raises(gdw.TrainingDiverged, match="at the end of epoch 1"):
        gdw.run(experiment)
    for history in gdw.run_seeds(experiment, [0, 1]):
        assert "at the end of epoch 1" in history.error
        assert len(history) == 0
        assert math.isnan(history.accuracy)


def test_of_many_seeds_the_one_that_diverges_at_the_last_step_has_the_error():
    many = gdw.ManySeeds(gdw.Experiment(**LAST, method="mwnet"), [0, 1])
    for event in many.events():
        if isinstance(event, gdw.BatchDone) and (event.epoch, event.batch) == (1, event.batches - 1):
            with torch.no_grad():
                next(event.step.model.parameters())[1].fill_(torch.nan)
    good, bad = many.histories
    assert good.error is None
    assert "the model's" in bad.error
    assert (len(good), len(bad)) == (2, 1)


class Normalised(torch.nn.Module):
    """BatchNorm and dropout, and a BatchNorm that its owner keeps in evaluation mode."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.norm = torch.nn.Linear(64, 10), torch.nn.BatchNorm1d(10)
        self.dropout, self.kept = torch.nn.Dropout(0.5), torch.nn.BatchNorm1d(10).eval()

    def forward(self, images):
        return self.kept(self.norm(self.dropout(self.linear(images.flatten(1)))))


def modes(model):
    return [module.training for module in model.modules()]


def evaluated(model, task):
    return evaluate(model, task)["test_loss"]


def predicted(model, task):
    return torch.nn.functional.cross_entropy(predict(model, task, task.test), task.test.labels).item()


@pytest.mark.parametrize("of_test", [evaluated, predicted])
def test_a_model_is_scored_in_evaluation_mode_and_left_as_it_was(of_test):
    """By hand: dropout does nothing, and the running statistics are used and stay."""
    task, model = gdw.Training(gdw.Experiment(**QUICK)).task, Normalised()
    model.norm.running_mean.fill_(0.3)
    before, mode = {name: value.clone() for name, value in model.state_dict().items()}, modes(model)
    with torch.no_grad():
        images = task.pixels.normalise(task.test.images).flatten(1)
        logits = (model.linear(images) - 0.3) / (1 + model.norm.eps) ** 0.5 / (1 + model.kept.eps) ** 0.5
    expected = torch.nn.functional.cross_entropy(logits, task.test.labels).item()
    assert of_test(model, task) == pytest.approx(expected, rel=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert modes(model) == mode != [True] * len(mode)


def test_a_model_that_breaks_while_it_is_scored_is_left_as_it_was():
    task, model = gdw.Training(gdw.Experiment(**QUICK)).task, Normalised()
    mode, model.linear = modes(model), torch.nn.Linear(3, 10)
    with pytest.raises(RuntimeError):
        evaluate(model, task)
    assert modes(model) == mode


@pytest.mark.parametrize("name", ["cross-entropy", "glc", "co-teaching"])
def test_a_run_of_such_a_model_scores_it_as_its_own_loop_would(name):
    """At each epoch the History has what the model gives in evaluation mode at that moment, and training goes on."""
    experiment = gdw.Experiment(**QUICK, method=name)
    training = gdw.Training(experiment, model=Normalised())
    mode = modes(training.model)
    for event in training.events():
        if isinstance(event, gdw.EpochDone):
            assert modes(training.model) == mode
            own, task = deepcopy(training.model).eval(), training.task
            with torch.no_grad():
                logits = own(task.pixels.normalise(task.test.images))
            loss = torch.nn.functional.cross_entropy(logits, task.test.labels).item()
            assert training.history["test_loss"][-1] == pytest.approx(loss, rel=1e-6)


def test_of_many_seeds_each_model_is_scored_in_evaluation_mode(monkeypatch):
    seen = []
    many = gdw.ManySeeds(gdw.Experiment(**QUICK, method="gdw"), [0, 1])

    def logits(model, images):
        seen.append(model.training)
        return model(images)

    monkeypatch.setattr(epoch_statistics, "logits_of", logits)
    for _ in many.events():
        assert all(training.model.training for training in many.trainings)
    assert many.at_once
    assert seen == [False] * len(seen) != []


def test_logits_that_are_no_numbers_are_right_for_no_class():
    class Nothing(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, images):
            return torch.full((len(images), 10), torch.nan) * self.scale

    row = evaluate(Nothing(), gdw.Training(gdw.Experiment(**QUICK, validation_per_class=2)).task)
    assert row["test_accuracy"] == row["validation_accuracy"] == 0
    assert (row["class_accuracy"] == 0).all()
    assert math.isnan(row["test_loss"])


class NamedLogits(torch.nn.Module):
    """As Hugging Face's models answer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(64, 10)

    def forward(self, images):
        return {"logits": self.linear(images.flatten(1))}


@pytest.mark.parametrize("method", ["cross-entropy", "gdw", "co-teaching", "glc"])
def test_a_model_that_names_its_logits_trains_and_is_evaluated(method):
    settings = {"ramp": 1} if method == "co-teaching" else {}
    experiment = gdw.Experiment(method=method, rate=0.4, epochs=4, settings=settings, device="cpu")
    assert gdw.run(experiment, model=NamedLogits()).accuracy > 30
