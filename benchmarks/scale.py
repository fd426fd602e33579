"""Data of any size: ``python -m benchmarks.scale --json FILE`` prints how an audit's time and memory grow.

Three measurements, on pictures and numbers that it makes in a temporary folder:

* pace: seconds a picture until its features are on disk, over those of torchvision's ImageFolder with two workers and
  the same network, threads and batch, in turn in one process.
* memory: the largest memory of an audit's own (pages of files not counted) for few and for many pictures. The network
  is a small one: what grows with the number of pictures is the same.
* rows: the same for an audit of rows of 1,280 numbers in a file; and how much the average precision differs from that
  of scikit-learn's solver in float64, on fewer rows.

Each audit says what it expects before the work. The last lines compare what was measured with the aims.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from torch import nn

from benchmarks.measure import machine
from gdw import files
from gdw.comparison.audit import heads
from gdw.comparison.audit.audit import Plan
from gdw.comparison.audit.estimate import estimate
from gdw.comparison.audit.heads import Features
from gdw.data import features
from gdw.data.confirmed import Confirmed
from gdw.data.datasets import load_dataset
from gdw.data.features import described
from gdw.data.given import read_rows
from gdw.pictures import pretrained
from gdw.pictures.extraction import BATCH
from gdw.pictures.pretrained import LITE0, Pretrained, load_network

SIDE, WIDTH, CLASSES = 256, 1280, 10  # pixels of a picture, numbers of a row, classes
STATUS = Path("/proc/self/status")
WORKERS = 2  # of ImageFolder's loader
LOOK_SECONDS = 0.02  # between two looks at the memory
# What must not be more: seconds a picture over ImageFolder's; memory for many pictures over that for few; GB for the
# rows; difference in average precision.
AIMS = {"pace": 0.75, "memory": 1.2, "rows": 4.0, "precision": 0.002}
SPREAD = 0.05  # of the classes' centres in each of a row's numbers, whose own deviation is 1: some rows are hard


def make_pictures(folder: Path, count: int, side: int = SIDE) -> None:
    """JPEGs of smooth noise, each class of another colour."""
    random = np.random.default_rng(0)
    colours = random.integers(0, 200, (CLASSES, 3))

    def one(place: int) -> None:
        own, label = np.random.default_rng(place), place % CLASSES
        coarse = (colours[label] + own.integers(0, 56, (16, 16, 3))).astype(np.uint8)
        path = folder / f"class{label}" / f"{place:07}.jpg"
        Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(path, quality=85)

    for label in range(CLASSES):
        (folder / f"class{label}").mkdir(parents=True)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(count)))


def make_rows(folder: Path, count: int) -> None:
    """A matrix of float32 in a file and its labels, a tenth of them wrong."""
    random = np.random.default_rng(0)
    centres = random.normal(0, SPREAD, (CLASSES, WIDTH))
    matrix = np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, (count, WIDTH))
    labels = np.arange(count) % CLASSES
    for start in range(0, count, 10_000):
        part = slice(start, start + 10_000)
        matrix[part] = centres[labels[part]] + random.standard_normal(matrix[part].shape, np.float32)
    wrong = random.random(count) < 0.1
    np.save(folder / "labels.npy", np.where(wrong, (labels + 1) % CLASSES, labels))
    np.save(folder / "wrong.npy", wrong)


def pace(folder: Path, rounds: int) -> list[dict[str, float]]:
    """Seconds a picture of ImageFolder and of an audit's features, in turn."""
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    network, found = load_network(LITE0, 224), []
    steps = [transforms.Resize(224, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(224)]
    steps += [transforms.ToTensor(), transforms.Normalize(network.mean, network.std)]
    theirs = ImageFolder(folder, transforms.Compose(steps))
    for _ in range(rounds):
        started = time.perf_counter()
        with torch.inference_mode():
            for batch, _ in DataLoader(theirs, BATCH, num_workers=WORKERS):
                network.module(batch)
        usual = (time.perf_counter() - started) / len(theirs)
        with tempfile.TemporaryDirectory() as cache:
            started = time.perf_counter()
            described(load_dataset(folder, seen_at=224), LITE0, cache=Path(cache), device="cpu")
            own = (time.perf_counter() - started) / len(theirs)
        found.append({"imagefolder": usual, "gdw": own, "ratio": own / usual})
    return found


class Watched:
    """Within: the largest memory of this process that is not a file's."""

    def __enter__(self) -> "Watched":
        self.largest, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            said = re.search(r"RssAnon:\s+(\d+) kB", STATUS.read_text("ascii"))
            self.largest = max(self.largest, int(said[1]) * 1024 if said else 0)


def small_network(network: str, size: int | None, folder: Path | None = None) -> Pretrained:
    """In place of timm's: as wide an output, and hardly any work."""
    module = nn.Sequential(nn.Conv2d(3, WIDTH, 8, stride=16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Pretrained(module.eval().requires_grad_(False), (0.5,) * 3, (0.25,) * 3, "bilinear", size or 64, "small")


def exactly(
    features: Features, labels: np.ndarray, weights: np.ndarray, classes: int, freedom: float = 1.0, seen: object = None
) -> torch.Tensor:
    """In place of the audit's ``fitted``: scikit-learn's solver in float64, one classifier after another."""
    from sklearn.linear_model import LogisticRegression

    values, found = features.read().double().numpy(), []
    for weight in weights.T:
        own = weight > 0
        model = LogisticRegression(C=freedom / values.shape[1], tol=1e-6, max_iter=10_000)
        model.fit(values[own], labels[own], weight[own])
        found.append(np.vstack([model.coef_.T, model.intercept_]))
    return torch.from_numpy(np.stack(found))


def one_audit(folder: Path, exact: bool = False) -> dict[str, float | str]:
    """What an audit of a folder of pictures, or of rows in a file, takes; in a process of its own."""
    from sklearn.metrics import average_precision_score

    rows = (folder / "x.npy").exists()
    torch.manual_seed(0)
    features.load_network, features.packaged_weights = small_network, lambda _: (folder, "small")
    pretrained.LITE0_SIZE = 64
    heads.fitted = exactly if exact else heads.fitted
    started = time.perf_counter()
    with Watched() as memory:
        labels = folder / "labels.npy"
        data = read_rows(folder / "x.npy", labels)[0] if rows else load_dataset(folder, seen_at=64)
        plan = Plan(features_size=None if rows else 64)
        expected = estimate(data, plan)
        found = plan.run(data, Confirmed(), lambda *_: None)
    took = {"seconds": time.perf_counter() - started, "peak_bytes": memory.largest, "rows": len(found.table)}
    took["expected"] = expected
    if rows:
        table, wrong = found.table.sort_index(), np.load(folder / "wrong.npy")
        took["average_precision"] = float(average_precision_score(wrong, -table["rank"]))
    return took


def apart(folder: Path, cache: Path, *more: str) -> dict[str, float | str]:
    """``one_audit`` in a new process."""
    command = [sys.executable, "-m", "benchmarks.scale", "--one", str(folder), *more]
    environment = {**os.environ, "GDW_CACHE": str(cache)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)  # noqa: S603
    return json.loads(done.stdout.splitlines()[-1])


def compared(found: dict) -> list[str]:
    """Each aim and what was measured."""
    values = {"pace": median(one["ratio"] for one in found["pace"])} if "pace" in found else {}
    pictures = [part["peak_bytes"] for name, part in found.items() if name.endswith(" pictures")]
    values |= {"memory": pictures[1] / pictures[0]} if pictures else {}
    rows = [part["peak_bytes"] / 1e9 for name, part in found.items() if name.endswith(" rows")]
    values |= {"rows": rows[0]} if rows else {}
    if "precision" in found:
        ours, exact = (part["average_precision"] for part in found["precision"])
        values["precision"] = abs(ours - exact)
    return [
        f"{name}: {value:.3g}, aim: at most {AIMS[name]:g}{'' if value <= AIMS[name] else ', MISSED'}"
        for name, value in values.items()
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--pictures", type=int, nargs=2, default=[20_000, 200_000], metavar="N", help="few and many")
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N", help="0 leaves them out")
    exact = "rows for which the exact solver is asked too; 0 leaves it out"
    parser.add_argument("--exact-rows", type=int, default=50_000, metavar="N", help=exact)
    parser.add_argument("--paced", type=int, default=512, metavar="N", help="pictures a round; 0 leaves them out")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--exact", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not STATUS.exists():
        parser.error(f"memory is read from {STATUS}: this needs Linux")
    few, many = options.pictures
    if many and not 0 < few < many:
        parser.error(f"--pictures takes few and then many, or 0 0, got {few} {many}")
    if options.one:
        print(json.dumps(one_audit(options.one, options.exact)))
        return
    found: dict = {"command": "python -m benchmarks.scale", "machine": machine(), "aims": AIMS}
    with tempfile.TemporaryDirectory() as base:
        place = Path(base)
        if options.paced:
            make_pictures(place / "paced", options.paced)
            found["pace"] = pace(place / "paced", options.rounds)
            print("pace:", json.dumps(found["pace"]), flush=True)
        for count in options.pictures if many else []:
            make_pictures(place / str(count), count, 64)
            found[f"{count} pictures"] = apart(place / str(count), place / f"cache {count}")
            print(f"{count} pictures:", json.dumps(found[f"{count} pictures"]))
        if options.rows:
            (place / "rows").mkdir()
            make_rows(place / "rows", options.rows)
            found[f"{options.rows} rows"] = apart(place / "rows", place / "cache rows")
            print(f"{options.rows} rows:", json.dumps(found[f"{options.rows} rows"]))
        if options.exact_rows:
            (place / "few").mkdir()
            make_rows(place / "few", options.exact_rows)
            found["precision"] = [apart(place / "few", place / "cache few", *more) for more in ((), ("--exact",))]
            print("precision:", json.dumps(found["precision"]))
    print("\n".join(compared(found)))
    if options.json:
        files.write(options.json, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
