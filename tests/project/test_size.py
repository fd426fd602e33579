"""One step: how many of our functions it passes, and how deep."""

import pytest

from tools.size import one_step

AS_TAKEN, AS_WRITTEN = 20, 65  # with Python 3.11, which counts a comprehension as a call
DEPTH = 8


@pytest.mark.parametrize(("whole", "calls"), [(False, AS_TAKEN), (True, AS_WRITTEN)])
def test_a_step_passes_few_functions(whole, calls):
    found = one_step(whole=whole)
    assert found.calls <= calls
    assert found.depth <= DEPTH
