"""Ratios that survive a noisy machine: everything compared is run in turns, within one process."""

import platform
import time
from collections.abc import Callable, Mapping
from datetime import date
from statistics import median

import torch

WARM_UP = 2  # rounds that are not counted
SPREAD_ALLOWED = 0.10  # of a ratio's range, relative to its median, before the rounds are run again


def interleaved(
    steps: Mapping[str, Callable[[], None]], baseline: str, rounds: int = 15, device: str = "cpu"
) -> dict[str, dict]:
    """Time every step once per round, in turns, and divide by the baseline's time of the same round.

    Args:
        steps: name to a function that takes one step.
        rounds: how many, at least 15 for a figure worth stating.

    Returns:
        For each name: ``seconds`` (median), ``ratio`` (median), ``low`` and ``high`` (quartiles of the ratio: a
        single disturbed round moves the range, not them), ``range`` and the number of ``rounds``.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(WARM_UP + rounds):
        for name, step in steps.items():
            seconds = _timed(step, device)
            if round_ >= WARM_UP:
                times[name].append(seconds)
    return {name: _summary(seconds, times[baseline]) for name, seconds in times.items()}


def steady(measure: Callable[[], dict[str, dict]], attempts: int = 3) -> dict[str, dict]:
    """Measure again where some ratio's quartiles lie further apart than 10 %; the steadiest attempt counts."""
    best = None
    for _ in range(attempts):
        rows = measure()
        spread = max((row["high"] - row["low"]) / row["ratio"] for row in rows.values())
        if best is None or spread < best[0]:
            best = spread, rows
        if spread <= SPREAD_ALLOWED:
            break
    return best[1]


def machine(device: str = "cpu") -> dict:
    """The machine in words, and versions."""
    name = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine()
    return {
        "device": device,
        "machine": name,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": date.today().isoformat(),
    }


def _timed(step: Callable[[], None], device: str) -> float:
    if device == "cuda":
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        step()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / 1000
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def _summary(seconds: list[float], baseline: list[float]) -> dict:
    ratios = sorted(own / base for own, base in zip(seconds, baseline, strict=True))
    quarter = len(ratios) // 4
    return {
        "seconds": median(seconds),
        "ratio": median(ratios),
        "low": ratios[quarter],
        "high": ratios[-1 - quarter],
        "range": [ratios[0], ratios[-1]],
        "rounds": len(ratios),
    }
