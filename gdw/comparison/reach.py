"""What other processes can know: a method of your own must be in a module that they can import."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType

from gdw.methods.base import method_class

PLUGIN_PREFIX = "gdw_plugin_"  # of modules that methods/plugins.py made of files


def plugins_for(methods: Iterable[str]) -> tuple[str, ...]:
    """The modules and files that another process has to load before it knows these methods.

    Raises:
        ValueError: a method was defined in a notebook, in the script that runs, or typed in: no other process finds it.
    """
    modules = {method_class(name).__module__: name for name in dict.fromkeys(methods)}
    return tuple(_plugin(module, name) for module, name in modules.items() if module.split(".")[0] != "gdw")


def _plugin(module: str, method: str) -> str:
    found = sys.modules.get(module)
    file = getattr(found, "__file__", None)
    if module == "__main__" or found is None or file is None:
        raise ValueError(
            f"the method {method!r} is defined in a notebook or in the script itself, where no other process finds it: "
            "write its class to a file of its own and import that, or run in this process with workers=0"
        )
    return file if module.startswith(PLUGIN_PREFIX) else module


@contextmanager
def without_main() -> Iterator[None]:
    """Processes that start within do not run the caller's script again.

    Python's ``spawn`` imports the main module in each new process, which starts a script without an
    ``if __name__ == "__main__"`` once more, and fails for a script from standard input. Workers need nothing of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
