"""Small batches, a small model and small tasks in float64, for the tests of the methods."""

from types import SimpleNamespace

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from gdw import Step
from gdw.data.task import Split
from gdw.gradients.meta import forward
from gdw.gradients.rates import trainable
from gdw.pictures.pixels import Pixels

CLASSES, FEATURES, BATCH = 4, 6, 12
POINTS = Pixels(scale=1.0, mean=(0.0,), std=(1.0,))


def small_model(seed=0, classes=CLASSES):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(FEATURES, 8), nn.Tanh(), nn.Linear(8, classes)).double()


def batch(count=BATCH, seed=0, classes=CLASSES):
    random = torch.Generator().manual_seed(seed)
    images = torch.randn(count, FEATURES, generator=random, dtype=torch.float64)
    return images, torch.randint(classes, (count,), generator=random)


def make_step(model=None, seed=0, kind=Step, **given):
    images, labels = batch(seed=seed)
    usual = {"indices": torch.arange(len(labels)), "meta_batch": batch(5, seed=seed + 100), "lr": 0.5, "epoch": 0}
    given = usual | given
    return kind(model or small_model(), images, labels, **given)


def clean_loss_after(step, weights):
    """The clean loss after the virtual step with these weights, as the textbook computes it."""
    parameters = trainable(step.model)
    gradients = torch.autograd.grad(
        step.logits, list(parameters.values()), weights * step.flows / len(step), retain_graph=True
    )
    ahead = {name: p.detach() - step.lr * g for (name, p), g in zip(parameters.items(), gradients, strict=True)}
    images, labels = step.meta_batch
    return cross_entropy(forward(step.model, ahead, images), labels).item()


def labels_task(labels, classes=CLASSES, images=None, meta=None):
    """As much of a task as a method may look at before a phase."""
    labels = torch.as_tensor(labels)
    images = torch.zeros(len(labels), FEATURES) if images is None else images
    return SimpleNamespace(num_classes=classes, train=Split(images, labels), meta=meta, pixels=POINTS)


COUNTS = [50, 20, 5, 1]
LABELS = [label for label, count in enumerate(COUNTS) for _ in range(count)]
MATRIX = torch.tensor([[0.7, 0.3, 0, 0], [0, 0.6, 0.2, 0.2], [0.1, 0.1, 0.8, 0], [0, 0, 0, 1]], dtype=torch.float64)


def begun(method, task=None, epochs=40, model=None):
    """The method as a run of this length has it in its last phase: the only place here that knows how."""
    for phase in method.phases(task, epochs):
        phase.before(model)
    return method


def new(kind, **settings):
    """A method for small steps, in float64; as many instances as ``make_step`` may name."""
    return kind(CLASSES, 40, torch.Generator().manual_seed(0), **settings).double()


def ready(kind, epochs=10, **settings):
    """``new``, in the last phase of a run on data with the class sizes COUNTS."""
    return begun(new(kind, **settings), labels_task(LABELS), epochs, small_model())


def autograd_of(loss, step):
    """Gradient of ``loss(logits)`` with respect to the logits, by autograd."""
    logits = step.logits.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(logits), logits)
    return gradient


def sure_step(right=True):
    """Eight instances in float32; the model is sure beyond float32's digits: of the observed label, or of another."""
    model = small_model().float()
    with torch.no_grad():
        model[2].weight *= 1e4
    images = torch.ones(8, FEATURES) * torch.arange(-4, 4)[:, None]
    labels = model(images).argmax(-1)
    return Step(model, images, labels if right else (labels + 1) % CLASSES, indices=torch.arange(8), epoch=0)
