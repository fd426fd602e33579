"""Engine: how a run is computed. It decides how long a run takes and how much memory it needs, not what comes out."""

import re
from dataclasses import dataclass, fields

import torch

from gdw.errors import one_of, truth, unknown, whole_number
from gdw.gradients.step import DERIVATIVES, NEED_THE_GRAPH, check_derivative

DEVICES = ("auto", "cpu", "cuda", "mps")
DEVICE = re.compile(r"(auto|cpu|cuda(:\d+)?|mps(:0)?)")
PRECISIONS = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.float32}  # of parameters
EXACT_PRECISIONS = ("float32", "float64")
EXACT_DERIVATIVES = ("auto", "forward", "reuse", "double-backward")
MOST_THREADS = 256  # far more than help; torch ends the process when asked for 100,000


@dataclass(frozen=True, kw_only=True, eq=False)
class Engine:
    """How a run is computed: two engines give the same numbers up to rounding.

    Two values are not exact and therefore part of the experiment: the precision ``"bfloat16"``, and a derivative that
    is an approximation (:func:`inexact`).

    Args:
        device: ``"auto"`` takes CUDA if there is a GPU, else the CPU; ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
        threads: of torch on the CPU; 0 leaves torch's own choice; None takes the preset's.
        precision: ``"float32"``, ``"float64"``, or ``"bfloat16"`` for the network's passes alone (autocast.py).
        derivative: how the meta gradient is taken (``gdw.gradients.step.DERIVATIVES``); ``"auto"`` is exact.
        save_memory: half the memory of a step with a meta gradient (reforward.py).
        channels_last: memory layout of a convolutional network; faster on many machines (benchmarks/README.md).
        capture: one step is recorded and replayed, as a CUDA graph on a GPU: the same numbers, sooner (stepping.py).
            A method whose steps differ takes them one by one. A model of your own must write its buffers in place
            and must not decide anything in Python from batch to batch.
        compile: the network goes through torch.compile (compiled.py).

    Raises:
        ValueError: an unknown name, a wrong type, or two options that exclude each other.
    """

    device: str = "auto"
    threads: int | None = None
    precision: str = "float32"
    derivative: str = "auto"
    save_memory: bool = False
    channels_last: bool = False
    capture: bool = False
    compile: bool = False

    def check_engine(self) -> None:
        """Refuse what cannot be computed."""
        if not isinstance(self.device, str) or not DEVICE.fullmatch(self.device):
            raise unknown("device", self.device, DEVICES)
        if self.threads is not None:
            whole_number("threads", self.threads, 0, MOST_THREADS)
        one_of("precision", self.precision, PRECISIONS)
        for name in ("save_memory", "channels_last", "capture", "compile"):
            truth(name, getattr(self, name))
        check_derivative(one_of("derivative", self.derivative, DERIVATIVES), self.save_memory)
        if self.capture and self.compile:
            raise ValueError("a compiled network cannot be captured: choose one of capture and compile")
        if self.compile and self.derivative in NEED_THE_GRAPH:
            raise ValueError(f"a compiled network does not allow derivative={self.derivative!r}: choose one of the two")

    @property
    def engine(self) -> dict:
        """These fields alone, as plain values."""
        return {name: getattr(self, name) for name in ENGINE_FIELDS}


ENGINE_FIELDS = tuple(field.name for field in fields(Engine))


def inexact(precision: str, derivative: str) -> dict[str, str]:
    """What of the two changes a result by more than rounding."""
    found = {} if precision in EXACT_PRECISIONS else {"precision": precision}
    return found if derivative in EXACT_DERIVATIVES else found | {"derivative": derivative}


def resolve_device(name: str) -> torch.device:
    """The device of that name; ``"auto"`` is CUDA if there is a GPU, else the CPU.

    Raises:
        ValueError: this machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(name.split(":")[0], False):
        raise ValueError(f"device {name!r} asked for, but this machine has none: use 'cpu' or 'auto'")
    return torch.device(name)
