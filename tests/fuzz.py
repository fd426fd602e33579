"""Random input: a result, or a refusal in a sentence of ours."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

OURS = (ValueError, TypeError, OSError)
OTHERS_WORDS = ("Traceback", "NoneType", "object has no attribute", "codec can't decode", "Expecting value: line")

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def result_or_sentence(call: Callable[[], object]) -> object | None:
    """What ``call`` gives; None if it refuses by a ValueError, TypeError or OSError with a message."""
    try:
        return call()
    except OURS as error:
        if not str(error).strip():
            raise
        return None


def outcome(call: Callable[[], object]) -> tuple[object | None, str | None]:
    """What it gives, and None; or None, and our sentence. Any other error ends the test."""
    try:
        return call(), None
    except OURS as error:
        message = str(error)
    assert message
    assert not any(words in message for words in OTHERS_WORDS)
    return None, message


def reads_or_explains(read: Callable[[Path], object], content: bytes, path: Path) -> object | None:
    """What a reader makes of a file with this content; None after a refusal that names the file. It stays as it is."""
    path.write_bytes(content)
    result, message = outcome(lambda: read(path))
    assert message is None or path.name in message
    assert path.read_bytes() == content
    return result
