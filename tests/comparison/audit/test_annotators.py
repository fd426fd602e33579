"""Several annotators: their quality is told, and a label that few of them gave is more suspicious."""

import numpy as np

from gdw.comparison.audit.annotators import with_annotators
from gdw.comparison.audit.rank import Ranked

CLASSES = ("cat", "dog")


def made(pictures=300, seed=0):
    """Three annotators who are right in 95, 90 and 60 % of cases, and a classifier that is right in 80 %."""
    random = np.random.default_rng(seed)
    truth = random.integers(2, size=pictures)
    answers = {who: np.where(random.random(pictures) < right, truth, 1 - truth)
               for who, right in (("ann", 0.95), ("bob", 0.9), ("eve", 0.6))}  # fmt: skip
    guess = np.where(random.random(pictures) < 0.8, truth, 1 - truth)
    probs = np.where(np.arange(2) == guess[:, None], 0.8, 0.2)
    labels = (sum(answers.values()) >= 2).astype(np.int64)
    votes = {str(place): {who: CLASSES[said[place]] for who, said in answers.items()} for place in range(pictures)}
    return truth, labels, votes, Ranked(np.log(probs), probs[np.arange(pictures), labels])


def test_the_worst_annotator_comes_first_and_doubted_labels_are_suspicious():
    truth, labels, votes, ranked = made()
    found, said = with_annotators(ranked, labels, list(votes), votes, CLASSES)
    agreed = np.mean([len(set(one.values())) == 1 for one in votes.values()])
    assert f"3 annotators; 300 pictures have several labels, and all agree on {100 * agreed:.0f} % of these" in said[0]
    places = [said[1].index(f"{who} 0.") for who in ("eve", "bob", "ann")]
    assert places == sorted(places)
    wrong = labels != truth
    suspicious = np.argsort(found.trust)[: wrong.sum()]
    before = np.argsort(ranked.trust, kind="stable")[: wrong.sum()]
    assert wrong[suspicious].mean() > wrong[before].mean()


def test_pictures_with_one_label_keep_their_trust():
    _, labels, votes, ranked = made()
    alone = {str(place): {"ann": CLASSES[label]} for place, label in enumerate(labels) if place % 2}
    assert with_annotators(ranked, labels, list(votes), alone, CLASSES) == (ranked, [])
    mixed = alone | dict(list(votes.items())[:100])
    found, said = with_annotators(ranked, labels, list(votes), mixed, CLASSES)
    np.testing.assert_array_equal(found.trust[100:], ranked.trust[100:])
    assert "3 annotators; 100 pictures have several labels" in said[0]


def test_two_labels_that_as_many_gave_share_the_trust():
    """Which of them counts is the table's rule, and may not be cleanlab's."""
    _, labels, votes, ranked = made(30)
    pairs = {name: {"ann": said["ann"], "bob": said["ann"]} for name, said in votes.items()}
    pairs["9"] = {"ann": "cat", "bob": "dog"}

    def trust(label):
        labels[9] = label
        found, _ = with_annotators(ranked, labels, list(pairs), pairs, CLASSES)
        return found.trust[9]

    assert 0 < trust(0) < 1
    np.testing.assert_allclose(trust(0) + trust(1), 1)
