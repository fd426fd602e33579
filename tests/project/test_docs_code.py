"""What the pages for people with a network, data or a method of their own show, runs: Python, and the command line."""

import re
import shlex
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gdw.__main__ import main
from tests.own_method import nothing_stays_registered

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"```(python|console)\n(.*?)```", re.DOTALL)
FILE = re.compile(r"# (\w+)\.py\n")  # the first line of a block that is a file of its own
LOGGERS = ("TensorBoard", "MLflow", "Weights & Biases", "Optuna")


def sections(page):
    """Heading and blocks of each part of a page."""
    for part in re.split(r"(?m)^## ", (DOCS / page).read_text("utf-8")):
        yield part.split("\n", 1)[0], FENCE.findall(part)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Somewhere to run, with a folder of pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("pictures", "deep").mkdir(parents=True)
    for number in range(3):
        shades = np.random.default_rng(number).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        Image.fromarray(shades).save(f"pictures/deep/{number}.png")
    modules = set(sys.modules)
    with nothing_stays_registered():
        yield tmp_path
    for module in {"mine", "doubtful"} & (set(sys.modules) - modules):
        del sys.modules[module]


def run(blocks, names):
    for language, text in blocks:
        file = FILE.match(text)
        if language == "console":
            for line in text.splitlines():
                assert main([*shlex.split(line)[1:], *(["--device", "cpu"] if " run " in line else [])]) == 0, line
        elif file:
            Path(f"{file[1]}.py").write_text(text, "utf-8")
        else:
            exec(compile(text.replace("epochs=20,", "epochs=2,"), "docs", "exec"), names)


@pytest.mark.parametrize("page", ["own.md", "first_method.md"])
def test_a_page_runs_from_top_to_bottom(page, folder, capsys):
    if page == "own.md":
        pytest.importorskip("timm", reason="pip install 'gdw[features]'")
    names = {}
    for _, blocks in sections(page):
        run(blocks, names)
    said = capsys.readouterr().out
    if page == "own.md":
        assert "timm:tf_efficientnet_lite0 0.01 10" in said
    else:
        assert re.search(r"(?m)^doubtful +\d\d\.\d %", said)  # the page's own loop
        assert re.search(r"(?m)^doubtful +2 ", said)  # the table of the command, for two seeds


def test_the_model_to_take_home(folder, capsys):
    names = {}
    for heading, blocks in sections("take_home.md"):
        if heading == "ONNX" and not (find_spec("onnx") and find_spec("onnxscript")):
            pytest.skip("without ONNX: pip install onnx onnxscript")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporters
            run(blocks, names)
    assert "(3, 12)" in capsys.readouterr().out  # path, predicted and ten classes


@pytest.mark.parametrize("heading", LOGGERS)
def test_a_logger_gets_every_epoch(heading, folder, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    found, names = dict(sections("loggers.md")), {}
    first = next(iter(found.values()))
    (blocks,) = [blocks for name, blocks in found.items() if name.startswith(heading)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other people's packages
        run([*first, *blocks], names)
    if heading == "TensorBoard":
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        logged = EventAccumulator("logs").Reload()
        assert len(logged.Scalars("epoch/test_accuracy")) == 2
        assert len(logged.Scalars("step/loss")) > 2
    elif heading == "MLflow":
        (kept,) = names["mlflow"].search_runs(output_format="list")
        assert kept.data.metrics["test_accuracy"] > 0
    elif heading == "Optuna":
        assert len(names["study"].trials) == 3
        assert names["final"].validation_accuracy > 0
    else:
        assert list(Path("wandb").glob("offline-run-*/*.wandb"))
