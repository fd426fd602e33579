"""How large the package is, and how far a reader has to go: ``python -m tools.size [--json FILE]`` prints both.

Lines are all lines of tracked Python files. A call is one of a function that is written in ``gdw/``.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from statistics import median
from types import FrameType
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "gdw"
FIELD = re.compile(r"^\s+weight_decay:|\.weight_decay\b")  # of an experiment: the places that name this field
PUBLIC = {"os._exit"}  # Python's documentation has it
OUTSIDE = {"torch", "torchvision", "numpy", *sys.stdlib_module_names}
FEW, CLASSES = 12, 10  # pictures of a class in a small folder, and its classes
WARM_UP = 30  # steps before the one that is counted: what happens once is over


class Followed(NamedTuple):
    """What was called on the way: how often, how deep, which functions in which files."""

    calls: int
    depth: int
    functions: Counter[tuple[str, str]]  # by file and name, how often each was called

    def counted(self) -> dict[str, int]:
        """Four numbers."""
        files = len({file for file, _ in self.functions})
        return {"calls": self.calls, "depth": self.depth, "functions": len(self.functions), "files": files}


def tracked(folder: str) -> list[Path]:
    """The tracked Python files below a folder of the repository."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--", f"{folder}/*.py"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - fixed words
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).exists()]


def lines(files: list[Path]) -> list[int]:
    """How many lines each file has."""
    return [len(file.read_text(encoding="utf-8").splitlines()) for file in files]


def function_lines(files: list[Path]) -> list[int]:
    """How many lines each function has, decorators and docstring included."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    return [node.end_lineno - node.lineno + 1 for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)]


def private_names(file: Path) -> set[str]:
    """Private names of torch, numpy or the standard library that a file takes: ``torch._C``, ``pickle._Unpickler``."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    modules, found = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [(alias.asname or alias.name.split(".")[0], alias.name) for alias in node.names]
            modules |= {name for name, whole in names if whole.split(".")[0] in OUTSIDE}
            found |= {whole for _, whole in names if whole.split(".")[0] in OUTSIDE and "._" in whole}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in OUTSIDE:
            modules |= {alias.asname or alias.name for alias in node.names}
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name for name in whole if "._" in name and "__" not in name}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr):
            names = ast.unparse(node)
            if names.split(".")[0] in modules - {"self", "cls"}:
                found.add(names)
    return found - PUBLIC


def followed(act: Callable[[], object]) -> Followed:
    """What ``act`` calls in ``gdw/``: calls and depth of this thread, functions of those that it starts too."""
    calls, deepest, here = 0, 0, 0
    functions: Counter[tuple[str, str]] = Counter()

    def see(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls, deepest, here
        if not frame.f_code.co_filename.startswith(str(LIBRARY)):
            return
        if event == "call":
            here += 1
            calls, deepest = calls + 1, max(deepest, here)
            functions[frame.f_code.co_filename, frame.f_code.co_qualname] += 1
        elif event == "return":
            here -= 1

    def count(frame: FrameType, event: str, _: object) -> None:  # of other threads, which decode pictures
        if event == "call" and frame.f_code.co_filename.startswith(str(LIBRARY)):
            functions[frame.f_code.co_filename, frame.f_code.co_qualname] += 1

    before = sys.getprofile()
    sys.setprofile(see)
    threading.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
    return Followed(calls, deepest, functions)


def one_step(*, whole: bool = False) -> Followed:
    """A GDW step on digits as the command line takes it, after the first ones; ``whole``: as it is written."""
    import gdw

    events = gdw.Training(gdw.Experiment(rate=0.6, device="cpu", epochs=60), whole_steps=whole).events()
    for _ in range(WARM_UP):
        next(events)
    return followed(lambda: next(events))


def one_audit(of_a_class: int = FEW) -> Followed:
    """An audit of a small folder of pictures: ten classes, with that number of pictures each."""
    from gdw.__main__ import main as command
    from tests.picture_files import cifar_folder

    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        pictures = cifar_folder(Path(folder), train=of_a_class, test=0)
        return followed(lambda: command(["audit", str(pictures / "train")]))


def one_picture() -> dict[str, int]:
    """What a picture passes in an audit: the functions that are called again for each picture more."""
    few, more = one_audit().functions, one_audit(2 * FEW).functions
    again = [name for name in more if more[name] - few[name] >= CLASSES * FEW]
    return {"functions": len(again), "files": len({file for file, _ in again})}


def type_errors() -> int:
    """What mypy finds in ``gdw/``, as pyproject.toml asks (strict)."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    return len(re.findall(r"^gdw/.*: error: ", done.stdout, flags=re.MULTILINE))


def figures(*, run: bool = True) -> dict[str, object]:
    """Every figure by its name; without ``run`` only those that are read off the text."""
    library = tracked("gdw")
    field = [line for file in library for line in file.read_text(encoding="utf-8").splitlines() if FIELD.search(line)]
    private = {str(file.relative_to(ROOT)): sorted(found) for file in library if (found := private_names(file))}
    folders = ("gdw", "gdw_notebooks", "tests")
    found: dict[str, object] = {f"lines of {name}/": sum(lines(tracked(name))) for name in folders}
    found |= {
        "median lines of a file of gdw/": median(lines(library)),
        "median lines of a function of gdw/": median(function_lines(library)),
        "files in gdw/data": len(tracked("gdw/data")),
        "files in gdw/training": len(tracked("gdw/training")),
        "lines of gdw/ that name the field weight_decay": len(field),
        "files that use private names": private,
    }
    if run:
        found |= {
            "one GDW step": one_step().counted(),
            "one GDW step as written": one_step(whole=True).counted(),
            "one audit": one_audit().counted(),
            "one picture of it": one_picture(),
        }
        found |= {"type errors": type_errors()}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write them here too")
    options = parser.parse_args()
    found = figures()
    for name, value in found.items():
        if isinstance(value, dict):
            print(name + ":")
            for part, one in value.items():
                print(f"    {part}: {', '.join(one) if isinstance(one, list) else one}")
        else:
            print(f"{name}: {value}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
