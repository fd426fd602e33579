"""Writes the package's own recorded steps for the page that trains without Python: ``python -m tools.record_steps``.

Each learner's step (gdw/training/stepping.py) and a forward pass are recorded (gdw/gradients/recording.py) as torch's
operations; the page repeats them, so that no formula is written twice. The files are in ``gdw_notebooks/playground``.
"""

import base64
import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import gdw
from gdw.data.randomness import generator
from gdw.gradients.recording import Capture, NoDrawing
from gdw.methods import Method, method_class
from gdw.networks.start import started
from gdw.training.stepping import sgd, take_step
from tools.recorded_graph import graph

FOLDER = Path(__file__).parents[1] / "gdw_notebooks" / "playground" / "recordings"
LEARNERS = ("cross-entropy", "gdw-tied", "gdw", "mwnet", "l2rw", "gdw-class-net", "gdw-reduced")
BY_HAND = "by-hand"
CLASSES, WIDTH, BATCH, ROWS, STARTS = 3, 32, 50, 128, 8
"""Classes; hidden units of both layers; points of a batch, of the forward pass; networks to start from."""
RECIPE = gdw.Experiment(dataset="clouds").recipe
RATE = RECIPE.lr * BATCH / RECIPE.batch_size  # the package's, for batches of half the size


class ByHand(Method):
    """One weight for each point, set from outside."""

    name, title = BY_HAND, "You"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("weights", torch.ones(BATCH))

    def logit_gradient(self, step: gdw.Step) -> Tensor:
        return self.weights[:, None] * step.flows / len(step)


class SeenStep(gdw.Step):
    """Keeps the meta gradient that the method asked for; None if it asks for none."""

    asked = None

    def meta_gradient(self, weights: Tensor, problem=None) -> Tensor:
        self.asked = super().meta_gradient(weights, problem)
        return self.asked


def network(seed: int) -> nn.Module:
    """A 2-32-32-3 network, as the package starts one."""
    layers = (nn.Linear(2, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CLASSES))
    return started(lambda: nn.Sequential(*layers), generator(seed, "model"), torch.float32)


def new_method(name: str, seed: int) -> Method:
    """With the package's settings for points in the plane."""
    if name == BY_HAND:
        return ByHand(CLASSES)
    settings = gdw.Experiment(dataset="clouds", method=name).settings
    return method_class(name)(CLASSES, generator=generator(seed, "method"), **settings)


