"""Several annotators: how sure their common label is, and how good each of them is, with the classifier's help."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gdw.comparison.audit.heads import Labels
from gdw.comparison.audit.rank import Ranked

SHOWN = 10  # annotators that a note names, the worst first


def with_annotators(
    ranked: Ranked,
    labels: Labels,
    names: Sequence[str],
    votes: Mapping[str, Mapping[str, str]],
    class_names: Sequence[str],
) -> tuple[Ranked, list[str]]:
    """The ranking with each label as sure as its annotators and the classifier are together; and what to say of them.

    Args:
        labels: the label that most annotators gave, of the judged pictures.
        names: of these.
        votes: name of a picture to annotator to label.

    Source: Goh et al., CROWDLAB: Supervised learning to infer consensus labels and quality scores for data with
    multiple annotators, 2022, by cleanlab.
    """
    if not votes:
        return ranked, []
    import pandas as pd
    from cleanlab.multiannotator import get_label_quality_multiannotator

    number = {name: label for label, name in enumerate(class_names)}
    given = [{who: number[word] for who, word in votes.get(name, {}).items() if word in number} for name in names]
    if not any(len(one) > 1 for one in given):
        return ranked, []
    frame = pd.DataFrame([one or {"": label} for one, label in zip(given, labels.tolist(), strict=True)])
    found = get_label_quality_multiannotator(
        frame, np.exp(ranked.log_probs), consensus_method="majority_vote", verbose=False,
        return_detailed_quality=False,
    )  # fmt: skip
    quality = found["label_quality"]["consensus_quality_score"].to_numpy()
    same = found["label_quality"]["consensus_label"].to_numpy() == labels
    several = frame.notna().sum(axis=1).to_numpy() > 1
    trust = np.where(several, np.where(same, quality, 1 - quality), ranked.trust)
    agreed = found["label_quality"]["annotator_agreement"].to_numpy()[several]
    people = found["annotator_stats"].drop(index="", errors="ignore").sort_values("annotator_quality")
    shown = ", ".join(f"{who} {row.annotator_quality:.2f} ({row.num_examples_labeled} labels)"
                      for who, row in zip(people.index[:SHOWN], people.itertuples(), strict=False))  # fmt: skip
    return replace(ranked, trust=trust), [
        f"{len(people)} annotators; {several.sum()} pictures have several labels, and all agree on "
        f"{100 * (agreed == 1).mean():.0f} % of these; the label is what most said",
        f"quality of the annotators, the lowest first (1 is always right, as far as their labels tell): {shown}",
    ]
