"""Methods, networks, data sets and noise of your own, from a module or a file: imported, they register themselves."""

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any, cast

from gdw.data.corruption import IMAGE_NOISES
from gdw.data.datasets import DATASETS
from gdw.methods.base import METHODS
from gdw.networks.classifiers import MODELS
from gdw.registry import Registry

PLUGIN_PREFIX = "gdw_plugin_"  # of modules made of files
REGISTRIES: dict[str, Registry[Any]] = {"method": METHODS, "model": MODELS, "dataset": DATASETS, "noise": IMAGE_NOISES}
"""What an experiment names, by its field."""


def load_plugins(names: Iterable[str]) -> tuple[str, ...]:
    """Import each once; returns the names under which other processes find them too (files with their full path).

    Args:
        names: modules (``"mypackage.methods"``) or files (``"mine.py"``) that use ``gdw.methods.register``,
            ``gdw.register_network``, ``gdw.register_dataset`` or ``gdw.register_noise``.

    Raises:
        ValueError: no such module or file, an error inside it, or one that registers nothing.
    """
    return tuple(_load(name) for name in names)


def _load(name: str) -> str:
    file = Path(name).expanduser()
    is_file = file.suffix == ".py"
    if is_file and not file.is_file():
        raise ValueError(f"plugin {name}: there is no such file")
    full = str(file.resolve()) if is_file else name
    module = f"{PLUGIN_PREFIX}{file.stem}" if is_file else name
    if getattr(sys.modules.get(module), "__file__", None) == full:
        return full
    try:
        if is_file:
            _run_file(module, full)
        else:
            importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise ValueError(f"plugin {name}: there is no such module (a file's name ends in .py)") from None
        raise ValueError(f"plugin {name}: it needs the module {error.name}, which is not installed") from error
    except Exception as error:  # a user's file may raise anything
        raise ValueError(f"plugin {name} failed: {type(error).__name__}: {error}") from error
    top = module.partition(".")[0]
    places = (known.place(item) for known in REGISTRIES.values() for item in known)
    if not any(place.module.partition(".")[0] == top for place in places):
        raise ValueError(
            f"plugin {name} registers nothing: write @gdw.methods.register above a method's class, or "
            "@gdw.register_network, @gdw.register_dataset or @gdw.register_noise above a function"
        )
    return full


def _run_file(module: str, path: str) -> None:
    loader = SourceFileLoader(module, path)
    spec = importlib.util.spec_from_file_location(module, path, loader=loader)
    found = importlib.util.module_from_spec(cast(ModuleSpec, spec))  # None only where no loader is known
    sys.modules[module] = found  # before it runs: dataclasses and pickle look there
    try:
        loader.exec_module(found)
    except BaseException:
        del sys.modules[module]
        raise