class Recorded:
    """One learner, and its step as the package records it; the fields of its inputs are where the step reads.

    Args:
        name: of the learner.
        seed: which of the stored networks it starts from.
        dtype: of all numbers; the networks that it starts from are the same in float64.

    Attributes:
        inputs: by name.
        states: what the step changes: the network's parameters, the method's and the optimisers' numbers.
    """

    def __init__(self, name: str, seed: int = 0, dtype: torch.dtype = torch.float32):
        self.name = name
        self.model, self.method = network(seed).to(dtype), new_method(name, seed).to(dtype)
        self.rate = torch.tensor(RATE, dtype=dtype)
        self.optimizer = sgd(self.model, RECIPE)
        self.optimizer.param_groups[0]["lr"] = self.rate
        self.inputs = {
            "images": torch.randn(BATCH, 2, dtype=dtype), "labels": torch.arange(BATCH) % CLASSES,
            "metaImages": torch.randn(BATCH, 2, dtype=dtype), "metaLabels": torch.arange(BATCH) % CLASSES,
            "rate": self.rate,
            **dict(self.method.named_buffers()),
        }  # fmt: skip
        capture = Capture(torch.device("cpu"), self.method)
        with NoDrawing():
            while capture.runs_left:
                capture.warm_up(lambda: tuple(self.step().values()))
        self.operations = capture.take(lambda: tuple(self.step().values()))
        self.states = self._states()
        self.restart(seed)

    def step(self) -> dict[str, Tensor]:
        """One step of training; what the page shows of each point, ``[B, C]`` or ``[B]``."""
        given = self.inputs
        step = SeenStep(
            self.model, given["images"], given["labels"], lr=self.optimizer,
            meta_batch=(given["metaImages"], given["metaLabels"]),
        )  # fmt: skip
        moved = take_step(step, self.method, self.optimizer) * step.flows.sign() * len(step)
        shown = {"flows": step.flows, "losses": step.losses, "moved": moved, "sizes": step.flows.abs()}
        smallest = torch.finfo(moved.dtype).tiny  # a flow of 0 moves nothing, whatever its weight
        shown["weights"] = moved / shown["sizes"].clamp_min(smallest)
        shown["weight"] = moved.sum(-1) / shown["sizes"].sum(-1).clamp_min(smallest)
        return shown if step.asked is None else shown | {"g": step.asked}

    @torch.no_grad()
    def write(self, data: dict[str, list], chosen: list[int], clean: list[int]) -> None:
        """Give it a batch of the page's data: which training points, which clean ones."""
        numbers = {name: torch.tensor(values, dtype=torch.float64) for name, values in data.items()}
        self.inputs["images"].copy_(numbers["points"].view(-1, 2)[chosen])
        self.inputs["labels"].copy_(numbers["labels"][chosen])
        self.inputs["metaImages"].copy_(numbers["cleanPoints"].view(-1, 2)[clean])
        self.inputs["metaLabels"].copy_(numbers["cleanLabels"][clean])
        if "weights" in self.inputs:
            self.inputs["weights"].copy_(numbers["hand"][chosen])

    @torch.no_grad()
    def restart(self, seed: int) -> None:
        """All numbers as before the first step."""
        fresh = {"network": network(seed), "method": new_method(self.name, seed)}
        started_at = {f"{part}.{name}": value for part in fresh for name, value in fresh[part].named_parameters()}
        for name, state in self.states.items():
            state.copy_(started_at[name]) if name in started_at else state.zero_()

    def _states(self) -> dict[str, Tensor]:
        found = {}
        for part, module in (("network", self.model), ("method", self.method)):
            optimizer = self.optimizer if part == "network" else getattr(module, "optimizer", None)
            for name, parameter in module.named_parameters():
                found[f"{part}.{name}"] = parameter
                found |= {f"{part}.{name}.{key}": value for key, value in optimizer.state[parameter].items()}
        return found


def learner(name: str) -> dict:
    """The recording of a learner's step, and where its method starts: numbers for each seed."""
    own = Recorded(name)
    written = graph(own.operations, own.step(), own.inputs | own.states)
    methods = [dict(new_method(name, seed).named_parameters(prefix="method")) for seed in range(STARTS)]
    return written | {"starts": _starts(methods)}


def forward() -> dict:
    """The recording of the network on many points, and where it starts."""
    model = network(0)
    given = {"images": torch.randn(ROWS, 2), "labels": torch.arange(ROWS) % CLASSES}

    def outputs() -> tuple[Tensor, ...]:
        logits = model(given["images"])
        return logits, cross_entropy(logits, given["labels"], reduction="none")

    with torch.no_grad():
        operations = Capture(torch.device("cpu"), model).take(outputs)
    written = graph(operations, ("logits", "losses"), given | _named(model))
    return written | {"starts": _starts([_named(network(seed)) for seed in range(STARTS)])}


def clouds() -> dict:
    """The package's own points in the plane, by class."""
    data = gdw.load_dataset("clouds")
    return {"points": _encoded(data.images), "labels": data.labels.tolist()}


def recordings() -> dict[str, dict]:
    """Everything that the page needs, by the name of its file."""
    about = {"torch": torch.__version__.partition("+")[0], "batch": BATCH, "rows": ROWS, "classes": CLASSES}
    about |= {"starts": STARTS, "rate": RATE}
    steps = {name: learner(name) for name in (*LEARNERS, BY_HAND)}
    return {"about": about, "clouds": clouds(), "forward": forward(), **steps}


def main() -> None:
    """Record and write."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, value in recordings().items():
        (FOLDER / f"{name}.json").write_text(json.dumps(value, separators=(",", ":")) + "\n", "utf-8")


def _named(model: nn.Module) -> dict[str, Tensor]:
    return dict(model.named_parameters(prefix="network"))


def _starts(seeds: list[dict[str, Tensor]]) -> dict[str, list[str]]:
    return {name: [_encoded(each[name]) for each in seeds] for name in seeds[0]}


def _encoded(tensor: Tensor) -> str:
    return base64.b64encode(tensor.detach().numpy().astype("<f4").tobytes()).decode()


if __name__ == "__main__":
    main()
