"""What every benchmark does: measure again where the rounds disagree, and say on what machine."""

import platform
from collections.abc import Callable
from datetime import date

import torch

SPREAD_ALLOWED = 0.10  # of a ratio's quartiles, relative to its median, before the rounds are run again


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
