"""Whether a GPU agrees with the CPU, and where its time goes: ``python -m benchmarks.gpu --json FILE``.

First, in a minute, every method in float64: how far two epochs of it are from the CPU's. Then, in two minutes,
options x {plain, MWNet, GDW}: milliseconds, kernels, and the bytes that a step's operations read and write, over its
time, as a share of the bandwidth of a plain copy. Then, in a minute and a half, what gives the most finished runs:
streams, processes, or seeds stacked as one. On a CPU the same rows run (``--device cpu``), and what needs a GPU says
so; the network is a small one there unless you name another. Processes compute side by side only under MPS: start
``nvidia-cuda-mps-control -d`` before.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import cycle, product
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

import gdw
from benchmarks.measure import machine
from benchmarks.step_cost import PICTURES, captured, one_step, step_and_method
from gdw import files
from gdw.data.dataset import Dataset
from gdw.networks.autocast import Autocast
from gdw.pictures.pixels import CIFAR_PIXELS
from gdw.private import TorchDispatchMode, keep_freed_memory, tree_leaves
from gdw.training.loop import BatchDone
from gdw.training.many import supports_many_seeds

Cell = dict[str, Any] | str  # the words say why there are no numbers
METHODS = ("plain", "gdw", "mwnet")
WAYS = {"as written": False, "recorded": True}  # and whether steps are recorded
NOT_REACHED, NEEDS_GPU = "not run: no time left", "not run: needs a GPU"
OPTIONS: dict[str, dict[str, Any]] = {  # of torch and of the network; the first is what a run has
    "usual": {},
    "without cudnn.benchmark": {"benchmark": False},
    "NCHW": {"channels_last": False},
    "NCHW without cudnn.benchmark": {"channels_last": False, "benchmark": False},
    "as written": {"how": ""},
    "bfloat16 passes": {"bfloat16": True},
    "without TF32": {"tf32": False},
    "compiled": {"how": "_compiled"},  # and then recorded, on a GPU
}
USUAL = {  # network, batch, seconds for the options and for runs side by side: compiling for a CPU takes long
    "cpu": ("cnn", 20, 900.0, 180.0),
    "cuda": ("resnet32", 100, 120.0, 90.0),
}
BLOCKS, BLOCK_SECONDS = 5, 0.1  # how often, and about how long, a step is repeated for one figure
RUNS = {"cifar10": 80 * 49_000, "digits": 60 * 1207}  # data, and the pictures that a finished run has seen
MANY, STACKED = (1, 2, 4, 8), (8, 64)


def bytes_moved(action: Callable[[], object]) -> int:
    """The bytes of all tensors that torch's operations read and write in it, each tensor once for each operation."""
    counter = _Moved()
    with counter:
        action()
    return counter.bytes


def as_it_is(network: nn.Module) -> nn.Module:
    return network


@cache
def bytes_of(name: str, model: str, batch_size: int, classes: int, device: str, bfloat16: bool) -> int:
    """Of a method's step as it is written."""
    step = one_step(name, model, batch_size, classes, device, Autocast if bfloat16 else as_it_is)
    step()  # what is made once
    return bytes_moved(step)


