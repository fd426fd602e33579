"""What one training step costs, in plain SGD steps: ``python -m benchmarks.step_cost --json FILE``.

Counted in forward passes (a backward pass is two), an exact GDW step needs 1 forward, 2 virtual backward, 3 on the meta
batch, 3 for the tangent and 2 real backward: 11 against a plain step's 3, so 3.67; 3.33 where the tangent pass
reuses the first forward's activations. Operations counted in the same steps (gdw.cost) stand beside their time.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

import gdw
from benchmarks.measure import machine, steady
from benchmarks.reference_structure import reference_step
from gdw.cost import interleaved, operations
from gdw.data.randomness import generator
from gdw.models import build_model
from gdw.stepping import take_step

PICTURES = {"mlp": (1, 8, 8), "resnet32": (3, 32, 32), "wrn28_10": (3, 32, 32)}
METHODS = {
    "plain": ("cross-entropy", "auto"),
    "l2rw": ("l2rw", "forward"),
    "mwnet": ("mwnet", "forward"),
    "gdw": ("gdw", "forward"),
    "mwnet_reuse": ("mwnet", "reuse"),
    "gdw_reuse": ("gdw", "reuse"),
    "save_memory": ("gdw", "forward"),
    "double_backward": ("gdw", "double-backward"),
    "no_virtual_step": ("gdw", "no-virtual-step"),
    "finite_difference": ("gdw", "finite-difference"),
    "first_order": ("gdw", "first-order"),
    "last_layer": ("gdw", "last-layer"),
}
REFERENCE = "reference_structure"  # the passes of the reference implementation, in its order
ROWS = (*METHODS, REFERENCE)


Batch = tuple[torch.Tensor, torch.Tensor]


def network_and_batches(
    model: str, batch_size: int, num_classes: int, device: str
) -> tuple[torch.nn.Module, Batch, Batch]:
    """A new network, a training batch and a clean batch of random images, everything on the device."""
    random = generator(0, "pictures", device)

    def batch() -> Batch:
        images = torch.randn(batch_size, *PICTURES[model], generator=random, device=device)
        return images, torch.randint(num_classes, (batch_size,), generator=random, device=device)

    return build_model(model, PICTURES[model], num_classes, generator(0, "model")).to(device), batch(), batch()


def one_step(name: str, model: str, batch_size: int, num_classes: int, device: str) -> Callable[[], None]:
    """A function that takes one training step of a method on random images."""
    method_name, derivative = METHODS.get(name, ("gdw", ""))
    network, batch, meta_batch = network_and_batches(model, batch_size, num_classes, device)
    method = gdw.methods.method_class(method_name)(num_classes, generator=generator(0, "method")).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)

    if name == REFERENCE:
        build = partial(build_model, model, PICTURES[model], num_classes, generator(0, "model"))
        return partial(reference_step, build, network, method, optimizer, batch, meta_batch)

    how = {"meta_batch": meta_batch, "lr": optimizer, "derivative": derivative, "save_memory": name == "save_memory"}

    def step() -> None:
        take_step(gdw.Step(network, *batch, **how), method, optimizer)

    return step


def measure(model: str, batch_size: int, num_classes: int, device: str, rounds: int, names=ROWS) -> dict:
    """All methods in turns; ratios over the plain step of the same round."""
    steps = {name: one_step(name, model, batch_size, num_classes, device) for name in names}
    rows = steady(lambda: interleaved(steps, "plain", rounds, device))
    counted = {name: operations(step) for name, step in steps.items()}
    for name, row in rows.items():
        row["operations"] = counted[name] / counted["plain"]
    return {"model": model, "batch_size": batch_size, "num_classes": num_classes, "rows": rows}


def main() -> None:
    """Measure one configuration, print its table and write the record."""
    options = _options()
    torch.set_num_threads(options.threads)
    names = ("plain", *options.row) if options.row else ROWS
    result = measure(options.model, options.batch_size, options.classes, options.device, options.rounds, names)
    print(f"{options.model}, batch {options.batch_size}, C = {options.classes}: {machine(options.device)}")
    for name, row in result["rows"].items():
        low, high = row["range"]
        time = f"{1000 * row['seconds']:9.2f} ms   {row['ratio']:5.2f} x plain [{low:.2f}, {high:.2f}]"
        print(f"{name:20} {time}   operations {row['operations']:.2f} x plain")
    ratios = {f"{name}_over_plain": row["ratio"] for name, row in result["rows"].items() if name != "plain"}
    if options.json:
        options.json.write_text(json.dumps({**ratios, **result, **machine(options.device)}, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet32", choices=PICTURES)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--row", action="append", choices=ROWS[1:], help="beside the plain step (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
