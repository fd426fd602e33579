"""The lab's controls: what to train, as widgets, and from a run code back to the same settings."""

from collections.abc import Sequence
from threading import RLock

import torch
from ipywidgets import (
    HTML,
    BoundedIntText,
    Dropdown,
    FloatSlider,
    FloatText,
    Layout,
    Textarea,
    ToggleButton,
    VBox,
)

from gdw.data.corruption import NOISES, in_class_order, transition_matrix
from gdw.data.human_labels import PREFIX as HUMAN
from gdw.experiments.experiment import Experiment
from gdw_notebooks.panels import served
from gdw_notebooks.panels.lab_methods import method_groups
from gdw_notebooks.panels.menu import Menu
from gdw_notebooks.recorded.glossary import explain
from gdw_notebooks.recorded.scenarios import SCENARIOS

IMBALANCES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
NOTHING = "nothing beside it"
CLASSES = {
    "digits": 10, "clouds": 3, "mnist": 10, "fashion-mnist": 10, "cifar10": 10, "cifar10-folder": 10, "cifar100": 100,
}  # fmt: skip
PURPOSE = "Choose what is wrong with the labels and two ways to learn from them, then press Train."
A_FOLDER = "a folder of pictures …"
AS_LABELLED = "The labels stay as they are, right or wrong."
FROM_A_FILE = "The labels come from a file, right or wrong: no rate changes them. Labels shows the wrong ones."
OWN = "– my own settings –"
MOST_EPOCHS, HIGHEST_SEED, LARGEST_BATCH = 10_000, 1_000_000, 10_000
MOST_SEEDS = 20  # at once: more seeds do not make a better band


def _wide() -> Layout:
    return Layout(width="97%")


def imbalance_label(imbalance: float) -> str:
    """Both ways to write it: smallest class over largest, and largest to smallest."""
    return "1 (all classes equal)" if imbalance == 1 else f"{imbalance:g} ({1 / imbalance:g} : 1)"


