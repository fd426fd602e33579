"""What a Step accepts, and the sentence in which everything else ends."""

import pytest
import torch
from torch import nn

from gdw import Step
from gdw.gradients.targets import IGNORED, rows_in
from gdw.methods import GDW
from tests.ways import BY_WAY

CLASSES = 4


def batch(count=6, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, 5, generator=random), torch.randint(CLASSES, (count,), generator=random)


def model():
    torch.manual_seed(0)
    return nn.Linear(5, CLASSES)


def meta_gradient(labels=None, meta_batch=None, lr=0.1, network=None, **given):
    images, observed = batch()
    labels = observed if labels is None else labels
    step = Step(network or model(), images, labels, meta_batch=meta_batch or batch(3, 1), lr=lr, **given)
    return step.meta_gradient(torch.ones(6, CLASSES))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_labels_of_any_integer_type_are_the_same_labels(dtype):
    meta_images, meta_labels = batch(3, 1)
    found = meta_gradient(batch()[1].to(dtype), (meta_images, meta_labels.to(dtype)))
    assert torch.equal(found, meta_gradient())


ONE_HOT = nn.functional.one_hot(batch()[1], CLASSES)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (batch()[1][:, None], r"class numbers \[batch\], got shape \[6, 1\]; take \.squeeze\(-1\)"),
        (ONE_HOT + ONE_HOT.flip(0), r"several classes at once \(multi-label\) .* so no class-level flows"),
        (ONE_HOT - 0.5, "a distribution over the classes in each row"),
        (ONE_HOT[:5], r"a batch with 5 labels"),
        (batch()[1].float(), "got numbers of type float32"),
        (batch()[1] > 0, "got numbers of type bool"),
        (batch()[1].tolist(), "got list"),
        (batch()[1][:5], r"a batch with 5 labels to logits \[batch, classes\], got logits \[6, 4\]"),
        (batch()[1][:0], "got an empty one"),
        (batch()[1] + 1, r"labels must lie in 0 \.\.\. 3, got 1 to 4"),
        (batch()[1] - 100, r"labels must lie in 0 \.\.\. 3"),
    ],
)
def test_other_labels_are_refused(labels, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        meta_gradient(labels)


@pytest.mark.parametrize(
    ("meta_batch", "sentence"),
    [
        ((batch(3)[0], torch.tensor([0, 1, -100])), r"meta batch's labels must lie in 0 \.\.\. 3, got -100 to 1"),
        ((batch(3)[0], torch.tensor([0, 1, 4])), r"meta batch's labels must lie in 0 \.\.\. 3, got 0 to 4"),
        ((batch(3)[0], torch.tensor([[0], [1], [2]])), r"meta batch's labels .* \.squeeze"),
        ((batch(3)[0], torch.tensor([0.0, 1.0, 2.0])), "meta batch's labels .* float32"),
        ((torch.zeros(0, 5), torch.zeros(0, dtype=torch.long)), "meta batch's labels .* empty"),
        ((batch(3)[0], torch.tensor([0, 1])), "meta batch must have as many images as labels, got 3 and 2"),
        (batch(3)[0], "meta_batch must be a pair"),
        ([1, 2, 3], "meta_batch must be a pair"),
    ],
)
def test_other_meta_batches_are_refused(meta_batch, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        Step(model(), *batch(), meta_batch=lambda: meta_batch, lr=0.1).meta_gradient(torch.ones(6, CLASSES))


@pytest.mark.parametrize(
    ("lr", "sentence"),
    [
        (float("nan"), "lr must be a finite number of at least 0, got nan"),
        (float("inf"), "got inf"),
        (-0.1, "got -0.1"),
        (torch.tensor(-0.1), "got -0.1"),
        ("0.1", "lr must be a number or a torch optimiser, got str"),
        (True, "got bool"),
        (torch.optim.SGD(nn.Linear(5, CLASSES).parameters(), 0.1), "holds no trainable parameter of this model"),
    ],
)
def test_rates_that_no_step_can_take(lr, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        meta_gradient(lr=lr)


def test_an_optimisers_own_rates_are_checked_too():
    network = model()
    optimizer = torch.optim.SGD(network.parameters(), 0.1, maximize=True)
    with pytest.raises(ValueError, match="maximize"):
        meta_gradient(lr=optimizer, network=network)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    optimizer.param_groups[0]["lr"] = float("nan")
    with pytest.raises(ValueError, match="learning rate of weight must be a finite number"):
        meta_gradient(lr=optimizer, network=network)


def test_models_that_are_none_or_split_the_batch():
    with pytest.raises(ValueError, match=r"logits \[batch, classes\]"):
        Step(nn.Flatten(0), *batch())
    with pytest.raises(TypeError, match="must be a torch.nn.Module, got function"):
        Step(lambda images: images, *batch())
    with pytest.raises(TypeError, match=r"nn.DataParallel: give it the model inside, model\.module"):
        Step(nn.DataParallel(model()), *batch())
    ranks = object.__new__(nn.parallel.DistributedDataParallel)  # a real one needs a process group
    with pytest.raises(TypeError, match="take gdw.gradients.distributed.DistributedStep"):
        Step(ranks, *batch())
    frozen = model().requires_grad_(False)
    with pytest.raises(ValueError, match="all parameters of the model are frozen"):
        meta_gradient(network=frozen)


@pytest.mark.parametrize("save_memory", [False, True])
@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_logits_without_a_graph(without, save_memory):
    with without():
        step = Step(model(), *batch(), meta_batch=batch(3), lr=0.1, save_memory=save_memory)
    with pytest.raises(RuntimeError, match=r"the logits have no graph .* torch.no_grad\(\)"):
        step.meta_gradient(torch.ones(6, CLASSES))


def test_a_meta_gradient_asked_for_under_no_grad_is_the_same():
    expected = meta_gradient()
    for kind in BY_WAY.values():
        step = kind(model(), *batch(), meta_batch=batch(3, 1), lr=0.1)
        with torch.no_grad():
            torch.testing.assert_close(step.meta_gradient(torch.ones(6, CLASSES)), expected)


@pytest.fixture
def unread_labels(monkeypatch):
    """As in a recording, or off the CPU."""
    monkeypatch.setattr("gdw.gradients.prepared.is_recorded", lambda device: True)


def test_nothing_is_read_where_the_step_is_recorded(unread_labels):
    """A label out of range is found by reading, an empty shape or a wrong type is not."""
    images, labels = batch()
    assert Step(model(), images, labels + 100).labels.min() >= 100
    with pytest.raises(ValueError, match="squeeze"):
        Step(model(), images, labels[:, None])


def unread(change=lambda labels: labels, methods_gradient=None, way="its own", **given):
    """A step whose labels nobody reads, as it is off the CPU; row 2 has no class. Returns the model's gradient too."""
    (images, labels), network = batch(), model()
    labels[2] = -100
    step = BY_WAY[way](network, images, change(labels), meta_batch=batch(3, 1), lr=0.1, **given)
    gradient = step.flows / len(step) if methods_gradient is None else methods_gradient(step)
    step.logits.backward(gradient, retain_graph=True)
    return step, network.weight.grad


@pytest.mark.parametrize("how", [*({"way": way} for way in BY_WAY), {"save_memory": True}], ids=str)
def test_where_labels_are_not_read_a_row_without_a_class_is_left_out(how, unread_labels):
    """As in torch's cross-entropy, with B below the mean: the step's is the mean over all rows."""
    step, gradient = unread(**how)
    (images, labels), network = batch(), model()
    labels[2] = -100
    losses = nn.functional.cross_entropy(network(images), labels, reduction="none")
    losses.mean().backward()
    torch.testing.assert_close(step.losses, losses.detach())
    torch.testing.assert_close(gradient, network.weight.grad)
    assert not step.flows[2].any()
    assert step.flows[3].any()
    rows, weights = [0, 1, 3, 4, 5], torch.rand(6, CLASSES)
    without = Step(network, images[rows], labels[rows], meta_batch=batch(3, 1), lr=0.1 * 5 / 6)
    found = step.meta_gradient(weights)
    torch.testing.assert_close(found[rows], without.meta_gradient(weights[rows]))
    assert not found[2].any()


def test_nothing_goes_back_through_such_a_row_whatever_a_method_sends(unread_labels):
    found = unread(methods_gradient=lambda step: step.probs - 1 / CLASSES)[1]
    images, network = batch()[0], model()
    probs = network(images).softmax(-1).detach() - 1 / CLASSES
    probs[2] = 0
    network(images).backward(probs)
    torch.testing.assert_close(found, network.weight.grad)


def test_a_row_of_the_clean_batch_without_a_class_counts_in_its_mean_too(unread_labels):
    def gradient(labels, lr):
        problem = Step(model(), *batch(), meta_batch=(meta_images[: len(labels)], labels), lr=lr).problem
        return problem.uphill(problem.here, problem.virtual_step.rates)["weight"]

    meta_images, labels = batch(3, 1)
    labels[2] = -100
    torch.testing.assert_close(gradient(labels, 0.1), gradient(labels[:2], 0.1 * 2 / 3))


@pytest.mark.parametrize("one_logit", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_soft_labels_of_any_precision_are_the_same_labels(dtype, one_logit):
    """Numbers that float16 holds; a method's own network learns from them too."""
    images, network = batch()[0], nn.Linear(5, 1) if one_logit else model()
    soft = torch.arange(6) / 8 if one_logit else torch.tensor([0.5, 0.25, 0.125, 0.125]).repeat(6, 1)
    clean = (batch(3)[0], soft[:3])
    found = []
    for labels, meta_labels in ((soft, clean[1]), (soft.to(dtype), clean[1].to(dtype))):
        method = GDW(2 if one_logit else CLASSES, generator=torch.Generator().manual_seed(0))
        step = Step(network, images, labels, meta_batch=(clean[0], meta_labels), lr=0.1)
        found.append(method.logit_gradient(step))
    assert torch.equal(*found)


def test_soft_labels_keep_their_digits_under_autocast():
    soft = torch.tensor([0.1, 0.2, 0.3, 0.4]).repeat(6, 1)
    with torch.autocast("cpu", torch.bfloat16):
        step = Step(model(), batch()[0], soft, meta_batch=(batch(3)[0], soft[:3]), lr=0.1)
        step.meta_gradient(torch.ones(6, CLASSES))
    assert step.logits.dtype == torch.bfloat16
    assert torch.equal(step.targets, soft)
    assert torch.equal(step.flows, step.probs - soft)


def test_rows_of_labels_are_counted_without_those_that_have_none():
    pixels = torch.tensor([[0, IGNORED], [1, 2]])
    for labels, rows in ((torch.tensor([0, 1]), 2), (pixels, 3), (torch.rand(2, 3), 2)):
        assert rows_in(labels) == rows
