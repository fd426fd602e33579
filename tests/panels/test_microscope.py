"""The microscope without a browser: its traits, what it sends, and what it shows without a kernel."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from traitlets import TraitError

import gdw
from gdw_notebooks.examples.instances import Instance, cat_dog_bird
from gdw_notebooks.figures import style
from gdw_notebooks.figures.pictogram import cat_picture
from gdw_notebooks.panels.microscope import FlowMicroscope

CSS = Path(__file__).parents[2] / "gdw_notebooks" / "panels" / "microscope.css"


def ten_classes(seed=0):
    random = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(10, generator=random, dtype=torch.float64)
    weights = torch.rand(10, generator=random, dtype=torch.float64)
    return Instance(logits, 6, 3, tuple("0123456789"), None, weights, "training image 1")


def multiplied(record, weights, constrained):
    """What the browser does: nothing but products with what it was sent, after JSON."""
    record = json.loads(json.dumps(record))
    if constrained:
        weights = np.array(record["constraint"]) @ weights
    pushes = np.array(record["push_map"]) @ weights
    return pushes, np.array(record["number_map"]) @ pushes


@pytest.mark.parametrize("mode", ["instance", "classes", "free"])
def test_what_is_sent_gives_what_gdw_computes(mode):
    instance = ten_classes()
    microscope = FlowMicroscope([instance], mode=mode)
    microscope.weight = 0.7
    weights = np.full(10, 0.7) if mode == "instance" else np.array(microscope.weights)
    pushes, numbers = multiplied(microscope.get_state()["instances"][0], weights, mode != "free")

    logits, labels = instance.logits[None], torch.tensor([6])
    used = torch.tensor(weights)[None]
    used = used if mode == "free" else gdw.zero_mean(used, logits, labels)
    expected = -(used * gdw.class_gradients(logits.softmax(-1), labels))[0].numpy()
    np.testing.assert_allclose(pushes, expected, atol=1e-12)
    np.testing.assert_allclose(microscope.pushes, expected, atol=1e-12)
    np.testing.assert_allclose(microscope.numbers, numbers, atol=1e-12)
    assert (abs(numbers[0]) < 1e-12) == (mode != "free")


def test_the_case_a_class_can_dispute():
    microscope = FlowMicroscope()
    microscope.weight = 0.3
    np.testing.assert_allclose(microscope.numbers, [0, -0.39, -0.15], atol=1e-12)
    microscope.mode, microscope.weights = "classes", [0, 0.5, 1]
    np.testing.assert_allclose(microscope.effective_weights, [0, 1 / 7, 1], atol=1e-12)
    np.testing.assert_allclose(microscope.numbers, [0, -0.1, 0.1], atol=1e-12)
    microscope.mode = "free"
    np.testing.assert_allclose(microscope.numbers, [0.25, -0.35, 0.1], atol=1e-12)


def test_another_instance_brings_its_own_weights_and_reset_brings_them_back():
    microscope = FlowMicroscope([cat_dog_bird(), ten_classes()], mode="classes")
    assert microscope.weights == [1, 1, 1]
    microscope.index = 1
    start = ten_classes().start
    assert microscope.weights == start.tolist()
    microscope.weights = [0.0] * 10
    microscope.reset()
    assert microscope.weights == start.tolist()


def test_from_a_training():
    microscope = FlowMicroscope.from_training(gdw.Training(gdw.Experiment(rate=0.5, method="cross-entropy")), count=3)
    assert [i.mislabelled for i in microscope.instances] == [True] * 3 + [False] * 3
    np.testing.assert_allclose(microscope.weights, 1, rtol=1e-6)
    record = microscope.get_state()["instances"][0]
    assert record["picture"].startswith("data:image/png;base64,")
    assert re.fullmatch(r"training image \d+: a picture of “\d”, wrongly labelled “\d”", record["alt"])


def test_every_weight_stays_on_the_axis():
    for instance in (cat_dog_bird(), ten_classes()):
        record = FlowMicroscope([instance]).get_state()["instances"][0]
        low, high = record["axis"]
        ends = record["largest_weight"] * np.diag(record["push_map"])
        assert low < ends.min() < 0 < ends.max() < high


@pytest.mark.parametrize(("name", "value"), [("index", 1), ("index", -1), ("mode", "both"), ("show", "some")])
def test_what_is_out_of_range_is_refused(name, value):
    with pytest.raises(TraitError):
        setattr(FlowMicroscope(), name, value)


def test_no_instances():
    with pytest.raises(ValueError, match="at least one instance"):
        FlowMicroscope([])


def test_without_a_kernel_it_is_a_picture_and_a_stable_text():
    first, second = (FlowMicroscope([cat_dog_bird(cat_picture())])._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/plain"] == second["text/plain"] == "FlowMicroscope(1 instance)"
    assert first["image/png"] == second["image/png"]
    assert len(first["image/png"]) > 10_000


def test_page_and_figures_have_the_same_colours():
    css = CSS.read_text()
    for name, look in {"observed": style.OBSERVED, "true": style.TRUE, "other": style.OTHER}.items():
        assert f"--{name}: {look.color};" in css


def test_the_cat_is_a_picture():
    picture = cat_picture()
    assert picture.shape == (160, 160, 3)
    assert Image.fromarray(picture).convert("L").getextrema()[0] < 100  # something is drawn


@pytest.mark.parametrize("mode", ["instance", "classes", "free"])
def test_its_words_in_a_notebook_hold_every_number_of_its_picture(mode):
    microscope = FlowMicroscope(mode=mode)
    microscope.weights, microscope.weight = [0.0, 1.0, 1.0], 0.5
    _, metadata = microscope._repr_mimebundle_()
    alt = metadata["image/png"]["alt"]
    title = microscope.figure().get_suptitle().replace("\n", " ")
    assert title in alt
    assert "a picture of “cat”, wrongly labelled “dog”" in alt
    pairs = zip(("cat", "dog", "bird"), microscope.pushes, microscope.effective_weights, strict=True)
    for name, push, weight in pairs:
        assert f"{name} {push:+.3f} (weight {weight:.3f})".replace("-", "−").replace("+0.000", "0.000") in alt
    microscope.weights, microscope.weight = [1.0, 1.0, 1.0], 1.0
    assert microscope.describe() != alt
