"""Histories written by hand, so that a figure's test knows every number without training."""

import numpy as np

from gdw.experiments.history import History

NAMES = ("cat", "dog", "bird")


def history(method="gdw", seed=0, epochs=6, offset=0.0, wrong=True, curve=False):
    """Accuracy rises by 10 an epoch from 40 + offset; class accuracies and weights are plain to recompute."""
    made = History({"method": method, "seed": seed}, NAMES, 0.3 if wrong else 0.0, (50, 10, 2))
    for epoch in range(epochs):
        accuracy = 40.0 + 10 * epoch + offset
        clean = [1 - 0.1 * epoch, np.nan, 0.9]
        mislabelled = [0.8 - 0.1 * epoch, 0.5, 0.95] if wrong else [np.nan] * 3
        weights = np.array([clean, mislabelled]) + offset / 100
        row = {
            "test_accuracy": accuracy,
            "class_accuracy": np.array([accuracy, accuracy - 20, accuracy - 30]),
            "flow_weight": weights,
            "flow_weight_plain": weights / 2,
            "flow_mass": weights / 4,
        }
        if curve:
            row["weight_curve"] = np.linspace(1, 0, 33) * (epoch + 1) / epochs
        made.append(row)
    return made
