"""What several tests share: a run to its end with what it has learnt, and what the standing comparison lacks."""

import gdw

NOT_YET_COMPARED = {"gce", "seesaw", "loss-mixture", "elr", "sop", "cmw-net", "mlc", "fsr", "gdw-class-net"}
"""Methods added after the standing comparison's runs (benchmarks/standing)."""


def trained(experiment: gdw.Experiment, **own) -> gdw.Training:
    """``own`` as for ``gdw.Training``."""
    training = gdw.Training(experiment, **own)
    for _ in training.events():
        pass
    return training
