"""``gdw audit FOLDER``: which labels of a folder of pictures are probably wrong? Its options, and what it prints."""

import argparse
import warnings
from pathlib import Path

from tqdm import tqdm

from gdw.comparison.audit.audit import Plan
from gdw.comparison.audit.heads import FOLDS
from gdw.comparison.audit.output import SHOWN, Audit, check_outputs
from gdw.comparison.audit.page import PAIRS
from gdw.comparison.audit.rank import RANKINGS
from gdw.data.confirmed import Confirmed, read_confirmed
from gdw.data.folder import list_folder, load_listing
from gdw.data.pretrained import LITE0, own_size
from gdw.errors import whole_number

PIXELS = "pixels"  # instead of a network's name: the pictures themselves
PRINTED = 10  # suspects and class pairs


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Add ``audit`` to the commands of the command line."""
    found = commands.add_parser("audit", help="which labels of a folder of pictures are probably wrong?")
    found.add_argument("folder", type=Path, metavar="FOLDER", help="a class in each subfolder; or see --labels")
    found.add_argument("--labels", type=Path, metavar="FILE", help="CSV or TSV path,label instead of class folders")
    found.add_argument("--column", metavar="NAME", help="the column of labels, where --labels has several")
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
    return found


def audit_folder(options: argparse.Namespace) -> str:
    """Check everything that can be checked before a picture is decoded, then audit and write; what to print."""
    check_outputs(None, options.html)
    whole_number("--top", options.top, 1)
    whole_number("--folds", options.folds, 2)
    network = None if options.features == PIXELS else options.features
    plan = Plan(network, options.features_size, options.ranking, options.method, options.folds, options.seed)
    listing = list_folder(options.folder, options.labels, options.column)
    confirmed = Confirmed()
    if options.confirmed is not None:
        confirmed = read_confirmed(options.confirmed, listing.paths, listing.class_names, listing.others)
    check_outputs(options.csv, options.html, {listing.paths[place] for place in confirmed})
    plan.check(listing.labels, confirmed, listing.class_names)
    seen_at = None if network is None else options.features_size or own_size(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what was passed over is printed with the notes
        dataset = load_listing(listing, seen_at=seen_at)
    with tqdm(delay=1) as bar:

        def progress(what: str, done: int, total: int) -> None:
            if bar.desc != f"{what}: ":
                bar.reset(total)
                bar.set_description(what)
            bar.update(done - bar.n)

        found = plan.run(dataset, dataset.labels.numpy(), confirmed, progress)
    if options.csv is not None:
        found.save_csv(options.csv)
    if options.html is not None:
        found.save_html(options.html, options.top)
    return _text(found, options)


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