class LabControls(VBox):
    """One or two experiments on the same data and seed, as widgets.

    Attributes:
        scenario, dataset, noise, rate, imbalance, method, beside, seed, epochs, lr, batch_size, device: the widgets;
            set their ``value``.
        more: switch that shows all but scenario, method and beside; on from the start for settings without a name.
        seeds: how many seeds of each, from ``seed`` on; no part of an experiment, so in no run code.
        code: text field with the run code of what the widgets say; a code put into it moves all of them there.
        problem: what is wrong with the code or the settings, in words; empty where nothing is.
    """

    def __init__(self, experiments: Sequence[Experiment]):
        self.scenario = _menu("Scenario", [OWN, *SCENARIOS])
        data = [(name, name, "") for name in served.choices()]
        self.dataset = Menu([("", data)], description="Data", tooltip="what to learn from", layout=_wide(),
                            own="" if served.is_served() else A_FOLDER)  # fmt: skip
        self.noise = _menu("Label noise", list(NOISES))
        self.rate = FloatSlider(min=0, max=1, step=0.05, description="Noise rate", layout=_wide(),
                                continuous_update=False)  # fmt: skip
        self.hint = HTML(layout=_wide())
        self.imbalance = _menu("Imbalance", [(imbalance_label(value), value) for value in IMBALANCES])
        methods = method_groups()
        self.method = Menu(methods, description="Method", layout=_wide())
        self.beside = Menu([("", [("", NOTHING, "")]), *methods], description="Beside it", layout=_wide())
        self.seed = BoundedIntText(min=0, max=HIGHEST_SEED, description="Seed", layout=_wide())
        self.seeds = BoundedIntText(value=1, min=1, max=MOST_SEEDS, description="Seeds, in all", layout=_wide(),
                                    tooltip="this seed and the next ones; the curves then have bands")  # fmt: skip
        self.epochs = BoundedIntText(value=1, min=1, max=MOST_EPOCHS, description="Epochs", layout=_wide())
        self.lr = FloatText(description="Learning rate", step=0.01, layout=_wide(),
                            tooltip="of SGD at the start; it falls as a cosine")  # fmt: skip
        self.batch_size = BoundedIntText(value=1, min=1, max=LARGEST_BATCH, description="Batch size", layout=_wide())
        self.device = _menu("Device", [name for name, here in _devices().items() if here])
        self.code = Textarea(description="Run code", rows=5, continuous_update=False, layout=_wide(),
                             tooltip="the code of this run; paste another one to repeat that run")  # fmt: skip
        self.problem, self._moving, self._lock = "", False, RLock()  # values may come through two threads
        self._fields = {
            "dataset": self.dataset, "noise": self.noise, "rate": self.rate, "imbalance": self.imbalance,
            "seed": self.seed, "epochs": self.epochs, "lr": self.lr, "batch_size": self.batch_size,
            "device": self.device,
        }  # fmt: skip
        self.more = ToggleButton(description="More", tooltip="data, noise, seeds, epochs, rates, run code",
                                 layout=Layout(width="auto"))  # fmt: skip
        rest = VBox([
            self.dataset, self.noise, self.rate, self.imbalance, self.seed, self.seeds, self.epochs, self.lr,
            self.batch_size, self.device, self.code,
        ])  # fmt: skip
        super().__init__([HTML(PURPOSE), self.scenario, self.hint, self.method, self.beside, self.more, rest])
        self.restore(experiments)
        self.more.observe(lambda change: _show_part(rest, change["new"]), names="value")
        self.more.value = self.scenario.value == OWN
        _show_part(rest, self.more.value)
        self.scenario.observe(self._choose_scenario, names="value")
        self.code.observe(self._read_code, names="value")
        self.dataset.observe(self._choose_dataset, names="value")
        for control, word in (
            (self.noise, "label noise"), (self.rate, "mixing rate"), (self.imbalance, "imbalance"),
            (self.method, "method"), (self.beside, "method"), (self.seed, "seed"), (self.epochs, "epoch"),
            (self.batch_size, "batch"),
        ):  # fmt: skip
            control.tooltip = explain(word)
        for control in (*self._fields.values(), self.method, self.beside):
            control.observe(self._on_change, names="value")

    def experiments(self) -> list[Experiment]:
        """What the widgets say: one experiment, or two that differ only in their method.

        Raises:
            ValueError: settings that are no experiment; the message says which, and what is wanted.
        """
        methods = [self.method.value, *([self.beside.value] if self.beside.value else [])]
        found = [self._experiment(base, method) for base, method in zip(self._bases, methods, strict=False)]
        return list(dict.fromkeys(found))  # a method beside itself is nothing beside it

    def asked(self) -> tuple[list[Experiment], int]:
        """``experiments()`` and the number of seeds at one moment.

        While another thread sets a scenario or a code, widget by widget, this waits until all of it is there.

        Raises:
            ValueError: as ``experiments``; a run code that is none.
        """
        with self._lock:
            if self.problem:
                raise ValueError(self.problem)
            return self.experiments(), self.seeds.value

    def restore(self, experiments: Sequence[Experiment]) -> None:
        """Set every widget to these one or two experiments; what has no widget is kept as well."""
        with self._lock:
            self._restore(experiments)

    def _restore(self, experiments: Sequence[Experiment]) -> None:
        first, second = experiments[0], experiments[1] if len(experiments) > 1 else None
        self._bases = (first, second or first)
        self._moving = True
        try:
            for name, control in self._fields.items():
                _allow(control, value := getattr(first, name))
                control.value = value
            self.method.value, self.beside.value = first.method, second.method if second else ""
            self.scenario.value = scenario_of(first)
        finally:
            self._moving = False
        self._show()

    def _experiment(self, base: Experiment, method: str) -> Experiment:
        served.check_data(self.dataset.value)
        values = {name: control.value for name, control in self._fields.items()}
        changes = {name: value for name, value in values.items() if getattr(base, name) != value}
        if method != base.method:
            changes["method"] = method
        experiment = base.with_(**changes)
        served.check_experiment(experiment)
        return experiment

    def _on_change(self, change: dict) -> None:
        with self._lock:
            if not self._moving:
                self._show()

    def _show(self) -> None:
        """The code, the scenario's name and the hint follow the other widgets."""
        self._moving = True
        try:
            experiments = self.experiments()
            self.problem = ""
            self.code.value = "\n".join(experiment.code for experiment in experiments)
            self.scenario.value = scenario_of(experiments[0])
        except ValueError as error:
            self.problem = str(error)
        finally:
            self._moving = False
        as_labelled = any(base.confirmed for base in self._bases)
        given = isinstance(self.noise.value, str) and self.noise.value.startswith(HUMAN)
        hint = _wrong_labels(self.noise.value, self.rate.value, CLASSES.get(self.dataset.value))
        hint = FROM_A_FILE if given else AS_LABELLED if as_labelled else hint
        self.hint.value = hint
        self.rate.layout.display = "none" if given or not isinstance(self.noise.value, str) else ""

    def _choose_scenario(self, change: dict) -> None:
        with self._lock:
            if not self._moving and change["new"] != OWN:
                chosen, beside = SCENARIOS[change["new"]], self.beside.value
                self._restore([chosen, *([chosen.with_(method=beside)] if beside else [])])

    def _choose_dataset(self, change: dict) -> None:
        """Another data set brings its own preset: epochs, learning rate and batch size, and what has no widget."""
        with self._lock:
            if self._moving:
                return
            self._moving = True
            try:
                served.check_data(change["new"])
                plain = Experiment(dataset=change["new"])
                self._bases = (plain, plain)
                for name in ("epochs", "lr", "batch_size"):
                    self._fields[name].value = getattr(plain, name)
            except ValueError as error:
                self.problem = str(error)
                return
            finally:
                self._moving = False
            self._show()

    def _read_code(self, change: dict) -> None:
        with self._lock:
            if self._moving:
                return
            if not change["new"].split():
                self._show()  # an empty field is no wish: it shows the code again
                return
            try:
                self._restore(read_codes(change["new"]))
            except ValueError as error:
                self.problem = str(error)


