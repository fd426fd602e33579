"""The lecturer's pack: run codes that are read, slides that fit, and signs checked in float64."""

import re

import pytest
import torch

import gdw
from gdw.gradients.step import Step
from tools.build_slides import FIGURES, MOST_PAGES, MOVED, PICTURE, ROOT, SOURCE, STEPPERS, html, pages

TEACHING = ROOT / "docs" / "teaching"
CODE = re.compile(r"`(gdw1:[^`]+)`")
SLIDE = re.compile(r"[Ss]lide (\d+), \*([^*]+)\*")
SCRIPTS = ("script_45.md", "script_90.md")


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_run_code_is_read(name):
    codes = CODE.findall((TEACHING / name).read_text("utf-8"))
    assert codes
    for code in codes:
        assert gdw.Experiment.from_code(code).code == code


def test_the_slides_fit_and_carry_their_pictures():
    text = SOURCE.read_text("utf-8")
    assert {found["name"] for found in PICTURE.finditer(text)} == set(FIGURES)
    assert {found["name"] for found in MOVED.finditer(text)} == set(STEPPERS)
    document = html(text)
    assert document.count("data-live=") == len(STEPPERS)
    assert document.count("<section>") == len(pages(text)) <= MOST_PAGES
    assert document.count('src="data:image/png') == len(FIGURES)
    document = re.sub(r"http://www.w3.org/(1998/Math/MathML|2000/svg)", "", document)  # names, no addresses
    words = re.sub(r"base64,[\w+/=]+", "", document)  # the pictures' letters may spell anything
    assert "http" not in words.replace("https://creativecommons.org", "")
    with pytest.raises(ValueError, match="at most 16 slides"):
        pages("\n---\n".join("# page" for _ in range(17)))


def test_scripts_name_the_slides_that_stand():
    slides = dict(enumerate(pages(SOURCE.read_text("utf-8")), start=1))
    said = [found for name in SCRIPTS for found in SLIDE.findall((TEACHING / name).read_text("utf-8"))]
    assert {int(number) for number, _ in said} == set(slides)  # of both scripts together: none is left over
    assert [(number, title) for number, title in said if not slides[int(number)].startswith(f"# {title}")] == []


def small_step(copies=1, lr=1e-6):
    random = torch.Generator().manual_seed(2)
    model = torch.nn.Linear(4, 3).double()
    with torch.no_grad():
        model.weight.copy_(torch.randn(3, 4, generator=random, dtype=torch.float64))
        model.bias.zero_()
    images, clean = (torch.randn(5, 4, generator=random, dtype=torch.float64) for _ in range(2))
    labels, clean_labels = (torch.randint(3, (5,), generator=random) for _ in range(2))
    batch = images.repeat(copies, 1), labels.repeat(copies)
    return Step(model, *batch, meta_batch=(clean, clean_labels), lr=lr)


def test_what_the_symbol_sheet_says_about_signs_and_scales():
    step = small_step()
    ones = torch.ones(5, 3, dtype=torch.float64)
    flows, label = step.flows, torch.nn.functional.one_hot(step.labels, 3).bool()
    assert (flows[label] < 0).all()
    assert (flows[~label] > 0).all()
    g = step.meta_gradient(ones)
    twice = small_step(copies=2).meta_gradient(torch.ones(10, 3, dtype=torch.float64))
    torch.testing.assert_close(twice[:5], g / 2)
    torch.testing.assert_close(small_step(lr=2e-6).meta_gradient(ones), 2 * g, rtol=1e-4, atol=0)
    probs = step.logits.softmax(-1)
    weights = torch.rand(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours = gdw.zero_mean(weights, step.logits, step.labels)[label]
    others = (weights * probs).masked_fill(label, 0).sum(-1) / (1 - probs[label])
    torch.testing.assert_close(ours, others)


def test_less_than_0_means_that_more_weight_lowers_the_clean_loss():
    """By a finite difference of the clean loss after a virtual step, written here from the definition."""
    step = small_step(lr=0.5)
    model, (clean, clean_labels) = step.model, step.meta_batch
    images, labels = step.images, step.labels

    def clean_loss(weights):
        probs = torch.nn.functional.linear(images, model.weight, model.bias).softmax(-1)
        back = weights * (probs - torch.nn.functional.one_hot(labels, 3)) / len(images)
        weight, bias = model.weight - 0.5 * back.T @ images, model.bias - 0.5 * back.sum(0)
        return torch.nn.functional.cross_entropy(torch.nn.functional.linear(clean, weight, bias), clean_labels).item()

    ones = torch.ones(5, 3, dtype=torch.float64)
    g = step.meta_gradient(ones)
    for i, c in ((0, 0), (1, 2), (3, 1)):
        more, less = ones.clone(), ones.clone()
        more[i, c] += 1e-5
        less[i, c] -= 1e-5
        assert (clean_loss(more) - clean_loss(less)) / 2e-5 == pytest.approx(g[i, c].item(), abs=1e-8)
