"""Scripts for the browser: a module and all that it imports become one text, since widgets and files import nothing."""

import re
from pathlib import Path

SHARED = Path(__file__).parents[1] / "playground" / "script"  # what lab, site and playground draw with
IMPORT = re.compile(r'^import (?:\{[^}]*\} from )?"(\.[./\w]+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=const |function |class )", re.MULTILINE)


def bundle(*files: Path) -> str:
    """The modules and all that they import, each once and after what it needs; named exports become plain names."""
    parts: dict[Path, str] = {}
    for file in files:
        _collect(file.resolve(), parts)
    return "\n".join(parts.values())


def _collect(file: Path, parts: dict[Path, str]) -> None:
    if file not in parts:
        text = file.read_text("utf-8")
        for needed in IMPORT.findall(text):
            _collect((file.parent / needed).resolve(), parts)
        parts[file] = EXPORT.sub("", IMPORT.sub("", text))
