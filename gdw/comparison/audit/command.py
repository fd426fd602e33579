"""``gdw audit FOLDER``: which labels of a folder of pictures are probably wrong? Its options, and what it prints."""

import argparse
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Never

from tqdm import tqdm

from gdw.comparison.audit.audit import Plan
from gdw.comparison.audit.estimate import estimate
from gdw.comparison.audit.heads import FOLDS, LogProbs, check_probs
from gdw.comparison.audit.output import SHOWN, UNREAD, Audit, check_outputs
from gdw.comparison.audit.page import PAIRS, Shown
from gdw.comparison.audit.rank import RANKINGS
from gdw.comparison.sweep import executor_for
from gdw.data.confirmed import Confirmed, confirmed_of, names_of, read_confirmed
from gdw.data.dataset import Dataset
from gdw.data.folder import list_folder, load_listing
from gdw.data.given import read_probs, read_rows, with_probs
from gdw.errors import whole_number
from gdw.pictures.pretrained import LITE0, own_size

PIXELS = "pixels"  # instead of a network's name: the pictures themselves
PRINTED = 10  # suspects and class pairs
ALONE = "; these are the times of this machine alone"  # where others share the work
Found = Generator[str, None, Audit]
"""What to print on the way, and what was found."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Add ``audit`` to the commands of the command line."""
    found = commands.add_parser("audit", help="which labels of a folder of pictures are probably wrong?")
    found.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="a class in each subfolder; or --labels")
    numbers = "rows of numbers instead of pictures: .npy, .csv or .parquet; with --labels, in the same order"
    found.add_argument("--embeddings", type=Path, metavar="FILE", help=numbers)
    probs = "probabilities of your own for each row, by classifiers that were not trained on it; with --labels"
    found.add_argument("--pred-probs", type=Path, metavar="FILE", help=probs)
    found.add_argument(
        "--labels", type=Path, metavar="FILE", help="a table of labels instead of class folders (docs/audit.md)"
    )
    found.add_argument("--column", metavar="NAME", help="of labels in --labels; A,B,C: of several annotators")
    found.add_argument("--path-column", metavar="NAME", help="of the pictures' paths in --labels")
    checked = "CSV or TSV path,label[,chosen] that you have checked"
    found.add_argument("--confirmed", type=Path, metavar="FILE", help=checked)
    found.add_argument("--csv", type=Path, metavar="FILE", help="the table goes there, most suspicious first")
    found.add_argument("--html", type=Path, metavar="FILE", help="a page with the pictures, to look through")
    found.add_argument("--top", type=int, default=SHOWN, metavar="N", help=f"pictures on the page (default: {SHOWN})")
    networks = f"a network of timm, or {PIXELS} (default: {LITE0})"
    rankings = f"{', '.join(RANKINGS)} (default: the first)"
    found.add_argument("--features", default=LITE0, metavar="NAME", help=networks)
    found.add_argument("--features-size", type=int, metavar="PIXELS", help="at which the network sees the pictures")
    found.add_argument("--ranking", default=next(iter(RANKINGS)), metavar="NAME", help=rankings)
    found.add_argument("--method", default="gdw", metavar="NAME", help="for --ranking with-method or weights: whose")
    found.add_argument("--folds", type=int, default=FOLDS, metavar="N", help=f"(default: {FOLDS})")
    found.add_argument("--seed", type=int, default=0, metavar="N", help="draws the folds (default: 0)")
    found.add_argument("--dask", metavar="ADDRESS", help="share the work: a scheduler's tcp://host:port, or local")
    return found


def audit_folder(options: argparse.Namespace) -> Iterator[str]:
    """Check all that can be checked before a picture is decoded, say the classes and the cost, audit; what to print."""
    whole_number("--top", options.top, 1)
    whole_number("--folds", options.folds, 2)
    network = None if options.features == PIXELS else options.features
    plan = Plan(network, options.features_size, options.ranking, options.method, options.folds, options.seed)
    found = yield from (_of_numbers if options.folder is None else _of_folder)(options, plan)
    written, problems = list[str](), list[str]()
    for path, save in ((options.csv, found.save_csv), (options.html, partial(found.save_html, top=options.top))):
        place = None if path is None else _saved(save, path, problems)
        written += [] if place is None else [str(place)]
    yield _text(found, written)
    if problems:
        raise ValueError("; ".join(problems))


def _saved(save: Callable[[Path], None], path: Path, problems: list[str]) -> Path | None:
    """Where it is saved: another place if what was possible before the work is not any more; None: nowhere."""
    for place in (path, path.with_stem(f"{path.stem}-new"), Path(gettempdir()) / path.name):
        try:
            save(place)
        except (OSError, ValueError) as error:
            problems.append(str(error))
            continue
        return place
    return None