class _Moved(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        if not function.is_view:
            tensors = {id(t): t for t in tree_leaves((args, kwargs, output)) if isinstance(t, torch.Tensor)}
            self.bytes += sum(t.nbytes for t in tensors.values())
        return output


def copy_bandwidth(device: str) -> float:
    """Bytes read and written a second by a plain copy."""
    source = torch.ones(2**28 if device == "cuda" else 2**24, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / seconds_of(lambda: target.copy_(source), device)


def seconds_of(step: Callable[[], object], device: str) -> float:
    """Of one call, the median of a few blocks of many."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def block(times: int) -> float:
        wait()
        started = time.perf_counter()
        for _ in range(times):
            step()
        wait()
        return (time.perf_counter() - started) / times

    block(2)
    times = max(1, int(BLOCK_SECONDS / block(1)))
    return median(block(times) for _ in range(BLOCKS if times > 1 else 1))


def kernels(step: Callable[[], object]) -> dict[str, Any]:
    """Their number, the time that they are busy, and those that take most of it, in milliseconds; on a GPU."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        step()
        torch.cuda.synchronize()
    others = ("Memcpy", "Memset")  # and calls to the driver, which take no time of the device
    events = [e for e in seen.key_averages() if e.self_device_time_total > 0 and not e.key.startswith(others)]
    events.sort(key=lambda event: -event.self_device_time_total)
    heaviest = {event.key[:90]: round(event.self_device_time_total / 1000, 3) for event in events[:6]}
    busy = sum(event.self_device_time_total for event in events) / 1000
    by_torch = sum(event.count for event in events if "_fused_" in event.key)  # as torch calls what it generates
    return {"kernels": sum(event.count for event in events), "generated_kernels": by_torch,
            "busy_ms": round(busy, 3), "heaviest": heaviest}  # fmt: skip


def generated(step: Callable[[], object]) -> list[str]:
    """The names of the kernels that torch generates for a compiled network; they say what is fused in each."""
    from torch._inductor.utils import run_and_get_code

    _, codes = run_and_get_code(step)
    return sorted(
        {name for code in codes for name in re.findall(r"^(\w+_fused_\w+) = async_compile", code, re.MULTILINE)}
    )


def counted(step: Callable[[], object], device: str) -> dict[str, Any]:
    """The kernels; a profiler that does not work here costs no figure but theirs."""
    if device != "cuda":
        return {"kernels": NEEDS_GPU}
    try:
        return kernels(step)
    except Exception as error:
        return {"kernels": not_run(error)}


def not_run(error: Exception) -> str:
    return f"not run: {type(error).__name__}: {str(error).partition(chr(10))[0][:160]}"


def measured(name: str, option: dict[str, Any], options: argparse.Namespace, bandwidth: float) -> Cell:
    """One cell of the table; or why there is none."""
    cudnn, device = torch.backends.cudnn, options.device
    before = cudnn.benchmark, cudnn.allow_tf32
    cudnn.benchmark = option.get("benchmark", True)
    cudnn.allow_tf32 = option.get("tf32", True)

    def changed(network: nn.Module) -> nn.Module:
        if not option.get("channels_last", True):
            network = network.to(memory_format=torch.contiguous_format)
        return Autocast(network) if option.get("bfloat16") else network

    how = option.get("how", "_captured")
    try:
        given = (options.model, options.batch_size, 10, device, changed)
        if how == "_compiled":
            return compiled(name, *given)
        seconds = seconds_of(step := one_step(name + how, *given), device)
        moved = bytes_of(name, *given[:-1], option.get("bfloat16", False))
        found = {"ms": 1000 * seconds, "bytes": moved, "share_of_copy": moved / seconds / bandwidth}
        return found | counted(step, device)
    except Exception as error:  # one cell's failure is not the table's
        return not_run(error)
    finally:
        cudnn.benchmark, cudnn.allow_tf32 = before


def compiled(name: str, model: str, batch_size: int, classes: int, device: str, changed: Callable) -> Cell:
    """A cell of a network that torch compiled: its step, and on a GPU the same step recorded."""
    step, method = step_and_method(f"{name}_compiled", model, batch_size, classes, device, changed)
    found: dict[str, Any] = {"generated": generated(step), "ms": 1000 * seconds_of(step, device)}
    if device == "cuda":
        step = captured(step, method, device)
        found |= {"ms_not_recorded": found["ms"], "ms": 1000 * seconds_of(step, device)}
    found |= counted(step, device)
    if not found.get("generated_kernels", found["generated"]):
        return "not run: torch ran it as written"
    return found


def table(options: argparse.Namespace, end: float, bandwidth: float) -> dict[str, dict[str, Cell]]:
    """Every option, method by method, until the time is over; what compiles for long does so in another process."""
    found: dict[str, dict[str, Cell]] = {}
    longest = 0.0
    for name, option in OPTIONS.items():
        if option.get("how") == "_compiled" and not options.option:
            found[name] = in_another_process(options, name, end)
            continue
        row: dict[str, Cell] = found.setdefault(name, {})
        for method in METHODS if not options.option or options.option == name else ():
            started = time.monotonic()
            enough = bool(options.option) or started + longest < end
            row[method] = measured(method, option, options, bandwidth) if enough else NOT_REACHED
            longest = max(longest, time.monotonic() - started)
            print(f"{name:30} {method:6} {shown(row[method])}", flush=True)
            if options.option:
                print(json.dumps({method: row[method]}), flush=True)
    return found


def in_another_process(options: argparse.Namespace, name: str, end: float) -> dict[str, Cell]:
    """A row of the table, as far as it comes until the time is over."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--option", name, "--device", options.device]
    command += ["--model", options.model, "--batch-size", str(options.batch_size)]
    try:
        left = max(0.1, end - time.monotonic())
        env = os.environ | {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}  # what is generated is then seen
        done = subprocess.run(command, capture_output=True, text=True, timeout=left, check=False, env=env)  # noqa: S603 - this module
        text, missing = done.stdout, f"not run: {(done.stderr.splitlines() or ['its process ended'])[-1]}"
    except subprocess.TimeoutExpired as stopped:
        out, missing = stopped.stdout or "", NOT_REACHED
        text = out if isinstance(out, str) else out.decode()
    row: dict[str, Cell] = dict.fromkeys(METHODS, missing)
    for line in text.splitlines():
        if line.startswith("{"):  # the machine, or a cell
            row |= {method: cell for method, cell in json.loads(line).items() if method in METHODS}
    for method, cell in row.items():
        print(f"{name:30} {method:6} {shown(cell)}", flush=True)
    return row


def shown(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    line = f"{cell['ms']:9.2f} ms"
    if "bytes" in cell:
        line += f"  {cell['bytes'] / 1e9:6.2f} GB  {cell['share_of_copy']:.0%} of a copy"
    line += f"  kernels: {cell['kernels']}"
    names = cell.get("generated", [])
    fused = [name for name in names if "batch_norm" in name and ("relu" in name or "threshold" in name)]
    return f"{line}, generated {len(names)}, {len(fused)} of them BatchNorm with ReLU" if fused else line


def agreement(options: argparse.Namespace, end: float) -> dict[str, Cell]:
    """For every method the largest difference of its History from the CPU's: two epochs of digits in float64."""
    found: dict[str, Cell] = {}
    for name in gdw.methods.METHODS:
        if time.monotonic() > end:
            found[name] = NOT_REACHED
            continue
        settings = {"warm_up": 1} if name == "loss-mixture" else {}  # with the usual one it would be cross-entropy
        run = gdw.Experiment(
            rate=0.6, method=name, settings=settings, epochs=2, train_per_class=60, precision="float64"
        )
        here, there = gdw.run(run.with_(device="cpu")), run.with_(device=options.device)
        found[name] = {way: compared(here, there.with_(capture=on)) for way, on in WAYS.items()}
        print(f"{name:30} {found[name]}", flush=True)
    return found


def compared(here: gdw.History, there: gdw.Experiment) -> float | str:
    try:
        found = gdw.run(there)
        taken = bool(found.metadata["captured"]) == there.capture
        return apart(here, found) if taken else "not recorded: its steps differ"
    except Exception as error:  # one method's failure is not the table's
        return not_run(error)


def apart(one: gdw.History, other: gdw.History) -> float:
    """The largest |a − b| / (1 + |a|) over all numbers of two Histories; infinite where one of two is none."""
    largest = 0.0
    for name in one.epochs:
        a, b = (torch.as_tensor(history[name], dtype=torch.float64) for history in (one, other))
        if not torch.equal(a.isfinite(), b.isfinite()):
            return math.inf
        far = ((a - b).abs() / (1 + a.abs()))[a.isfinite()]
        largest = max(largest, float(far.max())) if far.numel() else largest
    return largest


def experiment_of(data: str, options: argparse.Namespace) -> gdw.Experiment:
    """GDW at uniform 60 without an end; steps count here, not tests."""
    given = {"model": options.model, "batch_size": options.batch_size} if data == "cifar10" else {}
    common = {"rate": 0.6, "epochs": 10_000, "threads": 1, "test_per_class": 5, "device": options.device}
    return gdw.Experiment(dataset=data, **common, **given)


def events_of(experiment: gdw.Experiment, seeds: int = 1) -> Iterator[object]:
    """Of real runs, on random pictures where the true ones would have to be read."""
    dataset = gdw.load_dataset("digits") if experiment.dataset == "digits" else random_pictures()
    return gdw.ManySeeds(experiment, range(seeds), dataset=dataset).events()


def random_pictures() -> Dataset:
    """As many as make an epoch that is not over soon."""
    random, count = torch.Generator().manual_seed(0), 12_000
    images = torch.randint(256, (count, 3, 32, 32), generator=random, dtype=torch.uint8)
    classes = tuple(map(str, range(10)))
    return Dataset("random pictures", classes, images, torch.arange(count) % 10, pixels=CIFAR_PIXELS)


def steps_in(runs: list[Iterator[object]], seconds: float, device: str) -> float:
    """Steps a second of several runs that take turns, each on a stream of its own."""
    streams = [torch.cuda.Stream() if device == "cuda" and len(runs) > 1 else None for _ in runs]
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def batch(run: Iterator[object], stream: Any) -> None:
        with nullcontext() if stream is None else torch.cuda.stream(stream):
            while not isinstance(next(run), BatchDone):
                pass

    for run, stream in list(zip(runs, streams, strict=True)) * 5:  # recorded by then
        batch(run, stream)
    wait()
    started, count = time.perf_counter(), 0
    for run, stream in cycle(zip(runs, streams, strict=True)):
        batch(run, stream)
        count += 1
        if time.perf_counter() - started > seconds and count % len(runs) == 0:
            break
    wait()
    return count / (time.perf_counter() - started)


def work(pipe: Connection, experiments: dict[str, gdw.Experiment]) -> None:
    """In a process of its own: ready, then steps on the asked data for some seconds."""
    keep_freed_memory()
    torch.set_num_threads(1)
    runs = {data: [events_of(experiment)] for data, experiment in experiments.items()}
    pipe.send([steps_in(run, 0, experiments[data].device) for data, run in runs.items()])
    while True:
        data, seconds = pipe.recv()
        pipe.send(steps_in(runs[data], seconds, experiments[data].device))


@contextmanager
def workers(count: int, experiments: dict[str, gdw.Experiment], end: float) -> Iterator[list[Connection]]:
    """So many processes, once all of them have recorded their steps.

    Raises:
        TimeoutError: one is not ready by then.
        EOFError: one has ended.
    """
    context, pipes = get_context("spawn"), [Pipe() for _ in range(count)]
    processes = [context.Process(target=work, args=(theirs, experiments), daemon=True) for _, theirs in pipes]
    try:
        for process in processes:
            process.start()
        for _, theirs in pipes:
            theirs.close()  # the end of a process is then seen
        for ours, _ in pipes:
            answer(ours, end)
        yield [ours for ours, _ in pipes]
    finally:
        for process in processes:
            process.kill()


def answer(pipe: Connection, end: float) -> Any:
    if not pipe.poll(max(0.0, end - time.monotonic())):
        raise TimeoutError
    return pipe.recv()  # EOFError: the process has ended


def side_by_side(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Finished runs a minute by data and way: {runs at once: number}. At most half of the time is for processes."""
    device, each, begun = options.device, options.runs_seconds / 75, time.monotonic()
    half, end = begun + options.runs_seconds / 2, begun + options.runs_seconds
    counts = [count for count in MANY if count <= options.most]
    experiments = {data: experiment_of(data, options) for data in RUNS}
    found: dict[str, dict[str, Any]] = {data: {"processes": dict.fromkeys(counts, NOT_REACHED)} for data in RUNS}

    def minute(data: str, pace: float) -> float:
        return float(f"{60 * pace * experiments[data].batch_size / RUNS[data]:.3g}")

    def at_once(data: str, runs: int, seeds: int = 1) -> float | str:
        if runs > 1 and device == "cpu":
            return NEEDS_GPU
        if seeds > 1 and not supports_many_seeds(experiments[data]):
            return "not run: BatchNorm's buffers cannot be stacked"
        if time.monotonic() > end:
            return NOT_REACHED
        try:
            pace = steps_in([events_of(experiments[data], seeds) for _ in range(runs)], each, device)
        except Exception as error:  # one figure's failure is not the table's
            return not_run(error)
        return minute(data, seeds * pace)

    try:
        with workers(counts[-1], experiments, half) as pipes:
            for data, count in product(RUNS, counts):
                for pipe in pipes[:count]:
                    pipe.send((data, each))
                found[data]["processes"][count] = minute(data, sum(answer(pipe, half) for pipe in pipes[:count]))
    except TimeoutError:
        pass  # what is left says so
    except (EOFError, OSError):  # what it said is on its standard error
        for data, count in product(RUNS, counts):
            if found[data]["processes"][count] == NOT_REACHED:
                found[data]["processes"][count] = "not run: a process has ended"
    for data in RUNS:
        found[data]["streams"] = {count: at_once(data, count) for count in counts}
        found[data]["stacked seeds"] = {seeds: at_once(data, 1, seeds) for seeds in STACKED}
        print(data, json.dumps(found[data]), flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Compare, measure, print as it goes, and write the record after each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--model", choices=PICTURES, help="default: resnet32; cnn on a CPU")
    parser.add_argument("--batch-size", type=int, help="default: 100; 20 on a CPU")
    parser.add_argument(
        "--seconds",
        type=float,
        help="at most for the table of options, and half as many for the comparison (default: 120; 900 on a CPU)",
    )
    parser.add_argument("--runs-seconds", type=float, help="for runs side by side (default: 90; 180 on a CPU)")
    parser.add_argument("--most", type=int, help="runs at once (default: 8; on a CPU as many as it has cores)")
    parser.add_argument("--option", choices=OPTIONS, help="this row alone, however long it takes")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    for name, usual in zip(("model", "batch_size", "seconds", "runs_seconds"), USUAL[options.device], strict=True):
        setattr(options, name, getattr(options, name) or usual)
    options.most = options.most or (MANY[-1] if options.device == "cuda" else min(MANY[-1], os.cpu_count() or 1))
    keep_freed_memory()
    bandwidth = copy_bandwidth(options.device)
    record = {"model": options.model, "batch_size": options.batch_size, "copy_bytes_a_second": bandwidth}
    record |= {"mps": "CUDA_MPS_PIPE_DIRECTORY" in os.environ, **machine(options.device)}
    print(json.dumps(record), flush=True)
    parts = {
        "difference from the CPU": lambda: agreement(options, time.monotonic() + options.seconds / 2),
        "steps": lambda: table(options, time.monotonic() + options.seconds, bandwidth),
        "finished runs a minute": lambda: side_by_side(options),
    }
    for name in ["steps"] if options.option else parts:
        record[name] = parts[name]()
        if options.json:  # each part is kept whatever becomes of the next
            files.write(options.json, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
