"""What a training step costs: operations and memory (the same on every machine), and time as ratios in one run."""

import time
import weakref
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from gdw.private import TorchDispatchMode, tree_leaves

Action = Callable[[], object]
Ratio = dict[str, Any]
WARM_UP = 2  # rounds that are not counted


def operations(action: Action) -> int:
    """Floating-point operations of all matrix products and convolutions in it, forward and backward.

    They depend only on the model, the batch and the passes. So a ratio of two is the ratio of their passes.
    """
    with FlopCounterMode(display=False) as counter:
        action()
    return int(counter.get_total_flops())


def peak_bytes(action: Action) -> int:
    """The most memory that its tensors hold at one time, in bytes; tensors that existed before do not count.

    Only what torch's operations give back is seen, not their scratch memory.
    """
    alive = _Alive()
    with alive:
        action()
    return alive.peak


class _Alive(TorchDispatchMode):
    """Follows every block of memory from the operation that gives it back to its end."""

    def __init__(self) -> None:
        TorchDispatchMode.__init__(self)
        self.now, self.peak = 0, 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        for given in tree_leaves((args, kwargs)):
            if isinstance(given, Tensor):
                self._known.add(given.untyped_storage())  # there before, or followed already
        output = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(output):
            if isinstance(tensor, Tensor):
                self._follow(tensor.untyped_storage())
        self.peak = max(self.peak, self.now)
        return output

    def _follow(self, block: torch.UntypedStorage) -> None:
        if block not in self._known:
            self._known.add(block)
            self.now += block.nbytes()
            weakref.finalize(block, self._end, block.nbytes())

    def _end(self, size: int) -> None:
        self.now -= size


def interleaved(
    actions: Mapping[str, Action], baseline: str, rounds: int = 15, device: str = "cpu"
) -> dict[str, Ratio]:
    """Time every action once per round, in turns, and divide by the baseline's time of the same round.

    Shared machines are noisy: a slow moment slows all of a round equally, and the ratio stays the same.

    Args:
        actions: name to a function that takes one step, say.
        rounds: how many, at least 15 for a figure worth stating.
        device: where they run; on ``"cuda"`` events are timed.

    Returns:
        For each name: ``seconds`` (median), ``ratio`` (median), ``low`` and ``high`` (quartiles of the ratio: a
        single disturbed round moves the range, not them), ``range`` and the number of ``rounds``.
    """
    times: dict[str, list[float]] = {name: [] for name in actions}
    for round_ in range(WARM_UP + rounds):
        for name, action in actions.items():
            seconds = _timed(action, device)
            if round_ >= WARM_UP:
                times[name].append(seconds)
    return {name: _summary(seconds, times[baseline]) for name, seconds in times.items()}


def _timed(action: Action, device: str) -> float:
    if device == "cuda":
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        action()
        end.record()
        torch.cuda.synchronize()
        return float(start.elapsed_time(end)) / 1000
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _summary(seconds: list[float], baseline: list[float]) -> Ratio:
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
