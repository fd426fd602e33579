"""What the live pages show: instances, stages, epochs, records. Each page's data is one script file.

A page that is opened from a file may not fetch another file, but it may load a script.
"""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import gdw
import gdw_notebooks.panels
from gdw_notebooks.examples.bilevel import walk
from gdw_notebooks.examples.digit_folder import write_digits
from gdw_notebooks.examples.instances import cat_dog_bird
from gdw_notebooks.examples.small_problem import CLASS, Problem
from gdw_notebooks.figures.pictogram import cat_picture
from gdw_notebooks.panels.ledger import FlowLedger
from gdw_notebooks.panels.microscope import FlowMicroscope
from gdw_notebooks.panels.scripts import bundle
from gdw_notebooks.panels.spot import SpotTheWrongLabel
from gdw_notebooks.panels.stepper import variant
from gdw_notebooks.panels.steps import Steps, state
from gdw_notebooks.recorded import microscope
from gdw_notebooks.recorded.histories import load
from tools.website.lab import lab_data

PANELS = Path(gdw_notebooks.panels.__file__).parent
SCRIPTS = Path(__file__).parents[2] / "docs" / "site" / "static"
STATE = ("instances", "index", "mode", "weights", "weight", "show", "large")  # what microscope.js asks its model for
EVERY_EPOCH, THEN_EVERY = 10, 10  # the ledger's epochs: weights change most at the beginning
OWN = ("records", "site")  # the site's scripts that import others
FRONT_ENDS = ("microscope", "steps", "spot")
FRONT_END_EXPORT = "export default { render };"


def write_live_data(static: Path) -> None:
    """Everything the live pages load, into Sphinx's folder of static files."""
    data = static / "data"
    data.mkdir(parents=True, exist_ok=True)
    for name in FRONT_ENDS:
        write_front_end(static, name)
    for name in OWN:
        (static / f"{name}.js").write_text(_alone(bundle(SCRIPTS / f"{name}.js")), "utf-8")
    shutil.copy(PANELS / "panel.css", static)
    write_data(data / "microscope.js", microscope_state())
    write_data(data / "stepper.js", stepper_state())
    write_data(data / "ledger.js", ledger_state())
    write_data(data / "lab.js", lab_data())
    write_data(data / "spot.js", spot_state())


def write_data(path: Path, value: object) -> None:
    """A script that sets ``window.gdwData``; it holds no NaN, which JSON does not know."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    path.write_text(f"window.gdwData = {text};\n", "utf-8")


def write_front_end(static: Path, name: str) -> None:
    """A panel's own script and style: a module, made a plain script, since files may not import modules."""
    (static / f"{name}.js").write_text(plain_script(PANELS / f"{name}.js"), "utf-8")
    (static / f"{name}.css").write_text((PANELS / f"{name}.css").read_text("utf-8"), "utf-8")


def plain_script(file: Path) -> str:
    """A panel's script that leaves its function in ``window.gdwRender``."""
    source = bundle(file)
    if source.count(FRONT_END_EXPORT) != 1:
        raise ValueError(f"{file.name} should end with {FRONT_END_EXPORT!r}, once")
    return _alone(source.replace(FRONT_END_EXPORT, "window.gdwRender = render;"))


def _alone(source: str) -> str:
    """A plain script whose names no other script on the page sees."""
    return f"(() => {{\n{source}\n}})();\n"


def microscope_state() -> dict:
    """The cat that is labelled dog, then recorded mislabelled and clean digits of a short run."""
    return FlowMicroscope([cat_dog_bird(cat_picture()), *microscope.load()], mode="classes").get_state(STATE)


def stepper_state() -> dict:
    """Every stage, with instance weights, with class weights, and with class weights without the constraint."""
    variants = {
        "one weight for each instance": Problem(),
        "one weight for each class": Problem(CLASS),
        "one weight for each class, constraint off": Problem(CLASS, zero_mean=False),
    }
    return state(Steps([variant(walk(each), name) for name, each in variants.items()], menu="Weights"))


def spot_state() -> dict:
    """The game on the digits of notebook 09, and what an audit says of their labels."""
    with TemporaryDirectory() as folder:
        truth = write_digits(Path(folder) / "digits")
        found = gdw.audit(gdw.load_dataset(str(Path(folder) / "digits")), features=None)
        return {"rounds": SpotTheWrongLabel(found, truth).rounds}


def ledger_state() -> dict:
    """The first epochs one by one, then every tenth."""
    runs = load("05-long-tail")
    last = min(len(runs["gdw"][0]), len(runs["gdw-tied"][0]))
    epochs = [*range(1, EVERY_EPOCH + 1), *range(EVERY_EPOCH + THEN_EVERY, last + 1, THEN_EVERY)]
    return state(FlowLedger([runs["gdw"][0], runs["gdw-tied"][0]], epochs=epochs))
