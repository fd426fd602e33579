"""The playground's files are what the package records today, and its page is whole."""

import json
import re

import pytest
import torch

from gdw.methods import METHODS
from gdw_notebooks.playground.page import SCRIPTS, bundle, looks, page, recordings
from gdw_notebooks.playground.widget import WORDS, Playground
from tools.record_steps import BY_HAND, LEARNERS
from tools.record_steps import recordings as recorded_today

STORED = recordings()
LARGEST = 400_000  # bytes of all recordings


@pytest.mark.skipif(
    not torch.__version__.startswith(STORED["about"]["torch"]), reason="another torch has other operations"
)
def test_the_files_are_what_the_package_records_today():
    today = json.loads(json.dumps(recorded_today()))
    assert STORED.keys() == today.keys()
    for name, found in today.items():
        assert STORED[name] == found, f"{name}: run python -m tools.record_steps"


def test_every_learner_is_a_method_of_the_package_with_its_look():
    assert set(LEARNERS) <= set(METHODS)
    assert set(looks(STORED)["learners"]) == {*LEARNERS, BY_HAND}
    assert [each["name"] for each in looks(STORED)["classes"]] == ["amber", "blue", "rose"]


def test_a_step_gives_what_the_page_shows():
    shown = {"flows", "losses", "moved", "sizes", "weights", "weight"}
    for name in (*LEARNERS, BY_HAND):
        asks = {"g"} if name not in ("cross-entropy", BY_HAND) else set()
        assert STORED[name]["outputs"].keys() == shown | asks


def test_the_page_holds_everything_and_names_no_address():
    text = page("course.html")
    assert len(text) < LARGEST + 200_000
    assert '<a class="course" target="_top" href="course.html">' in text
    assert 'class="course"' not in page()
    assert not re.search(r"@[A-Z]+@", text)
    outside = set(re.findall(r"https?://[\w./]+", text)) - {"http://www.w3.org/2000/svg"}
    assert not outside
    assert sum(len(json.dumps(each)) for each in STORED.values()) < LARGEST


def test_a_bundle_has_every_module_once_and_no_imports():
    text = bundle("main")
    assert not re.search(r"^(import|export) ", text, re.MULTILINE)
    both = bundle("main") + bundle("worker")
    first_lines = [path.read_text("utf-8").splitlines()[1] for path in SCRIPTS.glob("*.js")]
    assert all(line in both for line in first_lines)
    assert max(map(text.count, first_lines)) == 1


def test_the_widget_is_a_picture_where_there_is_no_kernel():
    widget = Playground()
    data, metadata = widget._repr_mimebundle_()
    assert data["text/plain"] == "Playground()"
    assert metadata["image/png"]["alt"] == WORDS
    assert data["image/png"].startswith("iVBOR")
    assert "Train" in widget.page


@pytest.mark.parametrize("names", [("cross-entropy", "gdw-tied", "gdw"), ("by-hand", "gdw", "cross-entropy")])
def test_the_learners_of_a_mission_differ_in_their_lines(names):
    """The lines of "You" and of cross-entropy were both dotted: only their colour told them apart."""
    dashes = [tuple(looks(STORED)["learners"][name]["dashes"]) for name in names]
    assert len(set(dashes)) == len(names)
