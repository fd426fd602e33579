"""Shapes in signatures, checked while the tests run. Only hints of tensors are checked: the others are mypy's."""

from collections.abc import Callable
from typing import Any, get_args

from beartype import beartype
from jaxtyping import AbstractArray, install_import_hook

CHECKED = (  # not gdw.networks.autocast: its passes are compiled, and the compiler would read the checks too
    "gdw.gradients", "gdw.methods", "gdw.networks.classifiers", "gdw.networks.stacked",
    "gdw.networks.weight_net",
)  # fmt: skip


def of_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose tensors have the shapes that their hints say."""
    function.__annotations__ = {name: hint for name, hint in function.__annotations__.items() if _is_shape(hint)}
    return beartype(function) if function.__annotations__ else function


def _is_shape(hint: Any) -> bool:
    parts = get_args(hint) or (hint,)
    return any(isinstance(part, type) and issubclass(part, AbstractArray) for part in parts)


def check_from_here_on() -> None:
    """In what is imported after this."""
    install_import_hook(CHECKED, f"{__name__}.of_tensors")
