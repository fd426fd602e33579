"""The playground's page: scripts, styles and recordings put together in one HTML file that needs nothing else."""

import json
import re
from dataclasses import replace
from pathlib import Path

from gdw_notebooks.figures import style
from gdw_notebooks.panels import scripts

HERE = Path(__file__).parent
SCRIPTS, RECORDINGS = scripts.SHARED, HERE / "recordings"
RIGHT = replace(style.CLEAN, linestyle=style.LONG)  # beside a true class, which is blue too
COURSE = '<a class="course" target="_top" href="{}">Take the course</a>'


def bundle(*names: str) -> str:
    """Scripts of this folder and all that they import as one plain script."""
    return scripts.bundle(*(SCRIPTS / f"{name}.js" for name in names))


def recordings() -> dict[str, dict]:
    """What ``tools/record_steps.py`` wrote, by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RECORDINGS.glob("*.json"))}


def looks(found: dict[str, dict]) -> dict[str, dict]:
    """Name, colour and line of each learner, as in the course's figures; the classes' names and colours."""
    names = [name for name, each in found.items() if "weight" in each.get("outputs", {})]
    learners = {name: {"title": style.method_title(name), **style.method_look(name).drawn()} for name in names}
    learners["by-hand"] |= {"title": "You", "dashes": RIGHT.dashes}  # another line than those of its mission's rivals
    for name, short in (("gdw-reduced", "GDW, reduced"), ("gdw-class-net", "GDW, class V")):  # fit a phone
        learners[name]["title"] = short
    return {
        "learners": learners,
        "classes": [{"name": name, "color": color} for name, color in style.NAMED.items()],
        "groups": [look.drawn() for look in (RIGHT, style.OBSERVED, style.TRUE, style.OTHER)],
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


def _data(value: object) -> str:
    """JSON within a script element."""
    return json.dumps(value, separators=(",", ":")).replace("</", "<\\/")
