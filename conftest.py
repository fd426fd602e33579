"""For every test, of code or of a notebook: one thread each, since two on a busy machine can be ten times slower."""

import os

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; kernels inherit it
os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no processes that wait for work on a GPU

pytest_plugins = ("tests.shared_cells", "tests.stands_above", "tests.warm_kernels")

# These take longest and start first, so that no worker waits for another at the end.
LONG = (
    "browser/test_site.py", "browser/test_served_page.py", "browser/test_start_here.py", "browser/test_classroom.py",
    "browser/test_large_type.py", "browser/test_pip_course.py", "browser/test_playground.py",
    "solutions/00_start_here.ipynb", "solutions/07_the_price.ipynb", "solutions/04_class_level_weights.ipynb",
    "solutions/06_when_does_it_help.ipynb", "notebooks/00_start_here.ipynb", "solutions/08_real_pictures.ipynb",
    "grading/test_needed.py", "grading/test_sandbox.py", "gradients/test_cases.py", "gradients/test_compiled.py",
    "panels/test_training_lab.py", "methods/test_clean_digits.py",
)  # fmt: skip


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's tests, then what takes long; the order within a file stays."""
    places = {name: place for place, name in enumerate(LONG)}

    def place(item: pytest.Item) -> tuple[bool, int]:
        path = item.path
        return "browser" not in item.keywords, places.get(f"{path.parent.name}/{path.name}", len(LONG))

    items.sort(key=place)
