"""The command line: ``python -m gdw run | predict | sweep | audit | review | methods``. It parses and prints."""

import argparse
import math
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import Never

import torch
from tqdm import tqdm

from gdw import files
from gdw.comparison import sweep
from gdw.comparison.audit import command as audit
from gdw.comparison.audit import review
from gdw.comparison.names import scenario_name
from gdw.comparison.records import finished, history_of, opened
from gdw.comparison.report import summary, upside_down
from gdw.comparison.sweep_spec import load_spec
from gdw.comparison.tables import means, table, unpaired
from gdw.data.confirmed import NO_SCORE
from gdw.data.dataset import Dataset
from gdw.data.human_labels import PREFIX
from gdw.errors import MissingPackage
from gdw.experiments.experiment import Experiment, parse_field
from gdw.experiments.fields import FIELDS, kind_of, resolve_device
from gdw.experiments.history import History
from gdw.experiments.loading import dataset_of
from gdw.gradients.distributed import joined, of_the_first, started_by_torchrun
from gdw.methods import METHODS
from gdw.methods.plugins import load_plugins
from gdw.private import keep_freed_memory
from gdw.training.loop import EpochDone
from gdw.training.many import SECONDS, ManySeeds
from gdw.training.saved_model import load_model, load_tensors

PLUGIN = (
    "a module, or a .py file, that registers methods, networks, data sets or noise of your own (docs/own.md); give it "
    "again for more"
)

STOPPED = 130  # exit status after Ctrl-C, as shells have it
AT_ONCE = "train up to N seeds in one vectorised step where method and model can (default: 1)"


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, print; returns the exit status.

    Bad input ends in one sentence on stderr and status 2, Ctrl-C in one sentence and status 130.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a letter that the terminal or pipe lacks ends nothing
            stream.reconfigure(errors="backslashreplace")
    if arguments is None:  # this process is the program
        keep_freed_memory()
        warnings.showwarning = _show_warning
        warnings.filterwarnings("once", category=UserWarning, append=True)
    options = parser().parse_args(arguments)
    try:
        options.plugin = load_plugins(options.plugin)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except (ValueError, OSError, MissingPackage) as error:
        print(f"gdw: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        sentence = stop.args[0] if stop.args else "stopped before any run began: nothing was written"
        print(f"gdw: {sentence}", file=sys.stderr)
        return STOPPED


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """A sentence above the progress bar, without the place in the code."""
    tqdm.write(f"{'note' if category is UserWarning else category.__name__}: {message}", file=sys.stderr)


def run_command(options: argparse.Namespace) -> int:
    """Every method with every seed; a table, and with ``--json`` a record per run. What is there is not run again.

    Under torchrun the processes share each batch, and the first one prints and writes.
    """
    if started_by_torchrun() and options.checkpoint:
        raise ValueError("a run by several processes keeps no --checkpoint: leave it out")
    with joined(options.device) as is_first:
        if not is_first:
            options.json = options.save_model = None
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    experiments = experiments_of(options)
    if options.checkpoint and options.seeds_at_once > 1:
        raise ValueError("--checkpoint keeps one run at a time, and --seeds-at-once trains several: leave one out")
    if options.save_model:
        if len(experiments) > 1:
            raise ValueError(
                f"--save-model keeps one model, and these are {len(experiments)} runs: one method, one seed"
            )
        _check_model(options)
    with opened(options.json) as keep:
        dataset = _dataset(experiments[0])  # read once for all runs
        # a record holds no model
        kept = of_the_first([None] if options.save_model else finished(experiments, options.json))
        histories = [history_of(record, dataset.class_names) for record in kept if record]
        left = [experiment for experiment, record in zip(experiments, kept, strict=True) if record is None]
        try:
            with _stop_between_batches() as asked:
                for group in sweep.grouped(left, options.seeds_at_once):
                    done = _run_with_progress(group, dataset, options, asked)
                    histories += done
                    for history in done:
                        keep(history)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_stopped(options, len(histories), len(experiments))) from None
    order = {(e.method, e.seed): place for place, e in enumerate(experiments)}
    histories.sort(key=lambda history: order[history.method, history.seed])
    print(_scenario(experiments[0], histories))
    if any(not h.error for h in histories):
        print(summary(histories).to_string(float_format=lambda value: f"{value:.2f}"))
        for sentence in upside_down(histories):
            print(f"caution: {sentence}")
        if all(math.isnan(h.accuracy) for h in histories if not h.error):
            held = experiments[0].meta_per_class + experiments[0].validation_per_class
            print(f"no test score: {NO_SCORE}; those sets take {held} of each class")
    return 1 if any(h.error for h in histories) else 0


