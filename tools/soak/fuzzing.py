"""Random input into every public entry: the random tests of each, with many more examples than in a test run."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.soak.row import Row

ROOT = Path(__file__).parents[2]
SHORT_SHARE = 100  # the short form has so many times fewer cases
COUNTS = re.compile(r"- (\d+) passing(?: examples)?, (\d+) failing")  # hypothesis has worded it in two ways


@dataclass(frozen=True)
class Entry:
    """A public entry, one of its random tests, and the number of examples in the long form."""

    name: str
    test: str
    examples: int


FILES, ENTRIES_TEST = "trust/test_fuzz_files.py", "trust/test_fuzz_entries.py"
EXPERIMENT = "experiments/test_experiment.py"
ENTRIES = (
    Entry("Experiment", f"{EXPERIMENT}::test_any_json_as_a_config_is_a_result_or_a_sentence", 15_000),
    Entry("Experiment", f"{EXPERIMENT}::test_every_accepted_experiment_reads_back_from_its_code_and_its_record", 2_000),
    Entry("from_code", f"{EXPERIMENT}::test_any_text_as_a_run_code_is_a_result_or_a_sentence", 20_000),
    Entry("command line", f"{ENTRIES_TEST}::test_a_command_line_gives_experiments_or_one_sentence", 4_000),
    Entry("sweep", "comparison/test_sweep_spec.py::test_any_table_is_a_list_of_experiments_or_a_sentence", 8_000),
    Entry("sweep", f"{FILES}::test_a_sweeps_description_is_read_or_refused_in_words", 1_000),
    Entry("sweep", f"{FILES}::test_a_sweeps_file_is_read_or_refused_in_words", 1_000),
    Entry("History", f"{FILES}::test_a_history_is_read_or_refused_in_words", 2_000),
    Entry("History", f"{FILES}::test_a_record_is_read_or_refused_in_words", 2_000),
    Entry("checkpoint", f"{FILES}::test_a_checkpoint_is_refused_in_words", 1_000),
    Entry(
        "checkpoint", f"{FILES}::test_a_checkpoint_with_a_right_digest_and_wrong_content_is_refused_in_words", 900
    ),  # a third of these: the test is slow and takes a third by itself
    Entry("label tables", "label_files/test_label_table.py::test_junk_is_refused_in_our_words", 4_000),
    Entry("label tables", "label_files/test_label_files.py::test_junk_is_refused_in_our_words", 10_000),
    Entry("label tables", "label_files/test_label_files.py::test_a_damaged_file_gives_labels_or_our_words", 2_000),
    Entry("features cache", f"{ENTRIES_TEST}::test_a_damaged_cache_gives_the_right_features_or_none", 10_000),
    Entry("image folders", f"{ENTRIES_TEST}::test_a_folder_of_pictures_is_a_data_set_or_one_sentence", 1_500),
    Entry("image folders", "pictures/test_picture.py::test_damaged_files_are_read_or_named", 20_000),
    Entry("matrices", f"{ENTRIES_TEST}::test_a_noise_matrix_is_taken_or_refused_in_words", 3_000),
)


def cases(entry: Entry, short: bool) -> tuple[int, int]:
    """Run the entry's test; how many cases were tried, and how many passed."""
    examples = max(20, entry.examples // SHORT_SHARE) if short else entry.examples
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-show-statistics",
        f"tests/{entry.test}",
    ]  # fmt: skip
    done = subprocess.run(  # noqa: S603 - our own tests, no shell
        command, cwd=ROOT, env=os.environ | {"GDW_FUZZ": str(examples)}, capture_output=True, encoding="utf-8",
        errors="replace", check=False,
    )  # fmt: skip
    return counted(done.stdout, done.returncode)


def counted(output: str, status: int) -> tuple[int, int]:
    """Cases tried and passed, from pytest's output with hypothesis' statistics; a failed test is at least one case."""
    found = [(int(passed), int(failed)) for passed, failed in COUNTS.findall(output)]
    passed, failed = sum(one for one, _ in found), sum(one for _, one in found)
    return passed + max(failed, 1 if status else 0), passed


def fuzzed(short: bool, entries: tuple[Entry, ...] = ENTRIES) -> Row:
    """Random input: each case gives a result or one sentence of ours."""
    tried: dict[str, int] = {}
    passed = 0
    failed = []
    for entry in entries:
        all_cases, good = cases(entry, short)
        tried[entry.name] = tried.get(entry.name, 0) + all_cases
        passed += good
        if good < all_cases:
            failed.append(entry.test)
    note = "; ".join(f"{name} {count:,}" for name, count in tried.items())
    if failed:
        note = f"failed: {', '.join(failed)}; {note}"
    return Row("random input into a public entry", sum(tried.values()), passed, note)
