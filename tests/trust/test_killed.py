"""Killed at random moments with a real SIGKILL, a run ends with the numbers of an uninterrupted one."""

import signal

import pytest

from tests.trust.killing import survives, tiny

MOMENTS = 3


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("method", ["gdw", "mwnet", "co-teaching", "insw", "glc", "fine-tune"])
def test_killed_and_resumed_it_ends_bit_for_bit_as_an_unbroken_run(method, tmp_path):
    assert survives(tiny(method), MOMENTS, tmp_path, seed=len(method))