def _of_folder(options: argparse.Namespace, plan: Plan) -> Found:
    """A folder of pictures, with labels from its folders or from a table."""
    listing = list_folder(options.folder, options.labels, options.column, options.path_column)
    yield listing.counts
    paths, names, known = listing.paths, listing.class_names, Confirmed()
    with warnings.catch_warnings(action="ignore"):  # its notes are printed with the others
        if options.confirmed is not None:
            known = read_confirmed(options.confirmed, paths, names, listing.others, listing.folder.resolve().name)
    words = known.by_path(paths, names)
    check_outputs(options.csv, options.html, {path: label for path, (label, _) in words.items()})
    plan.check(listing.labels, known, names)
    seen_at = None if plan.features is None else plan.features_size or own_size(plan.features)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what was passed over is printed with the notes
        dataset = load_listing(listing, seen_at=seen_at, content=False)
    read = set(dataset.paths or ())
    left = known.among([n for n, path in enumerate(paths) if path in read]).of_classes(names, dataset.class_names)
    found = yield from _run(plan, dataset, left, None, listing.votes, options.dask)
    observed = {path: names[label] for path, label in zip(paths, listing.labels, strict=True) if path in words}
    found = found.with_others(observed, words, UNREAD, {})
    table = found.table.reset_index(drop=True)
    pictures = Shown([listing.folder / path for path in table["path"]])
    return replace(found, table=table, pictures=pictures)


def _of_numbers(options: argparse.Namespace, plan: Plan) -> Found:
    """The rows of ``--embeddings``, or of ``--pred-probs`` alone."""
    file = options.embeddings or options.pred_probs
    if file is None:
        raise ValueError("give a folder of pictures, or --embeddings FILE or --pred-probs FILE with --labels FILE")
    if options.labels is None:
        raise ValueError(f"{file} needs --labels FILE: one label for each row, in the same order")
    if options.html is not None:
        raise ValueError(f"{file} has no pictures to show: --html needs them, --csv does not")
    dataset, rows = read_rows(file, options.labels, options.column)
    probs = None
    if options.pred_probs is not None:
        dataset, _, given = with_probs(dataset, rows, read_probs(options.pred_probs, dataset, rows))
        probs = check_probs(given, len(dataset.labels), dataset.all_class_names, dataset.class_names)
        if options.embeddings is None:
            plan = replace(plan, ranking="self-confidence")  # there is nothing to train a second round on
    with warnings.catch_warnings(action="ignore"):
        known = confirmed_of(options.confirmed, dataset)
    words = known.by_path(names_of(dataset), dataset.class_names)
    check_outputs(options.csv, checked={name: label for name, (label, _) in words.items()})
    plan.check(dataset.labels.tolist(), known, dataset.class_names)
    return (yield from _run(plan, dataset, known, probs, {}, options.dask))


def _run(
    plan: Plan, dataset: Dataset, known: Confirmed, probs: LogProbs | None, votes: Mapping[str, Mapping[str, str]],
    dask: str | None,
) -> Found:  # fmt: skip
    """Say the cost, and audit with a bar."""
    yield estimate(dataset, plan, probs is not None) + (ALONE if dask else "")
    computed = plan.features is not None and dataset.images.ndim == 4
    with executor_for(dask) as executor, tqdm(delay=1, mininterval=0.5) as bar:

        def progress(what: str, done: int, total: int) -> None:
            if bar.desc != f"{what}: ":
                bar.reset(total)
                bar.set_description(what)
            bar.update(done - bar.n)

        try:
            return replace(plan, executor=executor).run(dataset, known, progress, probs, votes)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_stopped(bar, computed)) from None


def _stopped(bar: "tqdm[Never]", computed: bool) -> str:
    """What is kept; ``computed``: whether features are part of the work."""
    if not bar.desc or not computed:
        return "stopped: the same command starts again"
    if not bar.desc.startswith("features"):
        return "stopped: features are kept, folds are not; the same command continues with the folds"
    return f"stopped: the features of {bar.n} of {bar.total} pictures are kept; the same command continues from there"


def _text(found: Audit, written: Sequence[str]) -> str:
    """What was found in a few lines, and where all of it is."""
    result, *notes = found.sentences()
    parts = [f"{found.name}: {result}", *(f"note: {note}" for note in notes)]
    if len(found.pairs):
        parts += [f"{PAIRS}:", found.pairs.head(PRINTED).to_string(index=False)]
    first = found.table.head(PRINTED)[["rank", "path", "observed", "proposed", "score", "reason"]]
    parts += ["the most suspicious:", first.to_string(index=False)]
    parts.append(f"written: {', '.join(written)}" if written else "nothing is written: --csv FILE keeps the table")
    return "\n".join(parts)
