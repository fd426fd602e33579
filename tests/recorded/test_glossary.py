"""The glossary's sentences above a panel: one source, every word of a panel, and nothing that breaks the page."""

import re

import pytest

from gdw_notebooks.panels.classroom import TABS, WORDS
from gdw_notebooks.panels.lab_controls import LabControls
from gdw_notebooks.recorded.glossary import explain, word_button
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


def test_a_word_is_a_button_with_its_explanation_and_safe_html(monkeypatch):
    monkeypatch.setattr("gdw_notebooks.recorded.glossary.explain", lambda word: 'less than "<0>"')
    first, second = word_button("flow"), word_button("flow")
    assert "&lt;0&gt;" in first
    assert "<0>" not in first
    places = [re.findall(r'(?:popovertarget|id)="([^"]+)"', each) for each in (first, second)]
    assert all(button == text for button, text in places)
    assert places[0] != places[1]


def test_each_tab_of_the_classroom_has_words():
    assert list(WORDS) == list(TABS)


def test_the_lab_explains_its_controls():
    controls = LabControls([SCENARIOS["uniform 60"]])
    assert controls.method.tooltip == explain("method")
    assert controls.rate.tooltip == explain("mixing rate")
