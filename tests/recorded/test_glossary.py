"""The glossary's sentences on hover: one source, every word that a panel names, and nothing that breaks the page."""

import pytest

from gdw_notebooks.panels.classroom import TABS, WORDS
from gdw_notebooks.panels.lab_controls import LabControls
from gdw_notebooks.recorded.glossary import explain, hover
from gdw_notebooks.recorded.places import glossary
from gdw_notebooks.recorded.scenarios import SCENARIOS


def test_the_sentence_is_that_of_the_page():
    assert explain("weight network") in " ".join(glossary().read_text("utf-8").split())
    assert explain("MWNet") == explain("mwnet")
    assert "**" not in "".join(explain(word) for words in WORDS.values() for word in words)
    assert explain("flow").startswith("The derivative of the cross-entropy")


def test_a_word_that_is_not_explained_is_refused():
    with pytest.raises(ValueError, match="no entry 'gizmo'"):
        explain("gizmo")


def test_hover_is_safe_html_that_the_keyboard_reaches():
    text = hover("class-level weight", "<weights>")
    assert text.startswith('<abbr tabindex="0" title="A weight for one flow')
    assert "&lt;weights&gt;" in text


def test_each_tab_of_the_classroom_has_words():
    assert list(WORDS) == list(TABS)


def test_the_lab_explains_its_controls():
    controls = LabControls([SCENARIOS["uniform 60"]])
    assert controls.method.tooltip == explain("method")
    assert controls.rate.tooltip == explain("mixing rate")
