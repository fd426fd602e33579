"""Changes the meaning of the code in many small places, one at a time, and counts how many the tests notice.

python -m tools.mutants --count 200 --seed 0      # hours; broken off and started again it goes on

Which test runs which line is found once, by all unit tests under coverage.py (`pip install coverage`), and kept in
build/mutants, as the answers are. Each mutant is then tried in a copy of the repository against the tests that run its
line, the quickest first, until one fails. A survivor is printed with its line, to be read: either an assertion is
missing, or the change has no meaning.
"""

import argparse
import ast
import copy
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "build" / "mutants"
WINGS = ("gradients", "methods", "experiments", "training", "data", "pictures", "label_files", "comparison")
BUDGET = 120  # seconds of tests for one mutant, as they took without it; the quickest, where there are more
HANGS = 300  # seconds more than they took: a mutant that takes longer hangs, which is noticed
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "build", "dist", "__pycache__", ".*_cache", ".hypothesis")
SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {"eval": "train", "train": "eval", "min": "max", "max": "min", "clamp_min": "clamp_max", "argmax": "argmin"}
SILENT = {"append", "extend", "update", "zero_grad", "step", "copy_", "add_", "mul_", "flush", "seek", "eval", "train"}


def changed(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that could stand in this one's place and mean something else."""
    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) if type(op) in SWAPS:
            yield _with(node, op=SWAPS[type(op)]())
        case ast.Compare(ops=[op, *rest]) if type(op) in SWAPS:
            yield _with(node, ops=[SWAPS[type(op)](), *rest])
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float()):
            yield ast.Constant(node.value + 1)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))) if name in SILENT:
            yield ast.Pass()
        case ast.Call(func=ast.Attribute(attr=name) as function) if name in NAMES:
            yield _with(node, func=_with(function, attr=NAMES[name]))
        case ast.Call(args=[first, second, *rest]) if not isinstance(second, ast.Starred | ast.Constant):
            yield _with(node, args=[second, first, *rest])


