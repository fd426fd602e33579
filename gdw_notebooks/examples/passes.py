"""The passes of one training step, named and counted: a forward pass of a batch is 1, a backward pass is 2.

A tangent pass is 2. It uses what the first pass has left on a tape, or goes forward once more.
"""

PLAIN = 3  # a plain step's: the unit of every ratio

_META = {"forward": 1, "virtual step, backward": 2, "clean batch, forward": 1, "clean batch, backward": 2}
_REAL = {"real step, backward": 2}

#: of each way to take a step, in the order in which they are made
PASSES: dict[str, dict[str, int]] = {
    "cross-entropy": {"forward": 1, **_REAL},
    "MWNet": {**_META, "tangent": 2, **_REAL},
    "GDW": {**_META, "tangent": 2, **_REAL},
    "GDW, save_memory": {**_META, "forward again": 1, "tangent": 2, **_REAL},
    "GDW by double backward": {**_META, "back through the virtual step": 4, **_REAL},
}

#: in the order of a GDW step; colours and hatches of a figure follow it
KINDS = (
    "forward", "virtual step, backward", "clean batch, forward", "clean batch, backward", "forward again", "tangent",
    "back through the virtual step", "real step, backward",
)  # fmt: skip


def total(way: str) -> int:
    """Passes of a step taken that way."""
    return sum(PASSES[way].values())
