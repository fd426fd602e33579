"""What the lab says of its runs, in words."""

from collections.abc import Sequence
from html import escape

from gdw.training.experiment import from_config
from gdw.training.history import SCORE_EPOCHS, History
from gdw_notebooks.figures import style
from gdw_notebooks.figures.seeds import grouped, last
from gdw_notebooks.panels.session import ALL_RUNS, FAILED, FINISHED, PAUSED, STOPPED, Session

READY = "Ready: press Train."
LOADING = "Reading the data …"
STOPPING = "Stopping: nothing more is trained."
BUSY = "A run is going on. Let it end, or press Stop first; then Train begins anew."
WAIT = "The run is going on: press Pause or Stop, then look closer."
NOTHING_TRAINED = "Nothing has been trained here yet: press Train, then look closer."
NOTHING_RUNS = "Nothing is running: press Train."


def of(session: Session) -> str:
    """Where the session stands."""
    if not session.histories:
        return f"This could not be trained: {session.errors[ALL_RUNS]}" if session.errors else LOADING
    if session.state == FAILED:
        return _failed(session)
    if session.state == FINISHED:
        return f"Done. {_scores(session.histories)}"
    return {PAUSED: "Paused", STOPPED: "Stopped"}.get(session.state, "Training") + _place(session)


def _place(session: Session) -> str:
    done, epochs = max(map(len, session.histories)), session.trainings[0].experiment.epochs
    kept = " What has been learnt so far is kept." if session.state == STOPPED else ""
    return f": {done} of {epochs} epochs are over.{kept}"


def _failed(session: Session) -> str:
    parts = []
    for place, error in sorted(session.errors.items()):
        who = "The run" if place == ALL_RUNS else style.method_title(session.trainings[place].experiment.method)
        parts.append(f"{who} broke off: {error}.")
    return f"{' '.join(parts)} The epochs before are kept."


def _scores(histories: Sequence[History]) -> str:
    scores = []
    for method, runs in grouped(histories).items():
        mean, sd = last(runs, "test_accuracy", SCORE_EPOCHS)
        scores.append(f"{style.method_title(method)} {mean:.1f}{f' ± {sd:.1f}' if len(runs) > 1 else ''} %")
    seeds = len({history.seed for history in histories})
    note = "One seed proves little: try others." if seeds == 1 else f"Mean ± sd of {seeds} seeds."
    return f"Test accuracy, mean of the last five epochs: {', '.join(scores)}. {note}"


def codes(histories: Sequence[History], ghosts: Sequence[History]) -> str:
    """The run codes of what is shown, as HTML."""
    lines = [
        f"<li>{style.method_title(history.method)}{faint}: <code>{escape(from_config(history.config).code)}</code></li>"
        for group, faint in ((histories, ""), (ghosts, " (before, faint)"))
        for history in group
    ]
    return f"<details><summary>Run codes of these curves</summary><ul>{''.join(lines)}</ul></details>" if lines else ""
