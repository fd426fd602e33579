"""For every test of the code."""

import os
import signal

from hypothesis import settings

EXAMPLES = int(os.environ.get("GDW_FUZZ", "100"))  # of each random test that names no number of its own
settings.register_profile("gdw", deadline=None, max_examples=EXAMPLES)  # a busy machine is no failure
settings.load_profile("gdw")

# A process that a script starts with & ignores Ctrl-C, and so would every process that a test starts. With a handler
# here, Ctrl-C does in both what it does in a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)
