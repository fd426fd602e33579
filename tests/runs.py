"""What several tests share: runs, the processes for those that need several, and what the standing comparison lacks."""

from multiprocessing import context, get_context

import gdw

NOT_YET_COMPARED = {"gce", "seesaw", "loss-mixture", "elr", "sop", "cmw-net", "mlc", "fsr", "gdw-class-net"}
"""Methods added after the standing comparison's runs (benchmarks/standing)."""


def processes() -> context.ForkServerContext:
    """Starts processes that have imported torch already, from one server for all tests: it has no threads to lose."""
    made = get_context("forkserver")
    made.set_forkserver_preload(["gdw", "torch.distributed"])
    return made


_KNOWN: dict[str, gdw.History] = {}


def known(experiment: gdw.Experiment) -> gdw.History:
    """What ``gdw.run`` gives, computed once for all tests that compare with it."""
    name = repr(experiment.everything())
    if name not in _KNOWN:
        _KNOWN[name] = gdw.run(experiment)
    return _KNOWN[name]


def trained(experiment: gdw.Experiment, **own) -> gdw.Training:
    """``own`` as for ``gdw.Training``."""
    training = gdw.Training(experiment, **own)
    for _ in training.events():
        pass
    return training
