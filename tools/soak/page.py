"""docs/reliability.md: the table of the long check, with when and where it was made and what each row means."""

import os
import platform
from collections.abc import Sequence
from datetime import datetime

import torch

from gdw.experiments.provenance import package_version
from tools.soak.row import Row, table
from tools.soak.sections import SECTIONS

COMMAND = "python start.py soak"


def machine() -> str:
    """In words, without names; the cores are those that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} core{'' if cores == 1 else 's'}, {platform.system()}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, gdw {package_version()}"
    )


def page(rows: Sequence[Row], seconds: float, short: bool = False) -> str:
    """The page in Markdown; ``rows`` in the order of ``SECTIONS``."""
    command = f"{COMMAND}{' --short' if short else ''} --write docs/reliability.md"
    meaning = "\n\n".join(
        f"**{row.name[0].upper()}{row.name[1:]}.** {explained}"
        for row, explained in zip(rows, SECTIONS.values(), strict=True)
    )
    return f"""# What the package survives

Written by `{command}` on {datetime.now():%Y-%m-%d}; it took {seconds / 60:.0f} minutes on {machine()}. The command ends
with an error if any row did not survive, so it is a check too. With `--json FILE` only rows that did not survive are
repeated after a correction, so rows can be from several calls. `--short` tries each row with small numbers.

{table(rows)}

## What the rows mean

{meaning}
"""
