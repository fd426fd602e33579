"""The stepper's page, read as a document."""

import re
from html import escape
from html.parser import HTMLParser

import pytest

from gdw_notebooks.checks.clean_set import dirty_walk
from gdw_notebooks.examples.bilevel import walk
from gdw_notebooks.examples.small_problem import Problem
from gdw_notebooks.figures.stepper import TERM, number_text, shown, stepper

WALKS = {mode: walk(Problem(mode)) for mode in ("instance", "class")}
EVERY_STAGE = [(mode, number) for mode, made in WALKS.items() for number in range(len(made))]


class Numbers(HTMLParser):
    """The cells of each tensor of each stage: [stage][tensor] = [(text, whether it is marked as new)]."""

    def __init__(self, page):
        super().__init__()
        self.stages, self.body, self.cell = [], None, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "details":
            self.stages.append({})
        elif tag == "tbody":
            self.body = self.stages[-1].setdefault(given["class"].removeprefix("of-"), [])
        elif tag == "td":
            self.cell = ["", given.get("class") == "new"]

    def handle_endtag(self, tag):
        if tag == "td":
            if self.cell[0].strip():
                self.body.append((self.cell[0].split()[0], self.cell[1]))
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell[0] += data


@pytest.mark.parametrize(("mode", "number"), EVERY_STAGE)
def test_a_stage_shows_what_its_formula_reads_and_what_it_wrote(mode, number):
    stage, page = WALKS[mode].stages[number], stepper(WALKS[mode], number)
    found = Numbers(page).stages[number]
    assert set(found) == set(shown(stage)) >= set(stage.changed)
    for name, cells in found.items():
        places = [(i, j) for i, row in enumerate(stage.tables[name]) for j in range(len(row))]
        expected = [(number_text(stage.tables[name][i][j]), (i, j) in stage.changed.get(name, ())) for i, j in places]
        assert cells == expected
    assert escape(stage.reading) in page


@pytest.mark.parametrize(("mode", "number"), EVERY_STAGE)
def test_one_stage_is_open_and_every_term_has_its_cells(mode, number):
    stage, page = WALKS[mode].stages[number], stepper(WALKS[mode], number)
    assert page.count("<details") == len(WALKS[mode])
    (opened,) = re.findall(r'<details class="stage now" open><summary>(\d+)\.', page)
    assert int(opened) == number + 1
    terms = set(TERM.findall(stage.formula))
    assert terms
    assert terms <= set(shown(stage))


@pytest.mark.parametrize("mode", WALKS)
def test_the_words_of_flows_and_colours_of_classes_mean_one_thing(mode):
    """One weight for the instance had the true class's blue in every plane; the label's logit was "pulled"."""
    page = stepper(WALKS[mode], 0)
    assert ('class="arrow cat"' in page) == (mode == "class")
    assert ('class="arrow own"' in page) == (mode != "class")
    assert "pull" not in page


@pytest.mark.parametrize("mode", WALKS)
def test_each_g_stands_beside_its_difference(mode):
    made = WALKS[mode]
    number = next(n for n, stage in enumerate(made.stages) if "g" in stage.changed)
    found = Numbers(stepper(made, number)).stages[number]
    assert [text for text, _ in found["g"]] == [number_text(value) for value in made.meta_gradient.flatten().tolist()]
    assert [text for text, _ in found["fd"]] == [number_text(v) for v in made.finite_difference.flatten().tolist()]


def test_the_same_page_comes_out_twice_and_an_exercise_does_not_give_its_answer_away():
    assert stepper(walk(Problem()), 3) == stepper(walk(Problem()), 3)
    asked = stepper(dirty_walk(), 6, range(6, 7))
    assert asked.count("<details") == 1
    assert "weight up" not in asked
    assert "weight down" not in asked
    assert "new θ" not in asked
    assert "weight up" in stepper(dirty_walk(), 7)


def test_numbers_are_never_minus_zero():
    assert number_text(-0.0001) == "0.000"
    assert number_text(-1.4) == "−1.400"