def _check_model(options: argparse.Namespace) -> None:
    """Refuse a file for the model that cannot be written, or that holds something else."""
    path: Path = options.save_model
    files.check_writable(path)
    if options.json and os.path.realpath(path) == os.path.realpath(options.json):
        raise ValueError(f"--save-model and --json are one file, {path}: give two")
    try:
        if path.exists() and path.stat().st_size:
            load_tensors(path)
    except ValueError:
        raise ValueError(f"{path} is there already and is no saved model, so it is not replaced") from None


def _stopped(options: argparse.Namespace, done: int, all_runs: int) -> str:
    kept = [f"{options.json} has {done} of {all_runs} runs"] if options.json else []
    kept += [f"the broken-off run is in {options.checkpoint}"] if options.checkpoint else []
    if kept:
        return f"stopped: {' and '.join(kept)}; the same command continues from there"
    return "stopped: nothing is kept; --json FILE keeps finished runs, --checkpoint FOLDER the one under way too"


@contextmanager
def _stop_between_batches() -> Iterator[Event]:
    """Within: Ctrl-C sets the event, to be looked at between two batches. A second one ends the program immediately."""
    asked = Event()
    if current_thread() is not main_thread():  # only there can a signal be handled
        yield asked
        return

    def ask(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def experiments_of(options: argparse.Namespace) -> list[Experiment]:
    """The experiments that the options name. Seeds are the outer loop: if it stops early, what is done is paired."""
    given = {name: getattr(options, name) for name in FIELDS if getattr(options, name) is not None}
    if "noise" in given:
        given["noise"] = parse_field("noise", given["noise"])
    noise = given.get("noise", "")
    if options.rate is not None and (not isinstance(noise, str) or noise.startswith(PREFIX)):
        raise ValueError("--rate is for noise that is drawn: a matrix or labels by people have a share of their own")
    if options.features_size is not None and options.features is None:
        raise ValueError("--features-size is for --features; --image-size is that of pictures")
    if options.seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {options.seeds}")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    methods = options.method or ["gdw"]
    settings = {m: _settings_for(m, options.set, methods) for m in methods}
    return [Experiment(**given, method=m, seed=s, settings=settings[m]) for s in seeds for m in dict.fromkeys(methods)]


def sweep_command(options: argparse.Namespace) -> int:
    """Run what the file does not hold yet; a line on disk for each finished run; a table of means."""
    experiments = load_spec(options.spec, options.seeds, options.method)
    files.check_writable(options.json)
    failed = 0
    try:
        with (
            sweep.executor_for(options.dask, options.workers) as executor,
            tqdm(total=len(experiments), unit="run") as bar,
        ):
            bar.update(_count(finished(experiments, options.json)))
            runs = sweep.resume(
                experiments, options.json, executor, options.workers, seeds_at_once=options.seeds_at_once
            )
            with closing(runs):
                for line in runs:
                    failed += line["error"] is not None
                    if line["error"]:
                        bar.write(f"gdw: {line['method']} seed {line['seed']} failed: {line['error']}", file=sys.stderr)
                    bar.update()
    except KeyboardInterrupt:
        done = _count(finished(experiments, options.json))
        raise KeyboardInterrupt(
            f"stopped: {options.json} has {done} of {len(experiments)} runs; the same command continues with the rest"
        ) from None
    runs = table([record for record in finished(experiments, options.json) if record])
    print("mean test accuracy in %, last five epochs")
    print(means(runs).to_string(float_format=lambda value: f"{value:.1f}") if len(runs) else "no run has finished")
    for sentence in unpaired(runs):
        print(f"caution: {sentence}")
    if runs["accuracy"].isna().any():
        print(f"no test score where it says NaN: {NO_SCORE}")
    return 1 if failed else 0


def _count(records: Sequence[object]) -> int:
    return sum(record is not None for record in records)


def audit_command(options: argparse.Namespace) -> int:
    """Which labels of a folder are probably wrong."""
    for text in audit.audit_folder(options):
        print(text, flush=True)
    return 0


def review_command(options: argparse.Namespace) -> int:
    """Look through the suspects of an audit."""
    print(review.review(options))
    return 0


def predict_command(options: argparse.Namespace) -> int:
    """What a saved model sees in each picture of a folder: a table, and in words how often each class came out."""
    _check_table(options.csv)
    saved = load_model(options.model)
    saved.model.to(resolve_device("auto"))
    with tqdm(unit="picture", delay=1) as bar:
        table, notes = saved.predict(options.folder, _moves(bar))
    files.write(options.csv, table.to_csv(index=False, lineterminator="\n"))
    for note in notes:
        print(f"gdw: {note}", file=sys.stderr)
    counts = table["predicted"].value_counts()
    print(f"{len(table)} pictures: {', '.join(f'{name} {count}' for name, count in counts.items())}")
    return 0


def _check_table(path: Path) -> None:
    """Refuse a file that cannot be written, or that is there and is no earlier table of predictions."""
    files.check_writable(path)
    if path.exists() and path.stat().st_size and not path.read_bytes().startswith(b"path,predicted,"):
        raise ValueError(f"{path} is there already and is no table of predictions, so it is not replaced")


def methods_command(options: argparse.Namespace) -> int:
    """Every method with its title and source."""
    width = max(map(len, METHODS))
    for name, method in METHODS.items():
        print(f"{name:{width}}  {method.title}: {method.source}")
    return 0


def _run_with_progress(
    group: sweep.Group, dataset: Dataset, options: argparse.Namespace, asked: Event
) -> list[History]:
    one, seeds = group[0], [experiment.seed for experiment in group]
    named = f"{one.method} seed {one.seed}" if len(seeds) == 1 else f"{one.method}, {len(seeds)} seeds"
    kept = {} if options.checkpoint is None else {"keep": options.checkpoint, "every": options.checkpoint_seconds}
    with tqdm(total=one.epochs * len(seeds), desc=named, unit="epoch") as bar:
        runs = ManySeeds(one, seeds, dataset=dataset, **kept)
        bar.update(sum(map(len, runs.histories)))
        for note in runs.notes:
            bar.write(f"gdw: {note}", file=sys.stderr)
        with suppress(torch.OutOfMemoryError):  # each history says so itself
            for event in runs.events():
                if isinstance(event, EpochDone):
                    bar.update()
                    score = event.history["test_accuracy"][-1]
                    waited = event.history.metadata.get("seconds_waited")
                    said = [] if math.isnan(score) else [f"test {score:.1f} %"]
                    said += [] if waited is None else [f"waited {waited:.1f} s for data"]
                    bar.set_postfix_str(", ".join(said))
                if asked.is_set():
                    runs.save()
                    raise KeyboardInterrupt
        for history in runs.histories:
            if history.error:
                bar.write(f"gdw: {history.method} seed {history.seed}: {history.error}", file=sys.stderr)
            elif options.save_model:
                runs.trainings[0].save_model(options.save_model)
    return runs.histories


def _dataset(experiment: Experiment) -> Dataset:
    """The experiment's data set; a bar shows how many pictures have their features."""
    if experiment.features is None:
        return dataset_of(experiment)
    with tqdm(desc=f"features of {experiment.features}", unit="picture", delay=1) as bar:
        return dataset_of(experiment, progress=_moves(bar))


def _moves(bar: "tqdm[Never]") -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return progress


def _scenario(experiment: Experiment, histories: Sequence[History]) -> str:
    history = histories[0]
    classes = ", ".join(history.class_names[:10]) + (", ..." if len(history.class_names) > 10 else "")
    labels = f"{sum(history.class_counts)} labels" if history.class_counts else "the labels"
    if experiment.confirmed is None:
        rates = sorted({f"{100 * each.wrong_label_rate:.1f}" for each in histories}, key=float)
        share = " to ".join(dict.fromkeys((rates[0], rates[-1])))
        wrong = f"{share} % of {labels} wrong, imbalance {experiment.imbalance:g}"
    else:
        wrong = f"nobody knows which of {labels} are wrong; a score is of a test folder or of pictures drawn at random"
    return (
        f"{experiment.dataset} ({classes}): {scenario_name(experiment.config())}, {wrong}; test accuracy in %, mean of "
        "the last five epochs; differences paired by seed, with 95 % intervals"
    )


def _settings_for(method: str, texts: list[str], methods: list[str]) -> dict[str, object]:
    """``name=value`` is for every method, ``method.name=value`` for that one."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--set takes name=value, got {text!r}")
        owner, dot, own = name.rpartition(".")
        if dot and owner not in methods:
            raise ValueError(f"--set {text}: --method {owner} is not among the methods of this run")
        if not dot or owner == method:
            found[own] = parse_field(f"--set {own}", value)
    return found


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    parser = argparse.ArgumentParser(prog="gdw", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run", help="train methods side by side and compare them")
    running.set_defaults(command=run_command)
    add_experiment_options(running)
    running.add_argument("--method", action="append", help="a name from `gdw methods`; give it again for more")
    running.add_argument("--seeds", type=int, default=1, metavar="N", help="how many seeds (default: 1)")
    running.add_argument("--first-seed", type=int, default=0, metavar="S", help="the first of them (default: 0)")
    running.add_argument("--seeds-at-once", type=int, default=1, metavar="N", help=AT_ONCE)
    running.add_argument("--set", action="append", default=[], metavar="[METHOD.]NAME=VALUE", help="a setting")
    running.add_argument("--json", type=Path, metavar="FILE", help="one record per run; runs that it holds are kept")
    running.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="keep each run there, to go on after a stop")
    running.add_argument(
        "--checkpoint-seconds", type=float, default=SECONDS, metavar="S", help=f"between two (default: {SECONDS:g})"
    )
    running.add_argument(
        "--save-model", type=Path, metavar="FILE", help="the trained model, for gdw predict; of one run"
    )
    predicting = commands.add_parser("predict", help="what does a saved model see in each picture of a folder?")
    predicting.set_defaults(command=predict_command)
    predicting.add_argument("model", type=Path, metavar="MODEL", help="by gdw run --save-model")
    predicting.add_argument("folder", type=Path, metavar="FOLDER", help="of pictures, at any depth")
    predicting.add_argument("--csv", type=Path, metavar="FILE", required=True, help="path, predicted, probabilities")
    sweeping = commands.add_parser("sweep", help="methods x scenarios x seeds from a TOML file")
    sweeping.set_defaults(command=sweep_command)
    sweeping.add_argument("spec", type=Path, metavar="SPEC.toml", help="what to run (see gdw/comparison/sweep_spec.py)")
    sweeping.add_argument("--json", type=Path, metavar="FILE", required=True, help="one line per finished run")
    sweeping.add_argument("--seeds", type=int, metavar="N", help="seeds 0 ... N - 1 instead of the file's")
    sweeping.add_argument("--method", action="append", help="this one instead of the file's; give it again for more")
    sweeping.add_argument("--seeds-at-once", type=int, default=1, metavar="N", help=AT_ONCE)
    sweeping.add_argument("--workers", type=int, metavar="N", help="processes (default: one per core)")
    sweeping.add_argument("--dask", metavar="ADDRESS", help="a Dask scheduler (tcp://host:port), or local")
    auditing = audit.add_command(commands)
    auditing.set_defaults(command=audit_command)
    reviewing = review.add_command(commands)
    reviewing.set_defaults(command=review_command)
    listing = commands.add_parser("methods", help="list the methods and their sources")
    listing.set_defaults(command=methods_command)
    for command in (running, predicting, sweeping, auditing, reviewing, listing):
        command.add_argument("--plugin", action="append", default=[], metavar="MODULE", help=PLUGIN)
    return parser


def add_experiment_options(parser: argparse.ArgumentParser, names: Iterable[str] = tuple(FIELDS)) -> None:
    """``--name VALUE`` for these fields, ``--name`` and ``--no-name`` for a switch; the preset fills in the rest."""
    for name in names:
        field, flag = FIELDS[name], name.replace("_", "-")
        if kind_of(field) is bool:
            switch = argparse.BooleanOptionalAction
            parser.add_argument(f"--{flag}", action=switch, default=None, help=field.metadata["help"])
        else:
            parser.add_argument(f"--{flag}", type=kind_of(field), metavar=flag.upper(), help=field.metadata["help"])


if __name__ == "__main__":
    sys.exit(main())
