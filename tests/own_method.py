"""A method as a user would write it to a file of its own; and what is registered within a test goes with it."""

import sys
from contextlib import contextmanager

from gdw.methods.plugins import REGISTRIES

HALF = """
import gdw

@gdw.methods.register
class Half(gdw.methods.Method):
    name, title, source = "half", "half", "a test"

    def logit_gradient(self, step):
        return 0.5 * step.flows / len(step)
"""


@contextmanager
def nothing_stays_registered():
    """Within: anything may be registered and imported."""
    modules, before = set(sys.modules), {field: set(known) for field, known in REGISTRIES.items()}
    try:
        yield
    finally:
        for field, known in REGISTRIES.items():
            for name in set(known) - before[field]:
                del known[name]
        for module in set(sys.modules) - modules:
            if module.startswith("gdw_plugin_"):
                del sys.modules[module]
