"""Peak memory of one training step over that of a plain one: ``python -m benchmarks.memory --json FILE``.

Each row is a separate process: the model and its batches are made, one plain step is taken so that gradients and
momentum are there, then the peak of resident memory over what is resident before the step is read (Linux). On CUDA
it is ``torch.cuda.max_memory_allocated`` in the same way.
"""

import argparse
import json
import os
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
        print(peak_of(options.row, options.model, options.batch_size, options.device))
        return
    command = [sys.executable, "-m", "benchmarks.memory", "--model", options.model, "--device", options.device]
    command += ["--batch-size", str(options.batch_size), "--row"]
    peaks = {name: int(subprocess.check_output([*command, name], text=True, env=os.environ | EXACT)) for name in ROWS}  # noqa: S603 - our own module, no shell
    print(f"{options.model}, batch {options.batch_size}: {machine(options.device)}")
    for name, peak in peaks.items():
        print(f"{name:18} {peak / 2**20:9.0f} MiB   {peak / peaks['plain']:5.2f} x plain")
    if options.json:
        options.json.write_text(json.dumps({"bytes": peaks, **machine(options.device)}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
