"""GDW on digits in one file: plain PyTorch, by the textbook's double backward, to be read from top to bottom.

Generalized Data Weighting via Class-level Gradient Manipulation (Chen et al., NeurIPS 2021). Nothing is imported from
the package; tests/gradients/test_one_file.py runs some steps of both in float64 and compares them.

Task      scikit-learn's digits, 8 x 8; 60 % of the training labels are drawn again from all classes (54 % are wrong);
          50 clean images (5 a class); 30 % of the data are the test set
Result    93.1 ± 1.6 % test accuracy (mean of the last five epochs; mean ± sd over 8 seeds), 13 s a run on one busy
          x86-64 core, torch 2.15, Python 3.11, 2026-11-25; the package's own runs: docs/results.md
Run       python docs/gdw_in_one_file.py --seeds 8
"""

import argparse
import math
import statistics
import time

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, one_hot

CLASSES = 10
MIXING_RATE = 0.6  # share of training labels drawn from all classes, the true one included
META_PER_CLASS = 5  # clean images of each class
EPOCHS, BATCH, LR, MOMENTUM, DECAY = 60, 100, 0.1, 0.9, 5e-4  # SGD, the learning rate on half a cosine
STEP_SIZE, CLIP = 0.3, 1.0  # of the second stage: mean change of a weight in one step, and the largest
V_LR, V_DECAY = 1e-2, 1e-4  # Adam, for the weight network V
SMALLEST, LARGEST = 1e-6, 1e6  # weights after the second stage, as published


def flows(logits, labels):
    """Gradient of each cross-entropy with respect to the logits, [B, C]: probabilities minus the one-hot label."""
    return logits.softmax(-1) - one_hot(labels, logits.shape[-1]).to(logits.dtype)


def zero_mean(weights, logits, labels):
    """The label's weight becomes the mean of the others under the model's belief: weighted flows then sum to 0."""
    label = one_hot(labels, logits.shape[-1]).bool()
    others = logits.masked_fill(label, -math.inf).softmax(-1)
    return (weights * others).sum(-1, keepdim=True).where(label, weights)


def gdw_step(model, v, optimizer, v_optimizer, batch, meta_batch):
    """One step of GDW: both stages, then the real step of the model. Returns the weights, [B, C]."""
    (images, labels), (meta_images, meta_labels) = batch, meta_batch
    lr = optimizer.param_groups[0]["lr"]
    parameters = dict(model.named_parameters())
    logits = model(images)
    fixed = logits.detach()
    losses = cross_entropy(fixed, labels, reduction="none")

    # Stage one: one weight for each instance, from its loss, copied to all of its classes.
    weights = zero_mean(v(losses[:, None]).expand_as(fixed), fixed, labels)

    # A virtual step with these weights, and the clean loss after it.
    sent_back = weights * flows(fixed, labels) / len(labels)
    gradients = torch.autograd.grad(logits, list(parameters.values()), sent_back, create_graph=True)
    ahead = {name: p - lr * g for (name, p), g in zip(parameters.items(), gradients, strict=True)}
    meta_loss = cross_entropy(functional_call(model, ahead, meta_images), meta_labels)
    (g,) = torch.autograd.grad(meta_loss, weights, retain_graph=True)  # how the clean loss answers to every weight

    # V learns through the weights that it gave.
    v_optimizer.zero_grad()
    weights.backward(g)
    v_optimizer.step()

    # Stage two: every weight moves against its own g; only ratios within the batch count.
    change = STEP_SIZE * g / g.abs().mean().clamp_min(torch.finfo(g.dtype).tiny)
    weights = (weights.detach() - change.clamp(-CLIP, CLIP)).clamp(SMALLEST, LARGEST)
    weights = zero_mean(weights, fixed, labels)

    # The real step.
    optimizer.zero_grad()
    logits.backward(weights * flows(fixed, labels) / len(labels))
    optimizer.step()
    return weights


def data(seed):
    """Training set with wrong labels, clean set and test set: three pairs of images [N, 64] and labels [N]."""
    digits = load_digits()
    images = torch.tensor(digits.images / 16 - 0.5, dtype=torch.float32).flatten(1)
    labels = torch.tensor(digits.target)
    rest, test = train_test_split(range(len(labels)), test_size=0.3, stratify=labels, random_state=0)
    clean_size = META_PER_CLASS * CLASSES
    train, meta = train_test_split(rest, test_size=clean_size, stratify=labels[rest], random_state=seed)
    random = torch.Generator().manual_seed(seed)
    drawn = torch.randint(CLASSES, (len(train),), generator=random)
    mixed = torch.rand(len(train), generator=random) < MIXING_RATE
    train_set = images[train], drawn.where(mixed, labels[train])
    return train_set, (images[meta], labels[meta]), (images[test], labels[test])


def train(seed):
    """Test accuracy in percent, mean of the last five epochs."""
    torch.manual_seed(seed)
    (images, labels), meta_batch, (test_images, test_labels) = data(seed)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, CLASSES))
    v = nn.Sequential(nn.Linear(1, 100), nn.ReLU(), nn.Linear(100, 1), nn.Sigmoid())
    optimizer = torch.optim.SGD(model.parameters(), LR, MOMENTUM, weight_decay=DECAY)
    v_optimizer = torch.optim.Adam(v.parameters(), V_LR, weight_decay=V_DECAY)
    scores = []
    for epoch in range(EPOCHS):
        optimizer.param_groups[0]["lr"] = LR * (1 + math.cos(math.pi * epoch / EPOCHS)) / 2
        for chosen in torch.randperm(len(labels))[: len(labels) // BATCH * BATCH].split(BATCH):
            gdw_step(model, v, optimizer, v_optimizer, (images[chosen], labels[chosen]), meta_batch)
        scores.append(100 * (model(test_images).argmax(-1) == test_labels).double().mean().item())
    return statistics.mean(scores[-5:])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    started = time.perf_counter()
    found = [train(seed) for seed in range(seeds)]
    seconds = (time.perf_counter() - started) / seeds
    spread = statistics.stdev(found) if seeds > 1 else 0.0
    mean, version = statistics.mean(found), torch.__version__
    print(f"{mean:.1f} ± {spread:.1f} % over {seeds} seeds, {seconds:.1f} s a run, torch {version}")
