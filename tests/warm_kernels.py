"""Notebooks are tested in kernels forked from a parent that has imported the course: the classroom page starts so too.

Both of the first notebook start cold, as a student's kernel does; every notebook does when it is built.
"""

from collections.abc import Callable
from functools import cache, partial

import pytest
from jupyter_client.provisioning import KernelProvisionerFactory

from gdw_notebooks.course import forked
from tests.shared_cells import FIRST


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the kernels of all notebooks but the first forked, where this system can."""
    if forked.POSSIBLE:
        for notebook in {item.parent for item in items if hasattr(item, "cell_num") and item.path.name != FIRST}:
            notebook.setup = partial(_start_forked, notebook.setup)


def pytest_sessionfinish() -> None:
    if _parent.cache_info().currsize:
        _parent().close()


@cache
def _parent() -> forked.WarmParent:
    return forked.WarmParent()


def _start_forked(start_kernel: Callable[[], None]) -> None:
    factory = KernelProvisionerFactory.instance()
    usual = factory.default_provisioner_name
    forked.use(_parent())
    try:
        start_kernel()
    finally:
        factory.default_provisioner_name = usual
