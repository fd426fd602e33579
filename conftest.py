"""For every test, of code or of a notebook: one thread each, since two on a busy machine can be ten times slower."""

import os

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; kernels inherit it

pytest_plugins = ("tests.shared_cells", "tests.stands_above")

SERVERS = ("lab_server", "voila_server")
# Started first, so that no worker waits for the other at the end.
LONG = (
    "lab_server", "browser/test_site.py", "voila_server", "browser/test_served_page.py", "browser/test_pip_course.py",
    "browser/test_playground.py", "solutions/00_start_here.ipynb", "solutions/07_the_price.ipynb",
    "solutions/04_class_level_weights.ipynb", "solutions/06_when_does_it_help.ipynb", "notebooks/00_start_here.ipynb",
    "solutions/08_real_pictures.ipynb",
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For ``--dist loadgroup``: each file is a group, and so are all files with one server, which then starts once."""
    used: dict[str, set[str]] = {}
    for item in items:
        used.setdefault(_file(item), set()).update(getattr(item, "fixturenames", ()))
    groups = {file: next((name for name in SERVERS if name in fixtures), file) for file, fixtures in used.items()}
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: (item.path.suffix == ".ipynb", places.get(groups[_file(item)], len(LONG))))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[_file(item)]))


def _file(item: pytest.Item) -> str:
    return f"{item.path.parent.name}/{item.path.name}"
