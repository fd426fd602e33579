"""The changes of meaning that tools.mutants makes: which, where, and nothing else of the file."""

import ast

import pytest

from tools.mutants import BUDGET, ROOT, LinesOfTests, covering, mutants

pytest_plugins = ("pytester",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x = a + b", "x = (a - b)"),
        ("x = a < b < c", "x = (a <= b < c)"),
        ("x = not a", "x = (a)"),
        ("x = 0.5", "x = 1.5"),
        ("x = a and b", "x = (a or b)"),
        ("model.eval()", "(model.train())"),
        ("seen.append(a)", "pass"),
        ("x = f(a, b)", "x = (f(b, a))"),
        ("x = é - b", "x = (é + b)"),
    ],
)
def test_a_change_is_made_in_its_place(tmp_path, old, new):
    file = tmp_path / "code.py"
    file.write_text(f'"""Text."""\n{old}  # why\n', "utf-8")
    assert f'"""Text."""\n{new}  # why\n' in [text for _, _, text in mutants(file)]


def test_annotations_and_messages_stay(tmp_path):
    file = tmp_path / "code.py"
    file.write_text('def f(x: "a" = None) -> Float[Tensor, 3]:\n    raise ValueError(f"{3 - x}")\n', "utf-8")
    assert list(mutants(file)) == []


def test_a_mutant_is_tried_against_the_tests_that_run_its_lines_the_quickest_first():
    lines = {"gdw/a.py": {"1": [], "2": ["slow", "quick"], "3": ["third"]}, "gdw/b.py": {"2": ["other"]}}
    known = {"lines": lines, "seconds": {"slow": 2.0, "quick": 1.0, "third": 3.0, "other": 1.0}}
    assert covering(known, "gdw/a.py", 2, 2) == ["quick", "slow"]
    assert covering(known, "gdw/a.py", 2, 3) == ["quick", "slow", "third"]
    assert covering(known, "gdw/a.py", 1, 1) == ["quick", "slow", "third"]  # runs at import
    known["seconds"]["third"] = BUDGET
    assert covering(known, "gdw/a.py", 2, 3) == ["quick", "slow"]


FIXED = """
import pytest

@pytest.fixture(scope="module")
def loaded():
    {code}

def test_first(loaded): ...
def test_second(loaded): ...
def test_other(): {code}
"""


class Switched(list):
    """What stands here for a measurement: it only remembers who ran."""

    switch_context = list.append


def test_what_a_shared_fixture_runs_belongs_to_every_test_that_asks_for_it(pytester):
    pytester.makepyfile(FIXED.format(code="..."))
    plugin = LinesOfTests(Switched())
    assert pytester.inline_run("-p", "no:cacheprovider", plugins=[plugin]).ret == 0
    names = {test.split("::")[-1]: used for test, used in plugin.fixtures.items()}
    (shared,) = [who for who in plugin.measuring if who.startswith("fixture loaded")]
    assert [test for test, used in names.items() if shared in used] == ["test_first", "test_second"]
    assert set(plugin.seconds) == set(plugin.fixtures)


def test_every_change_of_a_file_of_ours_is_python():
    texts = [text for _, _, text in mutants(ROOT / "gdw" / "gradients" / "flows.py")]
    assert len(texts) > 10
    assert all(ast.parse(text) for text in texts)
