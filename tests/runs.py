"""A run to its end, with what it has learnt still in one's hands."""

import gdw


def trained(experiment: gdw.Experiment, **own) -> gdw.Training:
    """``own`` as for ``gdw.Training``."""
    training = gdw.Training(experiment, **own)
    for _ in training.events():
        pass
    return training
