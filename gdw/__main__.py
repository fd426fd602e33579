"""The command line: ``python -m gdw run | sweep | methods``. A thin skin over experiment.py, sweep.py and report.py."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from gdw.comparison import sweep
from gdw.comparison.report import summary
from gdw.comparison.sweep_spec import load_spec
from gdw.comparison.tables import means, table
from gdw.data.corruption import IMBALANCES, NOISES
from gdw.data.dataset import Dataset
from gdw.data.datasets import load_dataset
from gdw.gradients.step import DERIVATIVES
from gdw.methods import METHODS
from gdw.training.experiment import DEVICES, PRECISIONS, Experiment
from gdw.training.history import History
from gdw.training.loop import EpochDone
from gdw.training.many import ManySeeds

OPTIONS = (
    ("dataset", str, "digits, clouds, mnist, fashion-mnist, cifar10, cifar100, cifar10-folder, or a folder's path"),
    ("noise", str, f"label noise: {', '.join(NOISES)}, instance-dependent, or human:PATH[:KEY]"),
    ("rate", float, "the noise's parameter in [0, 1]"),
    ("imbalance", float, "smallest class / largest, in (0, 1]"),
    ("imbalance-kind", str, f"{', '.join(IMBALANCES)}"),
    ("model", str, "mlp, cnn, resnet32, wrn28_10"),
    ("epochs", int, "budget of each run"),
    ("batch-size", int, "training images in a step"),
    ("lr", float, "learning rate at the start of the cosine"),
    ("meta-per-class", int, "clean images of each class"),
    ("validation-per-class", int, "clean images of each class, held out to choose settings on"),
    ("train-per-class", int, "a smaller run: so many training images of each class"),
    ("test-per-class", int, "a smaller run: so many test images of each class"),
    ("image-size", int, "height and width of an image folder's pictures"),
    ("threads", int, "of torch on the CPU; 0 leaves torch's own choice"),
    ("device", str, ", ".join(DEVICES)),
    ("precision", str, ", ".join(PRECISIONS)),
    ("derivative", str, f"how the meta gradient is taken: {', '.join(DERIVATIVES)}"),
)

AT_ONCE = "train up to so many seeds in one vectorised step where method and model bear it (default: 1)"


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, print; returns the exit status. Bad input ends in one sentence on stderr and status 2."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (ValueError, OSError) as error:
        print(f"gdw: {error}", file=sys.stderr)
        return 2


def run_command(options: argparse.Namespace) -> int:
    """Every method with every seed; a table, and with ``--json`` a record per run."""
    _check_folder(options.json)
    experiments = experiments_of(options)
    dataset = load_dataset(experiments[0].dataset, image_size=experiments[0].image_size)  # decoded once for all runs
    histories: list[History] = []
    for group in sweep.grouped(experiments, options.seeds_at_once):
        histories += _run_with_progress(group, dataset)
        if options.json:
            options.json.write_text(json.dumps([sweep.record(h) for h in histories], indent=1) + "\n")
    print(_scenario(experiments[0], histories[0]))
    if any(not h.error for h in histories):
        print(summary(histories).to_string(float_format=lambda value: f"{value:.2f}"))
    return 1 if any(h.error for h in histories) else 0


def experiments_of(options: argparse.Namespace) -> list[Experiment]:
    """The experiments that the options name, seeds outermost, so that an unbroken part of them is paired."""
    given = {name.replace("-", "_"): getattr(options, name.replace("-", "_")) for name, *_ in OPTIONS}
    given |= {name: getattr(options, name, None) for name in ("save_memory", "channels_last", "capture", "compile")}
    given = {name: value for name, value in given.items() if value is not None}
    if options.seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {options.seeds}")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    methods = options.method or ["gdw"]
    settings = dict(_setting(text) for text in options.set)
    return [Experiment(**given, method=m, seed=s, settings=settings) for s in seeds for m in dict.fromkeys(methods)]


def sweep_command(options: argparse.Namespace) -> int:
    """Run what the file does not hold yet; a line on disk for each finished run; a table of means."""
    _check_folder(options.json)
    experiments = load_spec(options.spec, options.seeds, options.method)
    failed = 0
    with sweep.executor_for(options.dask, options.workers) as executor, tqdm(total=len(experiments), unit="run") as bar:
        bar.update(sweep.count_done(experiments, options.json))
        runs = sweep.resume(
            experiments, options.json, executor, options.workers, seeds_at_once=options.seeds_at_once
        )
        for line in runs:
            failed += line["error"] is not None
            if line["error"]:
                bar.write(f"gdw: {line['method']} seed {line['seed']} failed: {line['error']}", file=sys.stderr)
            bar.update()
    wanted = {sweep.key(e.config()) for e in experiments}
    runs = table([r for r in sweep.read(options.json) if sweep.key(r["config"]) in wanted])
    print("mean test accuracy in %, last five epochs")
    print(means(runs).to_string(float_format=lambda value: f"{value:.1f}"))
    return 1 if failed else 0


def methods_command(options: argparse.Namespace) -> int:
    """Every method with its title and source."""
    width = max(map(len, METHODS))
    for name, method in METHODS.items():
        print(f"{name:{width}}  {method.title}: {method.source}")
    return 0


def _check_folder(file: Path | None) -> None:
    if file and not file.parent.is_dir():
        raise FileNotFoundError(f"--json {file}: there is no folder {file.parent}")


def _run_with_progress(group: sweep.Group, dataset: Dataset) -> list[History]:
    one, seeds = group[0], [experiment.seed for experiment in group]
    many = ManySeeds(one, seeds, dataset=dataset)
    named = f"{one.method} seed {one.seed}" if len(seeds) == 1 else f"{one.method}, {len(seeds)} seeds"
    with tqdm(total=one.epochs * len(seeds), desc=named, unit="epoch") as bar:
        for event in many.events():
            if isinstance(event, EpochDone):
                bar.update()
                bar.set_postfix_str(f"test {event.history['test_accuracy'][-1]:.1f} %")
        for history in many.histories:
            if history.error:
                bar.write(f"gdw: {history.method} seed {history.seed}: {history.error}", file=sys.stderr)
    return many.histories


def _scenario(experiment: Experiment, history: History) -> str:
    classes = ", ".join(history.class_names[:10]) + (", ..." if len(history.class_names) > 10 else "")
    return (
        f"{experiment.dataset} ({classes}): {experiment.noise} noise {experiment.rate:g}, "
        f"{100 * history.wrong_label_rate:.1f} % of {sum(history.class_counts)} labels wrong, imbalance "
        f"{experiment.imbalance:g}; test accuracy in %, mean of the last five epochs; "
        "differences paired by seed, with 95 % intervals"
    )


def _setting(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--set takes name=value, got {text!r}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        raise ValueError(f"--set {name}: {value!r} is neither a number nor true or false") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gdw", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run", help="train methods side by side and compare them")
    running.set_defaults(command=run_command)
    add_experiment_options(running, OPTIONS)
    running.add_argument("--method", action="append", help="a name from `gdw methods`; give it again for more")
    running.add_argument("--seeds", type=int, default=1, metavar="N", help="how many seeds (default: 1)")
    running.add_argument("--first-seed", type=int, default=0, metavar="S", help="the first of them (default: 0)")
    running.add_argument("--seeds-at-once", type=int, default=1, metavar="N", help=AT_ONCE)
    running.add_argument("--save-memory", action="store_true", default=None, help="half the memory of a GDW step")
    running.add_argument("--channels-last", action="store_true", default=None, help="layout of convolutional networks")
    running.add_argument("--capture", action="store_true", default=None, help="record one step and replay it")
    running.add_argument("--compile", action="store_true", default=None, help="the network through torch.compile")
    running.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the methods")
    running.add_argument("--json", type=Path, metavar="FILE", help="write one record per run")
    sweeping = commands.add_parser("sweep", help="methods x scenarios x seeds from a TOML file")
    sweeping.set_defaults(command=sweep_command)
    sweeping.add_argument("spec", type=Path, metavar="SPEC.toml", help="what to run (see gdw/comparison/sweep_spec.py)")
    sweeping.add_argument("--json", type=Path, metavar="FILE", required=True, help="one line per finished run")
    sweeping.add_argument("--seeds", type=int, metavar="N", help="seeds 0 ... N - 1 in place of the file's")
    sweeping.add_argument("--method", action="append", help="this one in place of the file's; give it again for more")
    sweeping.add_argument("--seeds-at-once", type=int, default=1, metavar="N", help=AT_ONCE)
    sweeping.add_argument("--workers", type=int, metavar="N", help="processes (default: one per core)")
    sweeping.add_argument("--dask", metavar="ADDRESS", help="a Dask scheduler (tcp://host:port), or local")
    listing = commands.add_parser("methods", help="list the methods and their sources")
    listing.set_defaults(command=methods_command)
    return parser


def add_experiment_options(parser: argparse.ArgumentParser, options: Iterable[tuple]) -> None:
    """``--name VALUE`` for every field; what is left out comes from the data set's preset."""
    for name, kind, text in options:
        parser.add_argument(f"--{name}", type=kind, metavar=name.upper(), help=text)


if __name__ == "__main__":
    sys.exit(main())
