"""Which image goes where: a fixed test share, disjoint balanced sets for meta and validation, the rest to train on."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gdw.data.confirmed import Confirmed
from gdw.data.corruption import COUNT_TOLERANCE, class_counts, class_shares
from gdw.data.dataset import Dataset
from gdw.data.picture_labels import NO_CLASS
from gdw.data.randomness import generator

TEST_SHARE = 0.3  # of each class, if a data set has no test set
TEST_SEED = 0  # of that share: every experiment is tested on the same images

Indices = Int[Tensor, "images"]


def split_indices(
    dataset: Dataset,
    per_class: dict[str, int],
    random: torch.Generator,
    train_per_class: int | None = None,
    test_per_class: int | None = None,
    left_out: Bool[Tensor, "images"] | None = None,
) -> dict[str, Indices]:
    """Disjoint ``"test"``, each set of ``per_class``, and ``"train"``: what is left. Indices ascend.

    Args:
        dataset: its own test images, where it has some, are counted on after its last training image, and its own
            validation images after these.
        per_class: images of each class for each balanced set: ``"meta"`` and ``"validation"``. A validation set of
            the data set's own is used instead of training images; 0 takes all of it.
        random: draws the balanced sets and which training images stay; the test images do not depend on it.
        train_per_class, test_per_class: fewer images of each class, for a smaller run; None keeps all.
        left_out: training images that no set gets.
    """
    _check_counts(per_class, train_per_class, test_per_class)
    own, per_class = _own_validation(dataset, per_class)
    classes = range(len(dataset.class_names))
    kept = dataset.labels if left_out is None else dataset.labels.masked_fill(left_out, NO_CLASS)
    pools = [(kept == label).nonzero().flatten() for label in classes]
    test, pools = _test_indices(dataset, pools)
    if test_per_class is not None:
        test = _fewer_test_images(dataset, test, test_per_class)
    wanted = ", ".join(f"{name}_per_class {count}" for name, count in per_class.items())
    rest = "at least one more" if train_per_class is None else f"{train_per_class} more"
    said = f"images outside the test set: too few for {wanted} and {rest} to train on"
    _check_pools(pools, sum(per_class.values()) + (train_per_class or 1), dataset.class_names, said)
    pools = [_shuffled(pool, random) for pool in pools]
    start = sum(per_class.values())
    end = None if train_per_class is None else start + train_per_class
    train = _joined([pool[start:end] for pool in pools])
    return {"test": test, **_in_turn(pools, per_class), **own, "train": train}


def split_around_confirmed(
    dataset: Dataset,
    confirmed: Confirmed,
    per_class: dict[str, int],
    random: torch.Generator,
    train_per_class: int | None = None,
    test_per_class: int | None = None,
) -> dict[str, Indices]:
    """Disjoint sets where only the labels of ``confirmed`` images are known; what no other set takes is trained on.

    Scores are of images drawn at random alone: the test set is the data set's own, or what each class has of drawn
    images beyond the counts, at most 30 % of the class. It is the same for every seed, and empty where a class has
    nothing left for it. A validation set is of drawn images too. The meta set takes others if they are too few.

    Args:
        dataset: with the right labels in the place of those that were confirmed as others. Its own validation and test
            images as for ``split_indices``.
        confirmed: an image's place to its right class. Images that belong to no class are left out.
        per_class: confirmed images of each class for each balanced set: ``"meta"`` and ``"validation"``.
        random: draws which images stay, and which confirmed image goes into which balanced set.
        train_per_class, test_per_class: as for ``split_indices``.
    """
    _check_counts(per_class, train_per_class, test_per_class)
    indices, per_class = _own_validation(dataset, per_class)
    classes, labels, held = range(len(dataset.class_names)), dataset.labels, sum(per_class.values())
    fixed = generator(TEST_SEED, "test")
    drawn, others = _confirmed_pools(confirmed, classes, fixed)
    pools = [torch.cat(both)[:held] for both in zip(drawn, others, strict=True)]
    sizes = ", ".join(f"{name}_per_class {n}" for name, n in per_class.items() if n)
    _check_pools(pools, held, dataset.class_names, f"confirmed images: too few for {sizes}")
    chosen = held - per_class["meta"]
    said = f"confirmed images that were drawn at random: too few for validation_per_class {chosen}"
    _check_pools(drawn, chosen, dataset.class_names, said)
    sizes_of = torch.bincount(labels, minlength=len(classes)).tolist()
    most = [round(TEST_SHARE * size) if test_per_class is None else test_per_class for size in sizes_of]
    spare = [pool[held:][:count] for pool, count in zip(drawn, most, strict=True)]
    if dataset.test_labels is not None:
        test, _ = _test_indices(dataset, [])
        indices["test"] = test if test_per_class is None else _fewer_test_images(dataset, test, test_per_class)
    else:
        said = f"confirmed images to test on that were drawn at random: too few for test_per_class {test_per_class}"
        _check_pools(spare, test_per_class or 0, dataset.class_names, said)
        indices["test"] = _joined(spare) if all(map(len, spare)) else _joined(spare)[:0]
    pools = [_shuffled(pool, random) for pool in pools]
    pools = [p[torch.isin(p, d).long().argsort(stable=True)] for p, d in zip(pools, drawn, strict=True)]  # drawn last
    indices |= _in_turn(pools, per_class)
    left = torch.ones(len(labels), dtype=torch.bool)
    left[[place for place, label in confirmed.items() if label == NO_CLASS]] = False
    for taken in indices.values():
        left[taken[taken < len(labels)]] = False
    train = [_shuffled((left & (labels == label)).nonzero().flatten(), random) for label in classes]
    least = train_per_class or 1
    _check_pools(train, least, dataset.class_names, f"images left: too few to train on {least}")
    return indices | {"train": _joined([pool[:train_per_class] for pool in train])}


def _confirmed_pools(
    confirmed: Confirmed, classes: range, fixed: torch.Generator
) -> tuple[list[Indices], list[Indices]]:
    """Confirmed images by right class, in an order that is the same for every seed: those drawn at random, the rest."""
    drawn = set(confirmed.drawn())
    pools = [
        [_shuffled(torch.tensor([p for p in sorted(confirmed) if confirmed[p] == label and (p in drawn) == which],
                                dtype=torch.long), fixed) for label in classes]
        for which in (True, False)
    ]  # fmt: skip
    return pools[0], pools[1]


def _check_pools(pools: list[Indices], least: int, class_names: tuple[str, ...], too_few: str) -> None:
    for pool, name in zip(pools, class_names, strict=True):
        if len(pool) < least:
            raise ValueError(f"class {name} has only {len(pool)} {too_few}")


def thinned(
    train: Indices, labels: Int[Tensor, "pool"], kind: str, imbalance: float, classes: int, random: torch.Generator
) -> Indices:
    """The training images an imbalance leaves: the proportions exactly, on as large a scale as every class allows."""
    pools = [train[labels[train] == label] for label in range(classes)]
    shares = class_shares(kind, classes, imbalance)
    largest = int(min(len(pool) / share for pool, share in zip(pools, shares, strict=True)) + COUNT_TOLERANCE)
    counts = class_counts(kind, largest, classes, imbalance)
    return _joined([_shuffled(pool, random)[:count] for pool, count in zip(pools, counts, strict=True)])


def _test_indices(dataset: Dataset, pools: list[Indices]) -> tuple[Indices, list[Indices]]:
    """The test images, and for each class the images that are left to train on."""
    if dataset.test_labels is not None:
        own = len(dataset.labels)
        return torch.arange(own, own + len(dataset.test_labels)), pools
    random = generator(TEST_SEED, "test")
    pools = [_shuffled(pool, random) for pool in pools]
    counts = [max(1, round(TEST_SHARE * len(pool))) for pool in pools]
    test = _joined([pool[:count] for pool, count in zip(pools, counts, strict=True)])
    return test, [pool[count:].sort().values for pool, count in zip(pools, counts, strict=True)]


def _own_validation(dataset: Dataset, per_class: dict[str, int]) -> tuple[dict[str, Indices], dict[str, int]]:
    """A data set's own validation images, all or some of each class, and the counts of the sets still to be made."""
    labels = dataset.validation_labels
    if labels is None:
        return {}, per_class
    start = len(dataset.labels) + (0 if dataset.test_labels is None else len(dataset.test_labels))
    indices, count = start + torch.arange(len(labels)), per_class.get("validation", 0)
    if count:
        indices = _some_of_each(dataset, indices, labels, count, "validation", "validation")
    return {"validation": indices}, {name: count for name, count in per_class.items() if name != "validation"}


