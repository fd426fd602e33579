"""Peak memory of one training step over that of a plain one: ``python -m benchmarks.memory --json FILE``.

Each row is a separate process: the model and its batches are made, one plain step is taken so that gradients and
momentum are there, then the peak of resident memory over what is resident before the step is read (Linux). On CUDA
it is ``torch.cuda.max_memory_allocated`` in the same way.

On Linux these rows are measured under ``MALLOC_MMAP_THRESHOLD_=65536``: freed memory then goes back to the system at
once. With glibc's own setting it is kept, and a process grows by more than its steps need: the second column is by how
much, over its start, in three steps.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch

from benchmarks.measure import machine
from benchmarks.step_cost import METHODS, REFERENCE, one_step

EXACT = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # glibc then gives every larger block back at once: nothing is hoarded
PAGE = 4096  # bytes, of /proc
GROWN_IN = 3  # steps: later ones add little
POLL_SECONDS = 0.0005
ROWS = (*METHODS, REFERENCE)


def peak_of(name: str, model: str, batch_size: int, device: str) -> int:
    """Bytes by which the step rises over the state before it, in this process."""
    one_step("plain", model, batch_size, 10, device)()
    step = one_step(name, model, batch_size, 10, device)
    step()  # whatever is made once
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    return _resident_rise(step)


def growth_of(name: str, model: str, batch_size: int) -> int:
    """Bytes by which this process, at its largest, exceeds what it is before its first step."""
    step = one_step(name, model, batch_size, 10, "cpu")
    before = _resident()
    for _ in range(GROWN_IN):
        step()
    status = Path("/proc/self/status").read_text("ascii")
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1]) - before


def _resident_rise(step) -> int:
    before, peak, done = _resident(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, _resident())
            time.sleep(POLL_SECONDS)

    watcher = threading.Thread(target=watch)
    watcher.start()
    step()
    done.set()
    watcher.join()
    return peak - before


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE


def main() -> None:
    """Measure every row in its own process, print the table, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet32")
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--row", help="measure this one here and print its bytes")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.row:
        as_is = options.device == "cpu" and not EXACT.items() <= os.environ.items()
        given = (options.row, options.model, options.batch_size)
        print(growth_of(*given) if as_is else peak_of(*given, options.device))
        return
    command = [sys.executable, "-m", "benchmarks.memory", "--model", options.model, "--device", options.device]
    command += ["--batch-size", str(options.batch_size), "--row"]
    found = {
        kind: {name: int(subprocess.check_output([*command, name], text=True, env=os.environ | env)) for name in ROWS}  # noqa: S603 - our own module, no shell
        for kind, env in (("bytes", EXACT), ("bytes, glibc's own setting", {}))
        if options.device == "cpu" or env
    }
    print(f"{options.model}, batch {options.batch_size}: {machine(options.device)}")
    for name in ROWS:
        cells = [f"{of[name] / 2**20:9.0f} MiB {of[name] / of['plain']:5.2f} x plain" for of in found.values()]
        print(f"{name:18} {'   '.join(cells)}")
    if options.json:
        options.json.write_text(json.dumps({**found, **machine(options.device)}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
