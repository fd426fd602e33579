"""Methods in a user's training loop: what a phase begins with says so, and nothing is silently cross-entropy."""

import pytest
import torch
from torch import nn

import gdw
from gdw.data.task import Split
from gdw.methods import GLC, LDAM, METHODS, CoTeaching, ImportanceReweighting, NoiseLayer
from gdw.methods.keeping import KeepsInstances
from gdw.methods.transition import transition_from_clean
from gdw.training.stepping import take_step
from tests.methods.helpers import BATCH, CLASSES, COUNTS, LABELS, batch, begun, labels_task, make_step, small_model

MATRIX = (0.6 * torch.eye(CLASSES) + 0.1).tolist()
GIVEN = {  # what makes each of these work in a user's loop
    "class-balanced": {"class_counts": COUNTS},
    "balanced-softmax": {"class_counts": COUNTS},
    "ldam-drw": {"class_counts": COUNTS},
    "importance": {"transition": MATRIX},
    "noise-layer": {"transition": MATRIX},
    "glc": {"transition": MATRIX},
    "co-teaching": {"forget": 0.4},
    "cmw-net": {"class_counts": COUNTS},
}
STARTS_AS_CROSS_ENTROPY = ("sop", "loss-mixture")  # these learn about each instance first
BY_PHASES = ("only-clean", "pooled", "fine-tune", "ldam-drw")  # these ask which epochs or batches there are
SOURCES = {"only-clean": ["meta"], "pooled": ["both"], "fine-tune": ["train", "meta"]}
BY_THE_TASK = ("fsr",)  # it learns from the training set itself
PER_INSTANCE = [name for name, method in METHODS.items() if issubclass(method, KeepsInstances)]


def new(name, **settings):
    random = torch.Generator().manual_seed(0)
    return METHODS[name](CLASSES, num_instances=BATCH, generator=random, **settings).double()


@pytest.mark.parametrize("name", METHODS)
def test_a_method_either_differs_from_cross_entropy_or_says_what_is_missing(name):
    """As README makes GDW; nobody asks for phases."""
    step = make_step(epoch=30)  # late enough for every schedule
    if name in (*GIVEN, *BY_PHASES, *BY_THE_TASK):
        says = r"(give |call before\(model\)|draw the batches from phase\.source)"
        with pytest.raises(ValueError, match=f"^{name} .*{says}"):
            new(name).logit_gradient(step)
        return
    differs = (new(name).logit_gradient(step) - step.flows / len(step)).abs().max() > 1e-6
    assert differs == (name not in ("cross-entropy", *STARTS_AS_CROSS_ENTROPY))


@pytest.mark.parametrize("name", STARTS_AS_CROSS_ENTROPY)
def test_methods_that_start_as_cross_entropy_differ_later(name):
    method = new(name)
    for epoch in range(60):
        step = make_step(epoch=epoch)
        gradient = method.logit_gradient(step)
    assert (gradient - step.flows / len(step)).abs().max() > 1e-3


@pytest.mark.parametrize("name", GIVEN)
def test_what_the_message_asks_for_is_enough(name):
    method, step = new(name, **GIVEN[name]), make_step(epoch=30)
    if name in BY_PHASES:
        begun(method)
    gradient = method.logit_gradient(step)
    assert (gradient - step.flows / len(step)).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["class-balanced", "balanced-softmax", "ldam-drw", "cmw-net"])
def test_given_counts_are_what_is_counted(name):
    given, counted = new(name, **GIVEN[name]), new(name)
    begun(given), begun(counted, labels_task(LABELS))
    step = make_step(epoch=39)
    # the given ones passed through float32 buffers before .double()
    torch.testing.assert_close(given.logit_gradient(step), counted.logit_gradient(step), rtol=1e-5, atol=1e-7)
    before = given.state_dict()
    begun(given, labels_task([3] * 9))  # the argument counts, not the task
    for key, value in before.items():
        if key != "_extra_state":
            assert torch.equal(value, given.state_dict()[key])


@pytest.mark.parametrize("kind", [ImportanceReweighting, NoiseLayer, GLC])
def test_a_first_model_and_estimate_are_enough_too(kind):
    images, labels = batch(40, seed=9)
    task, model = labels_task(labels, images=images, meta=Split(images, labels)), small_model()
    method = kind(CLASSES).double()
    method.estimate(task, model)
    step = make_step()
    assert (method.logit_gradient(step) - step.flows / len(step)).abs().max() > 1e-4
    matrix = transition_from_clean(model, images, labels)
    found = method.transition.detach()
    torch.testing.assert_close(found, matrix, rtol=0, atol=1e-2 if kind is NoiseLayer else 0)  # its layer learns on


def test_co_teaching_estimates_the_share_of_wrong_labels_from_the_model_it_is_given():
    images, labels = batch(40, seed=9)
    method = CoTeaching(CLASSES).double()
    begun(method, labels_task(labels, images=images, meta=Split(images, labels)), model=small_model())
    assert 0 < float(method.forget) < 1


