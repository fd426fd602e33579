"""For every test, of code or of a notebook: one thread each, since two on a busy machine can be ten times slower."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; kernels inherit it

pytest_plugins = ("tests.shared_cells", "tests.stands_above")
