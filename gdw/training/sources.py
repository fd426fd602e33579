"""Batches of the training set, the clean set, or both, as Steps of the loop: of one seed, or of several at once."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gdw.data.batches import IndexBatches, fetched, index_batches
from gdw.data.randomness import generator
from gdw.data.task import Task
from gdw.experiments.experiment import Experiment
from gdw.gradients.distributed import DistributedStep, world_size
from gdw.gradients.prepared import Prepared
from gdw.gradients.stacked_step import StackedStep
from gdw.gradients.step import Batch, Step
from gdw.networks.stacked import Stacked
from gdw.pictures.on_disk import held

NORMALISED_ONCE = 16_000_000  # pixels: a training set up to this size, if never augmented, is kept as floats (64 MB)

Drawn = tuple[Tensor, Tensor, Tensor, Tensor | None]
"""Images, labels, indices, and which rows are clean (None: none of them)."""


class Sources:
    """Batches of the training set, the clean set, or both, each with its own named randomness, drawn on the CPU.

    The training images of a task that is not resident are fetched from the host (data/batches.py), in the same order.
    """

    def __init__(self, task: Task, model: nn.Module, experiment: Experiment):
        self.task, self.model, self.recipe, self.engine = task, model, experiment.recipe, experiment.engine
        batch_size, seed = self.recipe.batch_size, experiment.seed
        device, train, meta = task.train.labels.device, len(task.train), len(task.meta)
        if batch_size > train:
            raise ValueError(f"batch_size must not exceed the training set's {train} images, got {batch_size}")

        def indices(name: str, count: int, where: torch.device = device) -> IndexBatches:
            return index_batches(count, min(batch_size, count), generator(seed, name), where)

        where = device if task.resident else torch.device("cpu")
        self.indices = {
            "train": indices("train batches", train, where), "both": indices("both batches", train + meta, where),
            "meta": indices("clean batches", meta),
        }  # fmt: skip
        self.meta = indices("meta batches", meta)
        self.taken: Counter[str] = Counter()  # batches: workers may have drawn more than were used
        self.waited = 0.0  # seconds for batches that were not ready
        self.augmentation = generator(seed, "augmentation")
        self.steps = train // batch_size
        if min(batch_size, meta) < world_size():
            raise ValueError(f"{world_size()} processes need as many images in a training batch and in a clean one")
        #: the model of all processes that train together; None: there is one
        self.ranks = DistributedDataParallel(model) if world_size() > 1 else None
        self.dtype = next(model.parameters()).dtype
        still, small = task.pixels.pad == 0 and not task.pixels.flip, task.train.images.shape.numel() <= NORMALISED_ONCE
        self.once = still and small and task.resident
        self.images: dict[str, Any] = {  # of a task that is not resident the training images are fetched
            "train": self.normalised(held(task.train.images)) if self.once else task.train.images,
            "meta": self.normalised(held(task.meta.images)) if self.once else held(task.meta.images),
        }
        self.fetched = {
            name: fetched(task.train.images, self.indices[name], device)
            for name in ("train", "both") if not task.resident
        }  # fmt: skip

    def normalised(self, images: Tensor) -> Tensor:
        return self.task.pixels.normalise(images, self.dtype)

    def ready(self, images: Tensor) -> Tensor:
        """Stored images as the model takes them: augmented again each time they are drawn."""
        return images if self.once else self.normalised(self.task.pixels.augment(images, self.augmentation))

    def prepared(self, optimizer: torch.optim.Optimizer) -> Prepared:
        return Prepared(self.model, optimizer, labels=(self.task.train.labels, self.task.meta.labels))

    def meta_batch(self) -> Batch:
        """The next batch of the clean set for the virtual step: images as the model takes them, and labels."""
        self.taken["virtual"] += 1
        chosen = next(self.meta)
        return self.ready(self.images["meta"][chosen]), self.task.meta.labels[chosen]

    def draw(self, source: str) -> Drawn:
        task = self.task
        self.taken[source] += 1
        if source == "meta":
            chosen = next(self.indices["meta"])
            images, labels = self.ready(self.images["meta"][chosen]), task.meta.labels[chosen]
            return images, labels, chosen, torch.ones_like(chosen, dtype=torch.bool)
        if task.resident:
            chosen = next(self.indices[source])  # of a clean row some other image, to be replaced
            stored = self.images["train"][chosen if source == "train" else chosen.clamp(max=len(task.train) - 1)]
        else:
            started = time.perf_counter()
            chosen, stored = next(self.fetched[source])
            self.waited += time.perf_counter() - started
        if source == "train":
            return self.ready(stored), task.train.labels[chosen], chosen, None
        return self._pooled(chosen, stored)

    def state_dict(self) -> dict[str, Any]:
        """How far each source is: the seed and the number of batches used say all about the order of the batches."""
        return {"taken": dict(self.taken), "augmentation": self.augmentation.get_state()}

    def load_state_dict(self, state: dict[str, Any], most: int) -> None:
        """Continue where the saved sources were; only for new ones. None can have given more than ``most`` batches."""
        for name, batches in state["taken"].items():
            if not 0 <= batches <= most:
                raise ValueError(f"{batches} batches of {name!r} cannot have been taken in {most} steps")
            (self.meta if name == "virtual" else self.indices[name]).skip(batches)
        self.taken = Counter(state["taken"])
        self.augmentation.set_state(state["augmentation"])

    def _pooled(self, chosen: Tensor, stored: Tensor) -> Drawn:
        """Clean rows last. How many they are is never asked: the host would have to wait for the device."""
        task, count = self.task, len(self.task.train)
        order = (chosen >= count).byte().argsort(stable=True)
        chosen, stored = chosen[order], stored[order]
        is_meta, clean = chosen >= count, (chosen - count).clamp(min=0)
        as_images = is_meta.view(-1, *[1] * (stored.ndim - 1))
        images = torch.where(as_images, self.images["meta"][clean], stored)
        labels = torch.where(is_meta, task.meta.labels[clean], task.train.labels[chosen.clamp(max=count - 1)])
        return self.ready(images), labels, chosen, is_meta

    def step_of(self, drawn: Drawn, epoch: int | None, prepared: Prepared, meta_batch: Batch | None = None) -> Step:
        """A batch that was drawn, forward through the model once; the clean batch is the next one, or a given one.

        Where several processes train together, all draw the same batches, and each takes its own rows of them.
        """
        images, labels, chosen, is_meta = drawn
        how: dict[str, Any] = {
            "lr": prepared, "epoch": epoch, "max_prob": self.recipe.max_prob, "save_memory": self.engine.save_memory,
        }  # fmt: skip
        if self.ranks is None:
            clean = meta_batch or self.meta_batch
            return Step(self.model, images, labels, indices=chosen, is_meta=is_meta, meta_batch=clean, **how)
        mine = slice(dist.get_rank(), None, dist.get_world_size())
        is_meta = None if is_meta is None else is_meta[mine]
        return DistributedStep(
            self.ranks, images[mine], labels[mine], indices=chosen[mine], is_meta=is_meta,
            meta_batch=lambda: tuple(part[mine] for part in meta_batch or self.meta_batch()), **how,
        )  # fmt: skip


class StackedSources:
    """The same for several seeds: their batches with a leading seed axis, as Steps of their models as one."""

    def __init__(self, sources: Sequence[Sources], model: Stacked):
        self.sources, self.model = sources, model

    def prepared(self, optimizer: torch.optim.Optimizer) -> Prepared:
        labels = [part.labels for own in self.sources for part in (own.task.train, own.task.meta)]
        return Prepared(self.model, optimizer, labels=labels)

    def meta_batch(self) -> Batch:
        images, labels = zip(*(own.meta_batch() for own in self.sources), strict=True)
        return torch.stack(images), torch.stack(labels)

    def draw(self, source: str) -> Drawn:
        images, labels, indices, is_meta = zip(*(own.draw(source) for own in self.sources), strict=True)
        pooled = None if is_meta[0] is None else torch.stack(is_meta)
        return torch.stack(images), torch.stack(labels), torch.stack(indices), pooled

    def step_of(self, drawn: Drawn, epoch: int, prepared: Prepared) -> StackedStep:
        images, labels, indices, is_meta = drawn
        return StackedStep(
            self.model, images, labels, indices=indices, meta_batch=self.meta_batch, lr=prepared, epoch=epoch,
            is_meta=is_meta, max_prob=self.sources[0].recipe.max_prob,
        )  # fmt: skip
