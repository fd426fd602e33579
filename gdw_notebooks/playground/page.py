"""The playground's page: scripts, styles and recordings put together in one HTML file that needs nothing else."""

import json
import re
from pathlib import Path

from gdw_notebooks.figures import style

HERE = Path(__file__).parent
SCRIPTS, RECORDINGS = HERE / "script", HERE / "recordings"
IMPORT = re.compile(r'^import (?:\{[^}]*\} from )?"\./(\w+)\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=const |function |class )", re.MULTILINE)
COURSE = '<a class="course" href="{}">Take the course</a>'


def bundle(*names: str) -> str:
    """Modules and all that they import as one plain script: files may not import modules."""
    parts: dict[str, str] = {}
    for name in names:
        _collect(name, parts)
    return "\n".join(parts.values())


def recordings() -> dict[str, dict]:
    """What ``tools/record_steps.py`` wrote, by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RECORDINGS.glob("*.json"))}


def looks(found: dict[str, dict]) -> dict[str, dict]:
    """Name, colour and line of each learner, as in the course's figures; the classes' names and colours."""
    names = [name for name, each in found.items() if "weight" in each.get("outputs", {})]
    learners = {name: {"title": style.method_title(name), **_line(style.method_look(name))} for name in names}
    learners["by-hand"] |= {"title": "You"}
    return {
        "learners": learners,
        "classes": [{"name": name, "color": color} for name, color in style.NAMED.items()],
        "groups": [_line(look) for look in (style.CLEAN, style.OBSERVED, style.TRUE, style.OTHER)],
    }


def page(course: str | None = None) -> str:
    """The whole page.

    Args:
        course: address of the course; without it no link leads there.
    """
    found = recordings()
    fill = {
        "STYLE": (HERE / "playground.css").read_text("utf-8"),
        "COURSE": COURSE.format(course) if course else "",
        "RECORDINGS": _data(found), "LOOKS": _data(looks(found)),
        "WORKER": f'"use strict";\n{bundle("worker")}', "SCRIPT": f"(() => {{\n{bundle('main')}\n}})();",
    }  # fmt: skip
    return re.sub(r"@(\w+)@", lambda place: fill[place[1]], (HERE / "playground.html").read_text("utf-8"))


def _line(look: style.Look) -> dict:
    dashes = look.linestyle[1] if isinstance(look.linestyle, tuple) else ()
    return {"color": look.color, "dashes": list(dashes)}


def _collect(name: str, parts: dict[str, str]) -> None:
    if name not in parts:
        text = (SCRIPTS / f"{name}.js").read_text("utf-8")
        for needed in IMPORT.findall(text):
            _collect(needed, parts)
        parts[name] = EXPORT.sub("", IMPORT.sub("", text))


def _data(value: object) -> str:
    """JSON within a script element."""
    return json.dumps(value, separators=(",", ":")).replace("</", "<\\/")