def read_codes(text: str) -> list[Experiment]:
    """One or two run codes, with white space between them.

    Raises:
        ValueError: no code, or more than two; or the two are not on the same data and seed.
    """
    experiments = [Experiment.from_code(code) for code in text.split()]
    for experiment in experiments:
        served.check_experiment(experiment)
    if not 1 <= len(experiments) <= 2:
        raise ValueError(f"one run code is wanted, or two to compare side by side; got {len(experiments)}")
    for name in ("dataset", "noise", "rate", "imbalance", "seed", "epochs", "lr", "batch_size"):
        if len({getattr(experiment, name) for experiment in experiments}) > 1:
            raise ValueError(f"two runs side by side need the same data and plan, but these two codes differ in {name}")
    return experiments


def _show_part(part: VBox, shown: bool) -> None:
    part.layout.display = "" if shown else "none"


def _menu(description: str, options: Sequence) -> Dropdown:
    """Of names, or of pairs of a label and a value."""
    pairs = [item if isinstance(item, tuple) else (item, item) for item in options]
    return Dropdown(options=pairs, description=description, layout=_wide())


def _allow(control, value) -> None:
    """A menu or a field takes a value from a run code that it did not offer so far."""
    if isinstance(control, Dropdown) and value not in [known for _, known in control.options]:
        label = {float: imbalance_label, tuple: lambda matrix: "a matrix of its own"}.get(type(value), str)(value)
        control.options = [*control.options, (label, value)]
    elif isinstance(control, BoundedIntText) and value > control.max:
        control.max = value


def _devices() -> dict[str, bool]:
    return {
        "auto": True, "cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()
    }  # fmt: skip


def scenario_of(experiment: Experiment) -> str:
    """The scenario's name, for any method, seed and device; ``OWN`` for settings that have no name."""
    for name, scenario in SCENARIOS.items():
        same = experiment.with_(method=scenario.method, seed=scenario.seed, device=scenario.device)
        if same == scenario:
            return name
    return OWN


def _wrong_labels(noise: str | tuple, rate: float, classes: int | None) -> str:
    """What a rate comes to: for uniform noise the drawn label may be the true one."""
    if isinstance(noise, str) and noise not in NOISES:
        return ""  # of the images, or of people: it is counted once they are there
    if rate == 0 and isinstance(noise, str):
        return "No label is made wrong."
    classes = classes if isinstance(noise, str) else len(noise)
    if classes is None:
        return ""
    matrix = transition_matrix(in_class_order(noise, list(noise)), rate, classes, torch.Generator())
    wrong = 1 - matrix.diag().mean().item()
    return f"With {classes} classes that makes about {100 * wrong:.0f} % of the labels wrong."
