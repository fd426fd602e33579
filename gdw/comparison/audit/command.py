"""``gdw audit FOLDER``: which labels of a folder of pictures are probably wrong? Its options, and what it prints."""

import argparse
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Never

from tqdm import tqdm

from gdw.comparison.audit.audit import Plan
from gdw.comparison.audit.estimate import estimate
from gdw.comparison.audit.heads import FOLDS, LogProbs, check_probs
from gdw.comparison.audit.output import SHOWN, Audit, check_outputs
from gdw.comparison.audit.page import PAIRS
from gdw.comparison.audit.rank import RANKINGS
from gdw.comparison.audit.review import Pictures
from gdw.comparison.sweep import executor_for
from gdw.data.confirmed import CHOSEN_COLUMN, CONFIRMED_COLUMNS, Confirmed, confirmed_of, read_confirmed
from gdw.data.dataset import Dataset
from gdw.data.folder import list_folder, load_listing
from gdw.data.given import read_embeddings, read_numbers
from gdw.data.label_table import read_table
from gdw.data.path_match import Places
from gdw.data.pretrained import LITE0, own_size
from gdw.errors import whole_number

PIXELS = "pixels"  # instead of a network's name: the pictures themselves
PRINTED = 10  # suspects and class pairs


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
    check_outputs(None, options.html)
    whole_number("--top", options.top, 1)
    whole_number("--folds", options.folds, 2)
    network = None if options.features == PIXELS else options.features
    plan = Plan(network, options.features_size, options.ranking, options.method, options.folds, options.seed)
    given, votes, listing, aside, notes = None, None, None, dict[str, tuple[str, str]](), list[str]()
    if options.folder is None:
        dataset, given = _numbers(options)
        confirmed = Confirmed() if options.confirmed is None else confirmed_of(options.confirmed, dataset)
        if given is not None and options.embeddings is None:
            plan = replace(plan, ranking="self-confidence")  # there is nothing to train a second round on
        check_outputs(options.csv, options.html, {(dataset.paths or ())[place] for place in confirmed})
        plan.check(dataset.labels.tolist(), confirmed, dataset.class_names)
    else:
        listing = list_folder(options.folder, options.labels, options.column, options.path_column)
        listing = listing.without_small_classes(options.folds)
        votes = listing.votes
        yield listing.counts
        confirmed = Confirmed()
        if options.confirmed is not None:
            with warnings.catch_warnings(record=True, action="always") as said:
                confirmed = read_confirmed(options.confirmed, listing.paths, listing.class_names, listing.others)
            notes = [str(one.message) for one in said]
            aside = _answers(options.confirmed, listing.aside, (*listing.paths, *listing.others))
        check_outputs(options.csv, options.html, {*aside, *(listing.paths[place] for place in confirmed)})
        plan.check(listing.labels, confirmed, listing.class_names)
        seen_at = None if network is None else options.features_size or own_size(network)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what was passed over is printed with the notes
            dataset = load_listing(listing, seen_at=seen_at, content=False)
        read = set(dataset.paths or ())
        confirmed = confirmed.among([place for place, path in enumerate(listing.paths) if path in read])
    yield estimate(dataset, plan, given is not None)
    with executor_for(options.dask) as executor, tqdm(delay=1, mininterval=0.5) as bar:

        def progress(what: str, done: int, total: int) -> None:
            if bar.desc != f"{what}: ":
                bar.reset(total)
                bar.set_description(what)
            bar.update(done - bar.n)

        try:
            plan = replace(plan, executor=executor)
            found = plan.run(dataset, dataset.labels.numpy(), confirmed, progress, given, votes)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_stopped(bar)) from None
    found = replace(found, notes=(*found.notes, *notes))
    if listing is not None and listing.aside:
        files = Pictures([listing.folder / path for path in listing.aside])
        found = found.with_aside(listing.aside, aside, files)
    if options.csv is not None:
        found.save_csv(options.csv)
    if options.html is not None:
        found.save_html(options.html, options.top)
    yield _text(found, options)


def _numbers(options: argparse.Namespace) -> tuple[Dataset, LogProbs | None]:
    """The data set of ``--embeddings``, or of ``--pred-probs`` alone, and what the latter says."""
    rows = options.embeddings or options.pred_probs
    if rows is None:
        raise ValueError("give a folder of pictures, or --embeddings FILE or --pred-probs FILE with --labels FILE")
    if options.labels is None:
        raise ValueError(f"{rows} needs --labels FILE: one label for each row, in the same order")
    dataset = read_embeddings(rows, options.labels, options.column)
    if options.pred_probs is None:
        return dataset, None
    return dataset, check_probs(read_numbers(options.pred_probs), len(dataset.labels), dataset.class_names)


def _answers(confirmed: Path, aside: Mapping[str, str], others: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What a person wrote of pictures that were put aside: path to label, and how it was chosen.

    Args:
        others: paths of all other pictures, which the table may mean too.
    """
    table = read_table(confirmed, least=0)
    columns = {name.lower(): words for name, words in table.columns.items()}
    named = next((name for name in CONFIRMED_COLUMNS if name in columns), None)
    if named is None:
        return {}
    found, _ = Places(tuple(aside), others).find(table.paths)
    ways = columns.get(CHOSEN_COLUMN, [""] * len(found))
    rows = zip(found, columns[named], ways, strict=True)
    paths = tuple(aside)
    return {paths[place]: (word, way) for place, word, way in rows if place is not None and place < len(paths) and word}


def _stopped(bar: "tqdm[Never]") -> str:
    if not bar.desc.startswith("features"):
        return "stopped: features are kept, folds are not; the same command continues with the folds"
    return f"stopped: the features of {bar.n} of {bar.total} pictures are kept; the same command continues from there"


def _text(found: Audit, options: argparse.Namespace) -> str:
    """What was found in a few lines, and where all of it is."""
    result, *notes = found.sentences()
    parts = [f"{found.name}: {result}", *(f"note: {note}" for note in notes)]
    if len(found.pairs):
        parts += [f"{PAIRS}:", found.pairs.head(PRINTED).to_string(index=False)]
    first = found.table.head(PRINTED)[["rank", "path", "observed", "proposed", "score", "reason"]]
    parts += ["the most suspicious:", first.to_string(index=False)]
    written = [str(path) for path in (options.csv, options.html) if path is not None]
    parts.append(f"written: {', '.join(written)}" if written else "nothing is written: --csv FILE keeps the table")
    return "\n".join(parts)
