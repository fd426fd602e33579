"""One step of the command line: how many of our functions it passes, and how deep."""

from tools.size import one_step

CALLS, DEPTH = 64, 8  # with Python 3.11, which counts a comprehension as a call


def test_a_step_passes_few_functions():
    found = one_step()
    assert found.calls <= CALLS
    assert found.depth <= DEPTH
