"""The loop: its events, stages and schedule; and a user's loop that does the same."""

import math

import pytest
import torch

import gdw
from gdw.data.batches import index_batches
from gdw.data.randomness import generator
from gdw.methods import METHODS, Method, Stage
from gdw.training.history import History
from gdw.training.loop import evaluate
from gdw.training.plan import Plan, cosine
from gdw.training.sources import Sources

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


def test_a_stopped_run_keeps_its_epochs():
    training = gdw.Training(gdw.Experiment(**QUICK, method="cross-entropy"))
    for event in training.events():
        if isinstance(event, gdw.EpochDone):
            break
    assert len(training.history) == 1


@pytest.mark.parametrize("name", ["gdw", "mwnet", "l2rw", "insw"])
def test_a_loop_of_ones_own_ends_where_the_library_does(name):
    experiment = gdw.Experiment(**QUICK, method=name)
    library, own = gdw.Training(experiment), gdw.Training(experiment)
    for _ in library.events():
        pass
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


def test_stages_draw_from_their_source_and_may_start_again():
    seen = []

    class Probe(Method):
        name = "probe"

        def stages(self, task, epochs):
            return [Stage("train", 1), Stage("meta", 1, lr_scale=0.5), Stage("both", 1, restart=True)]

        def prepare(self, task, model):
            seen.append([p.clone() for p in model.parameters()])

        def logit_gradient(self, step):
            seen.append(step.is_meta)
            return step.flows / len(step)

    experiment = gdw.Experiment(**QUICK, method="cross-entropy")
    training = gdw.Training(experiment, method=Probe())
    start = [p.clone() for p in training.model.parameters()]
    first_of_last_stage = None
    for event in training.events():
        if isinstance(event, gdw.BatchDone) and event.epoch == 2 and first_of_last_stage is None:
            first_of_last_stage = event.step.logits
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
    training = gdw.Training(gdw.Experiment(**QUICK, method="cross-entropy", validation_per_class=5))
    for _ in training.events():
        pass
    task, model = training.task, training.model.eval()
    with torch.no_grad():
        guesses = model(task.pixels.normalise(task.test.images)).argmax(-1)
    right = (guesses == task.test.labels).double()
    row = evaluate(model, task)
    assert row["test_accuracy"] == pytest.approx(100 * right.mean().item())
    for c in range(10):
        assert row["class_accuracy"][c] == pytest.approx(100 * right[task.test.labels == c].mean().item())
    assert 0 < row["validation_accuracy"] <= 100


def test_a_batch_larger_than_the_data_is_refused_before_any_work():
    training = gdw.Training(gdw.Experiment(**QUICK, method="cross-entropy"))
    with pytest.raises(ValueError, match="batch_size"):
        Sources(training.task, training.model, Plan(epochs=1, batch_size=10_000))
    with pytest.raises(ValueError, match="batch_size must not exceed"):
        gdw.Training(gdw.Experiment(**QUICK, batch_size=10_000))


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


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_records_a_full_history(name):
    history = gdw.run(gdw.Experiment(**QUICK, method=name))
    assert len(history) == 2
    assert history["class_weight"].shape == (2, 10, 10)
    masses = history["flow_mass"]
    if name not in ("only-clean",) and not torch.tensor(masses[0]).isnan().all():
        assert torch.tensor(masses[0]).nansum().item() == pytest.approx(1)


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
