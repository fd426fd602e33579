"""``pytest -p tests.project.windows`` hides the modules that Python lacks on Windows, from this process alone."""

import sys

import psutil  # noqa: F401 - it has its own code for Windows; the code for Linux needs what is hidden here

MISSING = ("fcntl", "resource", "pwd", "grp", "termios")  # modules of Unix alone


class Missing:
    """A finder that comes first and finds none of them."""

    def find_spec(self, name, path=None, target=None):
        if name in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r} on Windows", name=name)


def hide() -> None:
    """From now on an import of one of them fails."""
    for loaded in MISSING:
        sys.modules.pop(loaded, None)
    sys.meta_path.insert(0, Missing())


def pytest_configure(config) -> None:
    """Called where this is a plugin, not where a test imports it."""
    hide()
