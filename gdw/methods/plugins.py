"""Methods of your own, from a module or a file: imported, they register themselves and are known by name."""

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import cast

from gdw.methods.base import METHODS


def load_plugins(names: Iterable[str]) -> tuple[str, ...]:
    """Import each once; returns the names under which other processes find them too (files with their full path).

    Args:
        names: modules (``"mypackage.methods"``) or files (``"mine.py"``) that use ``gdw.methods.register``.

    Raises:
        ValueError: no such module or file, an error inside it, or one that registers no method.
    """
    return tuple(_load(name) for name in names)


def _load(name: str) -> str:
    file = Path(name).expanduser()
    is_file = file.suffix == ".py"
    if is_file and not file.is_file():
        raise ValueError(f"plugin {name}: there is no such file")
    full = str(file.resolve()) if is_file else name
    module = f"gdw_plugin_{file.stem}" if is_file else name
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
    if not any(method.__module__.split(".")[0] == module.split(".")[0] for method in METHODS.values()):
        raise ValueError(f"plugin {name} registers no method: decorate its class with @gdw.methods.register")
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
