"""What is known by name: methods, networks, data sets, noise. One's own join them, and say where they are from."""

import hashlib
import sys
from collections.abc import Container, Mapping, Sequence
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from gdw.errors import unknown

Item = TypeVar("Item")
HERE = "gdw"  # the package whose own things need no plugin
DIGITS = 16  # hexadecimal, of the hash of a file


class Place(NamedTuple):
    """Where something was defined: its module, that module's file, and a hash of the file when it was registered."""

    module: str
    file: str | None
    code: str | None

    @property
    def is_own(self) -> bool:
        """Whether it is not of this package."""
        return self.module.partition(".")[0] != HERE


class Registry(dict[str, Item]):
    """Names of things of one kind, a dictionary; ``add`` takes what is not there yet.

    Args:
        kind: in words, for messages.
        known: those of this package.
        arguments: what one's own function of this kind takes.
        besides: names that are not free either.
    """

    def __init__(
        self, kind: str, known: Mapping[str, Item] | None = None, arguments: Sequence[str] = (),
        besides: Container[str] = (),
    ):  # fmt: skip
        super().__init__(known or {})
        self.kind, self.arguments, self.besides = kind, tuple(arguments), besides
        self._places: dict[str, Place] = {}

    def find(self, name: object) -> Item:
        """The thing of that name; ``ValueError`` with the nearest known name where there is none."""
        if not isinstance(name, str) or name not in self:
            raise unknown(self.kind, name, self)
        return self[name]

    def add(self, name: str, thing: Item) -> None:
        """Make a thing known. The same one may come again, as a cell of a notebook does; no other of its name may."""
        place = _place_of(thing)
        if name in self.besides or (name in self and not self._is_again(name, thing, place)):
            before = None if name in self.besides else self.place(name)
            where = f"from {before.file or before.module}" if before and before.is_own else "one of gdw's own"
            raise ValueError(f"a {self.kind} named {name!r} exists already{f' ({where})' if before else ''}")
        self[name], self._places[name] = thing, place

    def add_function(self, function: Item) -> Item:
        """``add`` under the function's own name. ``TypeError`` for one without a name or with other arguments."""
        name = getattr(function, "__name__", "")
        if not callable(function) or not name.isidentifier():
            raise TypeError(f"a {self.kind} of your own is a function with a name (def ...), got {function!r}")
        try:
            signature(function).bind(*self.arguments)
        except TypeError:
            wanted = ", ".join(self.arguments)
            raise TypeError(f"a {self.kind} is made by a function of ({wanted}): {name} takes others") from None
        self.add(name, function)
        return function

    def place(self, name: str) -> Place:
        """Where the thing of that name was defined."""
        now = _place_of(self[name])
        then = self._places.get(name, now)
        return then if then.module == now.module else now  # put in by hand since

    def _is_again(self, name: str, thing: Item, place: Place) -> bool:
        before = self.place(name)
        same_name = getattr(self[name], "__qualname__", "") == getattr(thing, "__qualname__", None)
        return same_name and (before.file == place.file if before.file else before.module == place.module)


def _place_of(thing: Any) -> Place:
    while isinstance(thing, partial):
        thing = thing.func
    module = str(getattr(thing, "__module__", HERE))
    file = getattr(sys.modules.get(module), "__file__", None)
    own = file is not None and module.partition(".")[0] != HERE and Path(file).is_file()
    return Place(module, file, hashlib.sha256(Path(str(file)).read_bytes()).hexdigest()[:DIGITS] if own else None)
