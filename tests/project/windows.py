"""Importing this (or ``pytest -p tests.project.windows``) hides the modules that Python lacks on Windows."""

import sys

MISSING = ("fcntl", "resource", "pwd", "grp", "termios")  # modules of Unix alone


class Missing:
    """A finder that comes first and finds none of them."""

    def find_spec(self, name, path=None, target=None):
        if name in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r} on Windows", name=name)


for loaded in MISSING:
    sys.modules.pop(loaded, None)
sys.meta_path.insert(0, Missing())