@pytest.mark.parametrize("name", [*GIVEN, *BY_THE_TASK])
def test_a_phase_that_looks_at_the_data_asks_for_the_task(name):
    with pytest.raises(ValueError, match=r"give method\.phases\(task, epochs\) the task"):
        begun(new(name), task=None)


@pytest.mark.parametrize("name", BY_PHASES[:3])
def test_baselines_on_other_batches_name_them_and_how_each_is_used(name):
    phases, step = new(name).phases(None, 10), make_step()
    assert sum(phase.epochs for phase in phases) == 10
    assert [phase.source for phase in phases] == SOURCES[name]
    for phase in phases:
        assert torch.equal(phase.method.logit_gradient(step), step.flows / len(step))


@pytest.mark.parametrize("name", [name for name in GIVEN if name != "co-teaching"])  # it keeps nothing for each class
def test_another_number_of_classes_is_refused(name):
    settings = GIVEN[name]
    with pytest.raises(ValueError, match="must have one entry for each of the 5 classes, got 4"):
        METHODS[name](5, **settings)
    with pytest.raises(ValueError, match=f"{name} was made for 4 classes, but the model gives 3 logits"):
        METHODS[name](**settings).double().logit_gradient(three_classes())
    with pytest.raises(ValueError, match=f"{name} needs to know how many classes there are"):
        METHODS[name]()


@pytest.mark.parametrize("name", ["mlc", "sop", "elr", "seesaw", "gdw"])
def test_a_loss_for_another_number_of_classes_is_refused(name):
    method = METHODS[name](CLASSES, num_instances=BATCH).double()
    with pytest.raises(ValueError, match=f"{name} was made for 4 classes, but the model gives 3 logits"):
        method.loss(three_classes())


@pytest.mark.parametrize("name", ["gdw", "mwnet", "gdw-class-net", "cmw-net"])
def test_a_method_in_another_precision_than_the_model_says_what_to_write(name):
    method = METHODS[name](CLASSES, **GIVEN.get(name, {}))
    with pytest.raises(TypeError, match=r"the step's losses are torch.float64 on cpu: write method.to\('cpu', torch.f"):
        method.loss(make_step())
    method.to("cpu", torch.float64).loss(make_step())


def three_classes():
    images, labels = batch(classes=3)
    return gdw.Step(small_model(classes=3), images, labels, meta_batch=batch(5, classes=3), lr=0.5)


@pytest.mark.parametrize("name", PER_INSTANCE)
@pytest.mark.parametrize("indices", [torch.arange(BATCH) + 1, torch.arange(BATCH) - 1, torch.arange(BATCH) / 2])
def test_instances_that_a_method_does_not_know_are_refused(name, indices):
    with pytest.raises(ValueError, match=f"indices must be whole numbers in 0 ... {BATCH - 1}"):
        new(name).logit_gradient(make_step(indices=indices))


@pytest.mark.parametrize("name", PER_INSTANCE)
def test_methods_with_a_row_for_each_instance_ask_for_indices_and_for_how_many(name):
    with pytest.raises(ValueError, match=r"give the Step indices=\.\.\."):
        new(name).logit_gradient(make_step(indices=None))
    with pytest.raises(ValueError, match=r"give num_instances=\.\.\."):
        METHODS[name](CLASSES)


@pytest.mark.parametrize("name", ["co-teaching", "ldam-drw", "loss-mixture", "fsr"])
def test_methods_that_change_over_the_epochs_ask_which_one_it_is(name):
    """In the first epoch of each they are cross-entropy, or nearly."""
    images, labels = batch()
    method = begun(new(name, **GIVEN.get(name, {})), labels_task(labels, images=images), model=small_model())
    with pytest.raises(ValueError, match=r"give the Step epoch=\.\.\., counted from 0"):
        method.logit_gradient(make_step(epoch=None))


def test_methods_with_a_number_for_each_class_ask_how_many_there_are():
    for name in ("seesaw", "mlc", "elr", "sop"):
        with pytest.raises(ValueError, match=rf"^{name} needs .* classes there are: give num_classes=\.\.\.$"):
            METHODS[name](num_instances=BATCH)


def weight_norm(style):
    model = small_model()
    style(model[0])
    return model


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_co_teaching_names_the_weight_norm_that_it_can_copy():
    step = make_step(weight_norm(nn.utils.weight_norm))
    with pytest.raises(ValueError, match=r"Sequential cannot be copied.*parametrizations\.weight_norm"):
        new("co-teaching", forget=0.4).logit_gradient(step)
    model = weight_norm(nn.utils.parametrizations.weight_norm)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    method = new("co-teaching", forget=0.4)
    take_step(make_step(model, lr=optimizer), method, optimizer)
    assert all(torch.isfinite(value).all() for value in method.peer.parameters())


def test_ldam_without_a_number_of_epochs_says_what_to_call():
    with pytest.raises(ValueError, match=r"call before\(model\) of the phase"):
        LDAM(class_counts=COUNTS).double().logit_gradient(make_step())