def _in_turn(pools: list[Indices], per_class: dict[str, int]) -> dict[str, Indices]:
    """The balanced sets: each takes its count of every class, after those before it."""
    found, start = dict[str, Indices](), 0
    for name, count in per_class.items():
        found[name] = _joined([pool[start : start + count] for pool in pools])
        start += count
    return found


def _fewer_test_images(dataset: Dataset, test: Indices, count: int) -> Indices:
    """``count`` of each class, the same for every experiment."""
    labels = dataset.labels if dataset.test_labels is None else torch.cat([dataset.labels, dataset.test_labels])
    return _some_of_each(dataset, test, labels[test], count, "test", "fewer test images")


def _some_of_each(
    dataset: Dataset, indices: Indices, labels: Int[Tensor, "images"], count: int, part: str, stream: str
) -> Indices:
    pools = [indices[labels == label] for label in range(len(dataset.class_names))]
    too_few = f"{part} images: too few for {part}_per_class {count}"
    _check_pools(pools, count, dataset.class_names, too_few)
    random = generator(TEST_SEED, stream)
    return _joined([_shuffled(pool, random)[:count] for pool in pools])


def _check_counts(per_class: dict[str, int], train: int | None, test: int | None) -> None:
    limits = {name: count for name, count in (("train", train), ("test", test)) if count is not None}
    for name, count in (per_class | limits).items():
        least = 0 if name == "validation" else 1
        if count < least:
            raise ValueError(f"{name}_per_class must be at least {least}, got {count}")


def _shuffled(indices: Indices, random: torch.Generator) -> Indices:
    return indices[torch.randperm(len(indices), generator=random)]


def _joined(parts: list[Indices]) -> Indices:
    return torch.cat(parts).sort().values
