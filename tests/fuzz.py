"""Random input: a result, or a refusal in a sentence of ours."""

from collections.abc import Callable


def result_or_sentence(call: Callable[[], object]) -> object | None:
    """What ``call`` gives; None if it refuses by a ValueError, TypeError or OSError with a message."""
    try:
        return call()
    except (ValueError, TypeError, OSError) as error:
        if not str(error).strip():
            raise
        return None
