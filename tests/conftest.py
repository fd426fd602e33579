"""For every test of the code."""

import os
import signal

import pytest
import setuptools  # noqa: F401 - before anything imports Python 3.11's own distutils, which torch's compiler then meets
from hypothesis import settings

from tests.shapes import check_from_here_on

check_from_here_on()  # before anything imports gdw

EXAMPLES = int(os.environ.get("GDW_FUZZ", "100"))  # of each random test that names no number of its own
settings.register_profile("gdw", deadline=None, max_examples=EXAMPLES)  # a busy machine is no failure
settings.load_profile("gdw")

# A process that a script starts with & ignores Ctrl-C, and so would every process that a test starts. With a handler
# here, Ctrl-C does in both what it does in a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Nothing is kept in the user's own cache, and nothing that lies there has a say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GDW_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
