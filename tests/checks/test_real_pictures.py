"""Exercise of notebook 08: what is right, what is wrong with the likely wrong answers, on a run written by hand."""

import numpy as np
import pytest

from gdw.training.history import History
from gdw_notebooks.checks.real_pictures import MemorisationStarts, memorisation_start

PEAK = 12  # the epoch of the best accuracy


def run(epochs=30, wrong_falls=True):
    """Accuracy rises by a point an epoch to the peak, then falls by one; the loss on wrong labels falls throughout."""
    made = History({"method": "cross-entropy", "seed": 0})
    for epoch in range(1, epochs + 1):
        wrong = 2.3 - 0.05 * epoch if wrong_falls else 2.3
        made.append({"test_accuracy": 40.0 - abs(epoch - PEAK), "group_loss": [1.0, wrong]})
    return made


def test_it_starts_where_both_means_fall():
    # epochs e - 4 ... e have the mean 40 - (PEAK - e + 2) up to the peak, the five after it are symmetric around it
    start = memorisation_start(run())
    accuracy = run()["test_accuracy"]
    falls = [e for e in range(5, 26) if accuracy[e : e + 5].mean() < accuracy[e - 5 : e].mean()]
    assert start == falls[0] == PEAK
    assert memorisation_start(run(wrong_falls=False)) is None


def test_the_right_answer_and_its_neighbours():
    history = run()
    assert MemorisationStarts(history)((history.accuracy, PEAK)).right
    assert MemorisationStarts(history)([np.float64(history.accuracy), np.int64(PEAK)]).right
    assert MemorisationStarts(history)((round(history.accuracy, 1), PEAK)).right
    assert MemorisationStarts(history)(None).verdict == "not answered yet"
    assert MemorisationStarts(history)((history.accuracy, None)).verdict == "not answered yet"


@pytest.mark.parametrize(
    ("score", "epoch", "words"),
    [
        ("last", PEAK, "the last epoch's alone"),
        ("best", PEAK, "chosen on the test set"),
        (12.0, PEAK, "is not 12.00 %."),
        ("right", PEAK - 1, "one too early: epochs count from 1"),
        ("right", PEAK - 3, "After epoch 9 the mean test accuracy is not lower"),
        ("right", PEAK + 2, "not the first such epoch"),
        ("right", 2, "have the epochs 5 to 25 alone"),
        ("right", 12.5, "have the epochs 5 to 25 alone"),
    ],
)
def test_what_is_said_of_a_wrong_answer(score, epoch, words):
    history = run()
    known = {"last": history["test_accuracy"][-1], "best": 40.0, "right": history.accuracy}
    feedback = MemorisationStarts(history)((known.get(score, score), epoch))
    assert feedback.verdict == "look again"
    assert words in feedback.text


def test_hints_come_one_by_one():
    exercise = MemorisationStarts(run())
    assert [len(exercise((0, 0)).hints) for _ in range(4)] == [1, 2, 3, 4]
