"""Wrong tries are counted for the whole process: each test starts from none."""

import pytest

from gdw_notebooks.checks import exercise


@pytest.fixture(autouse=True)
def no_tries_yet():
    exercise._tries.clear()
    yield
    exercise._tries.clear()
