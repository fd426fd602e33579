"""For every test of the code."""

import os

from hypothesis import settings

EXAMPLES = int(os.environ.get("GDW_FUZZ", "100"))  # of each random test that names no number of its own
settings.register_profile("gdw", deadline=None, max_examples=EXAMPLES)  # a busy machine is no failure
settings.load_profile("gdw")
