"""What the live pages show: instances, and frames with their words. Each page's data is one script file.

A page that is opened from a file may not fetch another file, but it may load a script.
"""

import io
import json
import re
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

import gdw
import gdw_notebooks.panels
from gdw_notebooks.examples.instances import cat_dog_bird, instances_of
from gdw_notebooks.figures.pictogram import cat_picture
from gdw_notebooks.panels.base import Panel
from gdw_notebooks.panels.ledger import FlowLedger
from gdw_notebooks.panels.microscope import FlowMicroscope
from gdw_notebooks.panels.stepper import BilevelStepper
from gdw_notebooks.recorded.histories import load
from tools.website.lab import lab_data

PANELS = Path(gdw_notebooks.panels.__file__).parent
MICROSCOPE_EPOCHS = 5  # by then the network has a belief, and wrong labels are not yet learnt by heart
INSTANCES = 6  # mislabelled ones, and as many clean ones
STATE = ("instances", "index", "mode", "weights", "weight", "show", "large")  # what microscope.js asks its model for
EVERY_EPOCH, THEN_EVERY = 10, 10  # the ledger's frames: weights change most at the beginning
COLOURS = 128  # of a frame
FRONT_END_EXPORT = "export default { render };"
NAMED_EXPORT = re.compile(r"^export (?=const |function )", re.MULTILINE)  # a plain script may not export


def write_live_data(static: Path) -> None:
    """Everything the live pages load, into Sphinx's folder of static files."""
    data, frames = static / "data", static / "frames"
    for folder in (data, frames):
        folder.mkdir(parents=True, exist_ok=True)
    write_front_end(static)
    write_data(data / "microscope.js", microscope_state())
    write_data(data / "stepper.js", stepper_frames(frames))
    write_data(data / "ledger.js", ledger_frames(frames))
    write_data(data / "lab.js", lab_data())


def write_data(path: Path, value: object) -> None:
    """A script that sets ``window.gdwData``; it holds no NaN, which JSON does not know."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    path.write_text(f"window.gdwData = {text};\n", "utf-8")


def write_front_end(static: Path) -> None:
    """The microscope's own script and style: a module, made a plain script, since files may not import modules."""
    source = (PANELS / "microscope.js").read_text("utf-8")
    if source.count(FRONT_END_EXPORT) != 1:
        raise ValueError(f"microscope.js should end with {FRONT_END_EXPORT!r}, once")
    body = source.replace(FRONT_END_EXPORT, "window.gdwMicroscope = { render };")
    body = NAMED_EXPORT.sub("", body)
    (static / "microscope.js").write_text(f"(() => {{\n{body}\n}})();\n", "utf-8")
    (static / "microscope.css").write_text((PANELS / "microscope.css").read_text("utf-8"), "utf-8")


def microscope_state() -> dict:
    """The cat that is labelled dog, then mislabelled and clean digits of a short run."""
    training = gdw.Training(gdw.Experiment(noise="uniform", rate=0.6, epochs=MICROSCOPE_EPOCHS, device="cpu"))
    for _ in training.events():
        pass
    instances = [cat_dog_bird(cat_picture()), *instances_of(training, INSTANCES)]
    return FlowMicroscope(instances, mode="classes").get_state(STATE)


def stepper_frames(folder: Path) -> dict:
    """Every stage, with instance weights, with class weights, and with class weights without the constraint."""
    variants = {
        "one weight for each instance": BilevelStepper("instance"),
        "one weight for each class": BilevelStepper("class"),
        "one weight for each class, constraint off": BilevelStepper("class", zero_mean=False),
    }
    made = {
        name: frames(panel, panel.stage, range(1, panel.stage.max + 1), folder, f"stepper-{k}")
        for k, (name, panel) in enumerate(variants.items())
    }
    return {"step": "Stage", "menu": "Weights", "variants": made}


def ledger_frames(folder: Path) -> dict:
    """The first epochs one by one, then every tenth."""
    runs = load("05-long-tail")
    panel = FlowLedger([runs["gdw"][0], runs["gdw-tied"][0]])
    last = panel.epoch.max
    epochs = [*range(1, EVERY_EPOCH + 1), *range(EVERY_EPOCH + THEN_EVERY, last + 1, THEN_EVERY)]
    return {"step": "Epoch", "menu": "", "variants": {"": frames(panel, panel.epoch, epochs, folder, "ledger")}}


def smaller(png: bytes) -> bytes:
    """The picture in a palette: half the bytes; the quick way, since there are many."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE).save(buffer, format="png")
    return buffer.getvalue()


def frames(panel: Panel, slider, values: Iterable[int], folder: Path, name: str) -> list[dict]:
    """The panel's picture and its words at each of the slider's values."""
    made = []
    for value in values:
        slider.value = value
        file = folder / f"{name}-{value:02d}.png"
        file.write_bytes(smaller(panel.picture.value))
        made.append({"value": value, "file": f"{folder.name}/{file.name}", "alt": panel.picture.alt})
    return made
