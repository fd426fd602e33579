"""Changes the meaning of the code in many small places, one at a time, and counts how many the tests notice.

python -m tools.mutants --count 200 --seed 0 | tee mutants.txt     # hours: each mutant runs the tests of its file

Each mutant is tried in a copy of the repository, against the tests of its wing and those outside that run through it.
A survivor is printed with its line, to be read: either an assertion is missing, or the change has no meaning.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
WINGS = ("gradients", "methods", "training", "data", "comparison")
COVERED_BY = {  # beside the wing's own folder of tests: what runs through it from outside
    "gradients": ("methods/test_golden.py", "methods/test_losses.py", "methods/test_meta_methods.py"),
    "methods": ("training/test_check.py", "training/test_loop.py"),
    "training": ("trust/test_checkpoint.py", "methods/test_golden.py", "methods/test_short_runs.py"),
    "data": ("training/test_experiment.py", "recorded"),
    "comparison": ("benchmarks", "test_command_line.py"),
}
SECONDS = 900  # for one mutant's tests; one that takes longer hangs, which is noticed
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


def covering(file: Path) -> list[str]:
    """Those that cover it: its wing's, the outside ones, and first those that carry its name."""
    wing = file.relative_to(ROOT / "gdw").parts[0]
    own = sorted((ROOT / "tests").rglob(f"test_{file.stem}.py"))
    folders = [ROOT / "tests" / name for name in (wing, *COVERED_BY[wing])]
    return [str(path.relative_to(ROOT)) for path in (*own, *folders)]


def noticed(copied: Path, file: Path, text: str) -> bool:
    """Whether a test fails, or hangs, where the file has this text."""
    target = copied / file.relative_to(ROOT)
    before = target.read_bytes()
    target.write_text(text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not browser"]
    environment = os.environ | {"PYTHONPATH": str(copied), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - pytest and the repository's own files, no shell
            [*command, *covering(file)], cwd=copied, env=environment, timeout=SECONDS, check=False,
            stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        return done.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        target.write_bytes(before)


def main(arguments: list[str] | None = None) -> int:
    """Draw, try, print; the status is 1 where a mutant survived."""
    parser = argparse.ArgumentParser(description="Count how many changes of meaning the tests notice.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wings", nargs="+", choices=WINGS, default=WINGS)
    options = parser.parse_args(arguments)
    files = [file for wing in options.wings for file in sorted((ROOT / "gdw" / wing).rglob("*.py"))]
    every = [(file, *mutant) for file in files for mutant in mutants(file)]
    drawn = random.Random(options.seed).sample(every, min(options.count, len(every)))  # noqa: S311 - a sample, no secret
    survived = 0
    with tempfile.TemporaryDirectory() as scratch:
        copied = Path(scratch) / "gdw"
        shutil.copytree(ROOT, copied, ignore=NOT_COPIED)
        for file in {file.parts[len(ROOT.parts) + 1]: file for file, *_ in drawn}.values():
            if noticed(copied, file, file.read_text("utf-8")):
                raise SystemExit(f"the tests for {file} fail, or take over {SECONDS} s, without any change")
        for number, (file, line, old, text) in enumerate(drawn, 1):
            seen = noticed(copied, file, text)
            survived += not seen
            place, new = f"{file.relative_to(ROOT)}:{line}", text.splitlines()[line - 1].strip()
            print(f"{number:4} {'noticed ' if seen else 'SURVIVED'} {place}  {old}  ->  {new}", flush=True)
    share = 1 - survived / len(drawn)
    print(f"{len(drawn) - survived} of {len(drawn)} noticed ({share:.0%}), drawn from {len(every):,}")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
