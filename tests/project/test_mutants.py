"""The changes of meaning that tools.mutants makes: which, where, and nothing else of the file."""

import ast

import pytest

from tools.mutants import ROOT, WINGS, covering, mutants


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


@pytest.mark.parametrize("wing", WINGS)
def test_every_file_has_tests(wing):
    for file in (ROOT / "gdw" / wing).rglob("*.py"):
        assert all((ROOT / name).exists() for name in covering(file))


def test_every_change_of_a_file_of_ours_is_python():
    texts = [text for _, _, text in mutants(ROOT / "gdw" / "gradients" / "flows.py")]
    assert len(texts) > 10
    assert all(ast.parse(text) for text in texts)
