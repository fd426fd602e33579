"""What the lab says about its runs."""

from collections.abc import Sequence
from html import escape
from math import isnan
from traceback import format_exception

import torch

from gdw.experiments.experiment import Experiment, from_config
from gdw.experiments.history import SCORE_EPOCHS, History
from gdw_notebooks.figures import style
from gdw_notebooks.figures.seeds import NO_SCORE, grouped, last, window_note
from gdw_notebooks.panels import page_errors, served
from gdw_notebooks.panels.session import ALL_RUNS, FAILED, FINISHED, PAUSED, STOPPED, Session

READY = "Ready: press Train."
OLD_PICTURE = "This picture is of the run before: the new one has nothing to show yet."
LOADING = "Reading the data …"
STOPPING = "Stopping: nothing more is trained."
BUSY = "A run is in progress. Let it end (press Resume if it is paused), or press Stop; then press Train again."
WAIT = "The run is in progress: press Pause or Stop, then look closer."
NOTHING_TRAINED = "Nothing has been trained here yet: press Train, then look closer."
NOTHING_RUNS = "Nothing is running: press Train."
OTHERS = {"epochs": "epochs", "lr": "learning rate", "batch_size": "batch size"}  # named where they differ
REPLACED = "The cell was run again and made a new lab; the run here has ended."


def of(session: Session) -> str:
    """The state of the session, in a sentence."""
    if not session.histories:
        return f"This could not be trained: {_said(session.errors[ALL_RUNS], session)}" if session.errors else LOADING
    if session.state == FAILED:
        return _failed(session)
    if session.state == FINISHED:
        return f"Done. {_scores(session.histories)}"
    return {PAUSED: "Paused", STOPPED: "Stopped"}.get(session.state, "Training") + _place(session)


def _place(session: Session) -> str:
    done, epochs = max(map(len, session.histories)), session.trainings[0].experiment.epochs
    words = f": {done} of {epochs} epochs are over"
    latest = max(session.latest.values(), key=lambda event: (event.epoch, event.batch), default=None)
    if session.state in (PAUSED, STOPPED) and latest is not None and latest.epoch >= done:
        words += f", and {latest.batch + 1} of {latest.batches} batches of the next"
    kept = (
        " What has been learnt so far is kept: Step goes on from here, if no setting was changed."
        if session.state == STOPPED
        else ""
    )
    return f"{words}.{kept}"


def _failed(session: Session) -> str:
    parts = []
    for place, error in sorted(session.errors.items()):
        who = "The run" if place == ALL_RUNS else style.method_title(session.trainings[place].experiment.method)
        parts.append(f"{who} stopped: {_said(error, session)}.")
    kept = " The epochs before are kept." if any(map(len, session.histories)) else ""
    return f"{' '.join(parts)}{kept}"


def _said(error: BaseException, session: Session) -> str:
    """The error in words; of another kind than our own messages, with its kind."""
    text = str(error).strip().rstrip(".")
    if served.is_served() and isinstance(error, OSError):  # paths and addresses are for the log
        return "its data are not on this server: choose other data"
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in text:
        return _too_large(session)
    if isinstance(error, ValueError | TypeError | OSError | ArithmeticError) and text:
        return text
    return f"{type(error).__name__}: {text or 'it says no more'}"


def _too_large(session: Session) -> str:
    """What to set in the lab's controls if the memory is not enough: half of what it was."""
    if not session.trainings:  # no batch was tried: the data or the model alone are too large
        return "the memory was not enough for these data and this model: try a smaller data set, or a smaller model"
    batch, seeds = session.trainings[0].experiment.batch_size, session.seeds
    tries = [f"Seeds, in all {seeds // 2}"] if seeds > 1 else []
    tries += [f"Batch size {batch // 2}"] if batch > 1 else []
    return f"the memory was not enough for batches of {batch} images: try {' or '.join([*tries, 'a smaller model'])}"


def traceback_of(session: Session) -> str:
    """The tracebacks of what failed as HTML, folded; empty where nothing did.

    A page for visitors shows none: there the traceback goes to the server's log.
    """
    if not session.errors:
        return ""
    errors = [error for _, error in sorted(session.errors.items())]
    if served.is_served():
        page_errors.log(*errors)
        return ""
    texts = ["".join(format_exception(error)) for error in errors]
    return f"<details><summary>Traceback</summary><pre>{escape(chr(10).join(texts))}</pre></details>"


def _scores(histories: Sequence[History]) -> str:
    if all(isnan(history.accuracy) for history in histories):
        return f"{NO_SCORE}."
    scores = []
    for method, runs in grouped(histories).items():
        mean, sd = last(runs, "test_accuracy", SCORE_EPOCHS)
        scores.append(f"{style.method_title(method)} {mean:.1f}{f' ± {sd:.1f}' if len(runs) > 1 else ''} %")
    seeds = len({history.seed for history in histories})
    note = "One seed proves little: try others." if seeds == 1 else f"Mean ± sd of {seeds} seeds."
    return f"Test accuracy, {window_note(histories)}: {', '.join(scores)}. {note}"


def other_run(
    shown: Sequence[Experiment], asked: Sequence[Experiment], seeds: int = 1, seeds_asked: int = 1
) -> str:  # fmt: skip
    """A warning where the picture is of other settings than the controls show; else empty."""
    if not shown or (list(shown) == list(asked) and seeds == seeds_asked):
        return ""
    first = shown[0]
    more = [f"{words} {getattr(first, name):g}" for name, words in OTHERS.items()
            if asked and getattr(first, name) != getattr(asked[0], name)]  # fmt: skip
    more += [f"{seeds} seeds in all"] if seeds != seeds_asked else []
    noise = first.noise if isinstance(first.noise, str) else "a matrix"
    titles = ", ".join([" and ".join(style.method_title(experiment.method) for experiment in shown), *more])
    return (
        f"The picture shows other settings than the controls: {first.dataset}, {noise} noise {first.rate:g}, "
        f"imbalance {first.imbalance:g}, seed {first.seed}, {titles}. Press Train for what the controls say."
    )


def kept(done: Sequence[int | None], epochs: int, seeds: int, keep: bool, notes: Sequence[str]) -> str:
    """What Keep does at the next Train.

    Args:
        done: of each run, how many epochs of its checkpoint are over; None without one.
        epochs: of a whole run.
        seeds, keep: what the controls say.
        notes: on damaged checkpoints.
    """
    words = " ".join(f"{note}." for note in notes)
    if seeds > 1:
        return f"{words} Several seeds at once are not kept.".strip() if keep else words
    if not any(number is not None for number in done) or all((number or 0) >= epochs for number in done):
        return words
    at = f"goes on at epoch {min(number or 0 for number in done) + 1} of {epochs}."
    return f"{words} {'Train' if keep else 'A run of these settings is kept: with Keep, Train'} {at}".strip()


def codes(histories: Sequence[History], ghosts: Sequence[History]) -> str:
    """The run codes of what is shown, as HTML."""
    lines = [
        f"<li>{escape(style.method_title(history.method))}{faint}: {_code(history)}</li>"
        for group, faint in ((histories, ""), (ghosts, " (before, faint)"))
        for history in group
    ]
    return f"<details><summary>Run codes of these curves</summary><ul>{''.join(lines)}</ul></details>" if lines else ""


def _code(history: History) -> str:
    try:
        return f"<code>{escape(from_config(history.config).code)}</code>"
    except ValueError:  # it used objects of the user's own
        return "no code, since it used a data set, a model or a method of your own"
