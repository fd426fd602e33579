"""Feedback: untouched, wrong, raising and right answers; one more hint each time; the same text on every run."""

import pytest
import torch

from gdw_notebooks.checks import Exercise, LookAgain, call, compare, numbers
from gdw_notebooks.checks.exercise import explain
from gdw_notebooks.recorded import places


class HalfOfSix(Exercise):
    title, hints, praise = "Half of six", ("Share it.", "Between two."), "Three it is."

    def examine(self, answer):
        (value,) = numbers(answer, 1)
        if value != 3:
            raise LookAgain(f"{value:g} twice is {2 * value:g}, not six.")


class Double(Exercise):
    title, hints, praise = "Double", ("Add it to itself.",), "Twice as much."

    def examine(self, function):
        compare(function, lambda x: 2 * x, [(1.0,), (3.0,)], lambda x: f"For {x:g}")


@pytest.mark.parametrize("untouched", [None, ..., [...], (1, None), {"a": ...}])
def test_an_untouched_exercise_says_so_and_costs_no_try(untouched):
    exercise = HalfOfSix()
    assert repr(exercise(untouched)) == "○ Half of six: not answered yet."
    assert exercise.tries == 0


def test_a_function_without_a_body_counts_as_untouched():
    def stub(x): ...

    assert Double()(stub).verdict == "not answered yet"


def test_each_wrong_try_earns_one_more_hint_until_there_are_no_more():
    exercise = HalfOfSix()
    assert repr(exercise(2)) == "↻ Half of six: look again. 2 twice is 4, not six.\n  Hint 1: Share it."
    assert exercise(2).hints == ("Share it.", "Between two.")
    assert exercise(2).hints == ("Share it.", "Between two.")


def test_hints_go_on_when_the_cell_that_makes_the_object_is_run_again():
    HalfOfSix()(2)
    assert HalfOfSix()(2).hints == ("Share it.", "Between two.")
    assert Double()(lambda x: x).hints == ("Add it to itself.",)  # another exercise counts for itself


def test_the_place_of_the_solution_is_the_last_hint(tmp_path, monkeypatch):
    class Placed(HalfOfSix):
        notebook, heading = "09_numbers", "Exercise: half of six"

    hints = [Placed()(2).hints for _ in range(4)][-1]
    inside = f"{places.notebooks().as_posix()}/solutions/09_numbers.ipynb"  # students' copies have no solutions
    assert hints[-1] == f"One solution is in {inside}, in the cell below “Exercise: half of six”."
    assert len(hints) == 3
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "09_numbers.ipynb").touch()
    monkeypatch.chdir(tmp_path)
    assert Placed().all_hints()[-1].startswith("One solution is in solutions/09_numbers.ipynb, in")


def test_a_right_answer_needs_no_hint_even_after_wrong_ones():
    exercise = HalfOfSix()
    exercise(2)
    feedback = exercise(3)
    assert feedback.right
    assert repr(feedback) == "✓ Half of six: right. Three it is. (Right after 1 wrong try.)"


@pytest.mark.parametrize("answer", ["three", object(), [[1, 2], [3]], [1, 2], float("nan"), torch.ones(4), {"a": 3}])
def test_whatever_is_answered_is_explained_and_never_raised(answer):
    feedback = HalfOfSix()(answer)
    assert feedback.verdict == "look again"
    assert "0x" not in repr(feedback)


def test_a_function_that_raises_is_explained():
    assert "The function stops with ZeroDivisionError (float division by zero)" in repr(Double()(lambda x: x / 0.0))


def test_a_function_that_is_wrong_later_is_told_where_but_not_the_answer():
    text = repr(Double()(lambda x: x + 1))
    assert "For 3 it returns 4, which is not right." in text
    assert "6" not in text


def test_of_a_table_the_place_of_the_first_wrong_number_is_told():
    """Sixteen numbers in a row that are "not right" help nobody."""
    right = torch.zeros(2, 3)
    answer = right.clone()
    answer[1, 0] = 4.5
    said = r"For a case it returns a table that is not right: 5 of 6 numbers are.*at \[1, 0\]: 4.5"
    with pytest.raises(LookAgain, match=said):
        compare(lambda: answer, lambda: right, [()], lambda: "For a case")


def test_a_value_in_the_place_of_a_function():
    with pytest.raises(LookAgain, match="A function is asked for here, not a value of type int"):
        call(3)


def test_html_says_the_same_and_escapes_the_answer():
    html = HalfOfSix()("<script>")._repr_html_()
    assert 'role="status"' in html
    assert "Share it." in html
    assert "<script>" not in html


def test_an_error_of_a_private_class_has_its_public_name():
    """Python 3.13 raises an ``_IncompleteInputError`` where a cell ends too early."""
    kind = type("_IncompleteInputError", (SyntaxError,), {})
    assert explain(kind("incomplete input")) == "SyntaxError (incomplete input)"
