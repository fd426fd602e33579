"""What one training step costs, in plain SGD steps: ``python -m benchmarks.step_cost --json FILE``.

Counted in forward passes (a backward pass is two), an exact GDW step needs 1 forward, 2 virtual backward, 3 on the meta
batch, 2 for the tangent and 2 real backward: 10 against a plain step's 3, so 3.33; 3.67 where the tangent pass keeps
no tape of the first forward's outputs. Operations counted in the same steps (gdw.comparison.cost) are
next to their time.

A row's name ends in ``_captured`` where one step was recorded and is replayed, as a CUDA graph on a GPU, and in
``_compiled`` where the network goes through torch.compile (those only by ``--row``: they compile for minutes).
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

import gdw
from benchmarks.measure import machine, steady
from benchmarks.reference_structure import reference_step
from gdw.comparison.cost import interleaved, operations
from gdw.data.randomness import generator
from gdw.gradients.compiled import compile_in_place
from gdw.gradients.recording import Capture
from gdw.methods import Method
from gdw.networks.classifiers import build_model, channels_last
from gdw.private import keep_freed_memory
from gdw.training.stepping import sgd, take_step
from gdw_notebooks.examples.approximations import WAYS, taken_by

PICTURES = {"mlp": (1, 8, 8), "cnn": (3, 32, 32), "resnet32": (3, 32, 32), "wrn28_10": (3, 32, 32)}
METHODS = {  # a method, and the way in which it takes its meta gradient where that is not the package's own
    "plain": ("cross-entropy", None),
    "l2rw": ("l2rw", None),
    "mwnet": ("mwnet", None),
    "gdw": ("gdw", None),
    "save_memory": ("gdw", None),
    **{way.replace(" ", "_"): ("gdw", way) for way in WAYS if "," not in way},
    "first_order": ("gdw", "no virtual step, finite difference"),
}
REFERENCE = "reference_structure"  # the passes of the reference implementation, in its order
CAPTURED = tuple(f"{name}_captured" for name in ("plain", "l2rw", "mwnet", "gdw"))
COMPILED = tuple(f"{name}_compiled" for name in METHODS)
DEFAULT_ROWS = (*METHODS, REFERENCE, *CAPTURED)
ROWS = (*DEFAULT_ROWS, *COMPILED)
QUOTIENTS = (  # what to compare GDW with, except the plain step
    ("GDW / MWNet", "gdw", "mwnet"),
    ("reference structure / GDW", REFERENCE, "gdw"),
    ("GDW / plain, both captured", "gdw_captured", "plain_captured"),
    ("reference structure / GDW captured", REFERENCE, "gdw_captured"),
    ("GDW / plain, both compiled", "gdw_compiled", "plain_compiled"),
    ("reference structure / GDW compiled", REFERENCE, "gdw_compiled"),
)


Batch = tuple[torch.Tensor, torch.Tensor]


def network_and_batches(
    model: str, batch_size: int, num_classes: int, device: str
) -> tuple[torch.nn.Module, Batch, Batch]:
    """A new network, a training batch and a clean batch of random images, everything on the device."""
    random = generator(0, "pictures")

    def batch() -> Batch:
        images = torch.randn(batch_size, *PICTURES[model], generator=random).to(device)
        return images, torch.randint(num_classes, (batch_size,), generator=random).to(device)

    return new_network(model, num_classes).to(device), batch(), batch()


def new_network(model: str, num_classes: int) -> torch.nn.Module:
    """As a run has it."""
    return channels_last(build_model(model, PICTURES[model], num_classes, generator(0, "model")))


def as_written(row: str) -> str:
    """The row whose step this one takes, however it goes about it."""
    return row.removesuffix("_captured").removesuffix("_compiled")


def one_step(row: str, *given: Any) -> Callable[[], object]:
    """A function that takes one training step of a method on random images; ``given`` as for ``step_and_method``."""
    step, method = step_and_method(row.removesuffix("_captured"), *given)
    return captured(step, method, given[3]) if row.endswith("_captured") else step


def step_and_method(
    row: str,
    model: str,
    batch_size: int,
    num_classes: int,
    device: str,
    changed: Callable[[torch.nn.Module], torch.nn.Module] = lambda network: network,
) -> tuple[Callable[[], Any], Method]:
    """A step of a row that is not recorded, of the network that ``changed`` gives, and the method whose step it is."""
    name = as_written(row)
    method_name, way = METHODS.get(name, ("gdw", None))
    network, batch, meta_batch = network_and_batches(model, batch_size, num_classes, device)
    network = changed(network)
    method = gdw.methods.method_class(method_name)(num_classes, generator=generator(0, "method")).to(device)
    method = method if way is None else taken_by(WAYS[way], method)
    optimizer = sgd(network, gdw.Experiment(lr=0.01).recipe)

    if name == REFERENCE:
        build = partial(new_network, model, num_classes)
        return partial(reference_step, build, network, method, optimizer, batch, meta_batch), method

    if "_compiled" in row:
        compile_in_place(network, torch.device(device))
    how = {} if name == "plain" else {"meta_batch": meta_batch, "lr": optimizer, "save_memory": name == "save_memory"}

    def step() -> tuple[torch.Tensor, ...]:
        taken = gdw.Step(network, *batch, **how)
        return take_step(taken, method, optimizer), taken.losses

    return step, method


def captured(step: Callable[[], tuple[torch.Tensor, ...]], method: Method, device: str) -> Callable[[], object]:
    """The same step, replayed."""
    capture = Capture(torch.device(device), method)
    while capture.runs_left:
        capture.warm_up(step)
    return capture.take(step).replay


def measure(model: str, batch_size: int, num_classes: int, device: str, rounds: int, names=DEFAULT_ROWS) -> dict:
    """All methods in turns; ratios over the plain step of the same round."""
    steps = {name: one_step(name, model, batch_size, num_classes, device) for name in names}
    rows = steady(lambda: interleaved(steps, "plain", rounds, device))
    counted = {name: operations(steps[name]) for name in names if name == as_written(name)}
    for name, row in rows.items():
        written = as_written(name)  # what is captured or compiled runs where nobody counts, and does the same
        if written not in counted:
            counted[written] = operations(one_step(written, model, batch_size, num_classes, device))
        row["operations"] = counted[written] / counted["plain"]
    return {"model": model, "batch_size": batch_size, "num_classes": num_classes, "rows": rows}


def main() -> None:
    """Measure one configuration, print its table and write the record."""
    keep_freed_memory()
    options = _options()
    torch.set_num_threads(options.threads)
    names = ("plain", *options.row) if options.row else DEFAULT_ROWS
    result = measure(options.model, options.batch_size, options.classes, options.device, options.rounds, names)
    print(f"{options.model}, batch {options.batch_size}, C = {options.classes}: {machine(options.device)}")
    for name, row in result["rows"].items():
        low, high = row["range"]
        time = f"{1000 * row['seconds']:9.2f} ms   {row['ratio']:5.2f} x plain [{low:.2f}, {high:.2f}]"
        print(f"{name:20} {time}   operations {row['operations']:.2f} x plain")
    for title, part, whole in QUOTIENTS:
        if {part, whole} <= result["rows"].keys():
            print(f"{title}: {result['rows'][part]['ratio'] / result['rows'][whole]['ratio']:.2f}")
    ratios = {f"{name}_over_plain": row["ratio"] for name, row in result["rows"].items() if name != "plain"}
    if options.json:
        options.json.write_text(json.dumps({**ratios, **result, **machine(options.device)}, indent=1) + "\n", "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet32", choices=PICTURES)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--row", action="append", choices=ROWS[1:], help="next to the plain step; repeat it for more")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
