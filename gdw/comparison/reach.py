"""What other processes can know: what is your own must be in a module that they can import."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType

from gdw.methods.plugins import PLUGIN_PREFIX
from gdw.registry import Place
from gdw.training.experiment import Experiment
from gdw.training.provenance import own_code


def plugins_for(experiments: Iterable[Experiment]) -> tuple[str, ...]:
    """The modules and files that another process has to load before it knows what these experiments name.

    ``ValueError`` for what was defined in a notebook, in the script that runs, or typed in: no other process finds it.
    """
    found = {place: what for experiment in experiments for what, place in own_code(experiment).items()}
    return tuple(dict.fromkeys(_plugin(place, what) for place, what in found.items()))


def _plugin(place: Place, what: str) -> str:
    if place.module == "__main__" or place.file is None:
        kind, _, name = what.partition(" ")
        raise ValueError(
            f"the {kind} {name!r} is defined in a notebook or in the script itself, where no other process finds it: "
            f"write its {'class' if kind == 'method' else 'function'} to a file of its own and import that, or run in "
            "this process with workers=0"
        )
    return place.file if place.module.startswith(PLUGIN_PREFIX) else place.module


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