def _with(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def without_meaning(tree: ast.AST) -> set[int]:
    """Ids of nodes that no test should look at: annotations and messages of errors."""
    parts: list[ast.AST | None] = []
    for node in ast.walk(tree):
        match node:
            case ast.arg(annotation=part) | ast.AnnAssign(annotation=part) | ast.FunctionDef(returns=part):
                parts.append(part)
            case ast.Raise() | ast.JoinedStr():
                parts.append(node)
    return {id(each) for part in parts if part is not None for each in ast.walk(part)}


def mutants(file: Path) -> Iterator[tuple[int, str, str]]:
    """The line, what it says and what it could say, for every change of this file; the rest stays to the letter."""
    text = file.read_text("utf-8")
    tree = ast.parse(text)
    ignored = without_meaning(tree)
    for node in ast.walk(tree):
        if id(node) not in ignored and getattr(node, "lineno", 0):
            for other in changed(node):
                old = ast.get_source_segment(text, node)
                yield node.lineno, old, _spliced(text, node, ast.unparse(ast.fix_missing_locations(other)))


def _spliced(text: str, node: ast.AST, new: str) -> str:
    lines = text.encode().splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    wrapped = new if isinstance(node, ast.Expr | ast.AugAssign | ast.Constant) else f"({new})"
    return (text.encode()[:start] + wrapped.encode() + text.encode()[end:]).decode()


class LinesOfTests:
    """A plugin of pytest that tells coverage.py who runs: a test, or a fixture that several share.

    What such a fixture runs belongs to every test that asks for it (`fixtures`); `seconds` is how long each test took.
    """

    def __init__(self, measuring: object) -> None:
        self.measuring, self.fixtures, self.seconds = measuring, {}, {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measuring.switch_context(item.nodeid)
        before = time.monotonic()
        done = yield
        self.seconds[item.nodeid] = time.monotonic() - before
        shared = getattr(item, "_fixtureinfo").name2fixturedefs.values()  # noqa: B009 - pytest has no public name for it
        self.fixtures[item.nodeid] = [_name(found[-1]) for found in shared if found[-1].scope != "function"]
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef, request: pytest.FixtureRequest) -> Iterator[None]:
        if fixturedef.scope == "function":
            return (yield)
        self.measuring.switch_context(_name(fixturedef))
        try:
            return (yield)
        finally:
            self.measuring.switch_context(request.node.nodeid)


def _name(fixture: pytest.FixtureDef) -> str:
    return f"fixture {fixture.argname} of {fixture.baseid}"


def record(arguments: list[str]) -> None:
    """Run the unit tests here and write down which of them runs which line, and how long each takes."""
    from coverage import Coverage  # not installed with the tests

    KEPT.mkdir(parents=True, exist_ok=True)
    measuring = Coverage(data_file=None, include=[f"{ROOT / 'gdw' / wing}/*" for wing in WINGS])
    measuring.start()
    plugin = LinesOfTests(measuring)
    pytest.main(["-q", "-p", "no:cacheprovider", "-m", "not browser", *(arguments or ["tests"])], plugins=[plugin])
    measuring.stop()
    data, lines = measuring.get_data(), {}
    asked = {
        name: [test for test, used in plugin.fixtures.items() if name in used] for name in data.measured_contexts()
    }
    for file in data.measured_files():
        lines[str(Path(file).relative_to(ROOT))] = {
            line: sorted({test for name in names if name for test in (asked[name] or [name])})
            for line, names in data.contexts_by_lineno(file).items()
        }
    (KEPT / "lines.json").write_text(json.dumps({"lines": lines, "seconds": plugin.seconds}), "utf-8")


def covering(known: dict, place: str, line: int, last: int) -> list[str]:
    """The tests that run one of these lines, the quickest first; of a line that runs at import, those of its file."""
    lines = known["lines"].get(place, {})
    found = {test for number in range(line, last + 1) for test in lines.get(str(number), ())}
    found = found or {test for tests in lines.values() for test in tests}
    seconds, spent, chosen = known["seconds"], 0.0, []
    for test in sorted((test for test in found if test in seconds), key=seconds.get):
        spent += seconds[test]
        if chosen and spent > BUDGET:
            break
        chosen.append(test)
    return chosen


def noticed(copied: Path, file: Path, text: str, tests: list[str], seconds: float) -> str:
    """The first of the tests that fails where the file has this text, or why; empty where all pass."""
    target, asked = copied / file.relative_to(ROOT), copied / "tests_of_mutant.txt"
    before = target.read_bytes()
    target.write_text(text, "utf-8")
    asked.write_text("\n".join(tests), "utf-8")
    try:
        done = _pytest(copied, ["-x", "-rfE", f"@{asked}"], seconds + HANGS)
    except subprocess.TimeoutExpired:
        return "hangs"
    finally:
        target.write_bytes(before)
    if done.returncode == 0:
        return ""
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return failed[0].split(" - ")[0] if failed else "the tests have other names"


def _pytest(copied: Path, arguments: list[str], seconds: float | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments]
    environment = os.environ | {"PYTHONPATH": str(copied), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(  # noqa: S603 - pytest and the repository's own files, no shell
        command, cwd=copied, env=environment, timeout=seconds, check=False, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def tried(drawn: list[tuple], known: dict, path: Path) -> Iterator[dict]:
    """An answer per mutant, in their order; what the file at ``path`` knows already is not tried again."""
    answers = {}
    if path.exists():
        answers = {(a["place"], a["was"], a["is"]): a for a in map(json.loads, path.read_text("utf-8").splitlines())}
    with tempfile.TemporaryDirectory() as scratch:
        copied = Path(scratch) / "gdw"
        shutil.copytree(ROOT, copied, ignore=NOT_COPIED)
        there = set(_pytest(copied, ["--collect-only", "tests"]).stdout.splitlines())  # not all that were recorded
        known["seconds"] = {test: seconds for test, seconds in known["seconds"].items() if test in there}
        for file, line, old, text in drawn:
            name = str(file.relative_to(ROOT))
            place, new = f"{name}:{line}", text.splitlines()[line - 1].strip()
            if (place, old, new) not in answers:
                tests = covering(known, name, line, line + old.count("\n"))
                seconds = sum(known["seconds"][test] for test in tests)
                by = noticed(copied, file, text, tests, seconds) if tests else ""
                answer = {"place": place, "was": old, "is": new, "tests": len(tests), "by": by}
                answers[place, old, new] = answer
                with path.open("a", encoding="utf-8") as kept:
                    kept.write(json.dumps(answer) + "\n")
            yield answers[place, old, new]


def main(arguments: list[str] | None = None) -> int:
    """Draw, try, print; the status is 1 where a mutant survived."""
    parser = argparse.ArgumentParser(description="Count how many changes of meaning the tests notice.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wings", nargs="+", choices=WINGS, default=WINGS)
    parser.add_argument("--record", nargs="*", metavar="TESTS", help="only find out which test runs which line")
    options = parser.parse_args(arguments)
    if options.record is not None or not (KEPT / "lines.json").exists():
        record(options.record or [])
    if options.record is not None:
        return 0
    known = json.loads((KEPT / "lines.json").read_text("utf-8"))
    files = [file for wing in options.wings for file in sorted((ROOT / "gdw" / wing).rglob("*.py"))]
    every = [(file, *mutant) for file in files for mutant in mutants(file)]
    drawn = random.Random(options.seed).sample(every, min(options.count, len(every)))  # noqa: S311 - a sample, no secret
    survived = 0
    for number, answer in enumerate(tried(drawn, known, KEPT / "answers.jsonl"), 1):
        survived += not answer["by"]
        says = f"{answer['place']}  {answer['was']}  ->  {answer['is']}"
        print(f"{number:4} {'noticed ' if answer['by'] else 'SURVIVED'} {says}", flush=True)
    print(
        f"{len(drawn) - survived} of {len(drawn)} noticed ({1 - survived / len(drawn):.0%}), drawn from {len(every):,}"
    )
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
