"""The long check: its table, its exit status, what it counts, and the page it writes."""

import json
import re
from inspect import getsource
from pathlib import Path

import pytest

from tools.soak.__main__ import main
from tools.soak.fuzzing import ENTRIES, Entry, counted, fuzzed
from tools.soak.page import page
from tools.soak.row import Row, table
from tools.soak.sections import SECTIONS, WARM_UP, bytes_a_run

ROOT = Path(__file__).parents[2]
GOOD, BAD = Row("a kill", 1000, 1000, "as before"), Row("a press", 10, 9)
WANTED_CASES = 100_000
PUBLIC_ENTRIES = {
    "Experiment", "from_code", "command line", "sweep", "History", "checkpoint", "label tables", "features cache",
    "image folders", "matrices",
}  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "status"), [([GOOD], 0), ([GOOD, BAD], 1), ([BAD, GOOD], 1), ([Row("nothing was tried", 0, 0)], 1)]
)
def test_the_exit_status_says_whether_everything_survived(rows, status, tmp_path, capsys):
    file = tmp_path / "rows.json"
    assert main(["--json", str(file)], [lambda short, row=row: row for row in rows]) == status
    assert capsys.readouterr().out == table(rows) + "\n"
    assert [row["survived"] for row in json.loads(file.read_text("utf-8"))] == [row.survived for row in rows]


def test_a_section_that_raises_is_a_row_and_the_others_go_on(capsys):
    def broken(short):
        raise AssertionError("two runs at once\nand a long story")

    assert main([], [broken, lambda short: GOOD]) == 1
    out = capsys.readouterr().out
    assert "| broken | 1 | 0 | AssertionError: two runs at once |" in out
    assert "| a kill | 1,000 | 1,000 | as before |" in out


def test_with_a_file_only_what_failed_is_repeated(tmp_path, capsys):
    calls = []

    def good(short):
        calls.append("good")
        return GOOD

    def late(short):
        calls.append("late")
        return BAD if calls.count("late") == 1 else Row("a press", 10, 10)

    arguments = ["--json", str(tmp_path / "rows.json")]
    assert main(arguments, [good, late]) == 1
    assert main(arguments, [good, late]) == 0
    assert calls == ["good", "late", "late"]
    assert main([*arguments, "--short"], [good, late]) == 0
    assert calls[3:] == ["good", "late"]


def test_cases_are_counted_from_what_hypothesis_says():
    output = "  - during generate phase:\n    - 50 passing, 0 failing, and 6 invalid test cases\n"
    assert counted(output, 0) == (50, 50)
    assert counted(output, 1) == (51, 50)
    assert counted(output.replace("0 failing", "2 failing"), 1) == (52, 50)
    assert counted("no tests ran", 5) == (1, 0)
    assert counted("", 0) == (0, 0)


def test_every_public_entry_has_its_tests_and_all_cases_together_are_enough():
    assert {entry.name for entry in ENTRIES} == PUBLIC_ENTRIES
    assert sum(entry.examples for entry in ENTRIES) > WANTED_CASES
    for entry in ENTRIES:
        file, name = entry.test.split("::")
        assert f"def {name}(" in (ROOT / "tests" / file).read_text("utf-8")


def test_the_shortest_form_of_random_input():
    name = "from_code"
    (entry,) = [entry for entry in ENTRIES if entry.name == name]
    row = fuzzed(True, (Entry(name, entry.test, 1),))
    assert row.good
    assert row.tried >= 20
    assert row.note == f"{name} {row.tried}"


def test_the_slope_of_memory_leaves_out_the_first_runs():
    memory = [10**9] * WARM_UP + [5_000 + 300 * run for run in range(50)]
    assert bytes_a_run(memory) == pytest.approx(300)


def test_the_page_has_a_row_and_an_explanation_for_each_section():
    rows = [Row(f"section {place}", 3, 3, "measured") for place in range(len(SECTIONS))]
    written = page(rows, 600)
    assert table(rows) in written
    for place, explained in enumerate(SECTIONS.values()):
        assert f"**Section {place}.** {explained}" in written
    assert "took 10 minutes on" in written


def test_the_stored_page_has_the_rows_and_the_words_of_the_command():
    stored = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in stored.splitlines() if line[:1] == "|"]
    rows = [Row(name, int(tried.replace(",", "")), int(survived.replace(",", "")), note)
            for name, tried, survived, note in cells[2:]]  # fmt: skip
    assert len(rows) == len(SECTIONS)
    assert all(f'"{row.name}"' in getsource(section) for row, section in zip(rows, SECTIONS, strict=True))
    meaning = "## What the rows mean"
    assert table(rows) in stored
    assert stored.split(meaning)[1] == page(rows, 0).split(meaning)[1]
    assert all(row.good for row in rows)
    assert re.search(r"Written by `python start.py soak --write docs/reliability.md` on 20\d\d-\d\d-\d\d", stored)
