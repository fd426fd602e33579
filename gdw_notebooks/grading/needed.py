"""Which of the course's own cells no answer needs: they show something, and a mark can be given without them.

A cell of the course that a student has left as it was runs only if a cell that runs uses what it makes, or if it does
something: a call that is a statement of its own, or a value put into an object, but for a list or a dictionary that
the cell makes itself. What a cell makes, changes and uses is read off its text; a cell that nobody can read so needs
every word in it. One thing is not seen: a function whose value is used and that changes an argument too, as
``x = train(model)`` might. The course's cells call none such.
"""

import ast
import dis
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType

WORD = re.compile(r"[^\W\d]\w*")
UNREADABLE = {  # with these a cell may use any name
    "_", "__", "___", "_i", "_ih", "_oh", "In", "Out", "__builtins__", "__dict__", "__import__", "__main__", "dir",
    "eval", "exec", "get_ipython", "globals", "inspect", "locals", "user_ns", "vars",
}  # fmt: skip
SHOWING = ("print", "display", "assert_close")
AT_ONCE = ("<listcomp>", "<setcomp>", "<dictcomp>")  # before Python 3.12 each is a function of its own
NEW = (ast.Dict, ast.List, ast.DictComp, ast.ListComp)
MAYBE = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)  # what is in it may not run


@dataclass
class Names:
    """Of one cell: what it makes for the cells below and changes, and what it uses of those above, or of any.

    Args:
        uses: now, of what the cells above have made.
        later: in a function, which may be called in a cell below; and all that an unreadable cell may use.
        does: it may change anything.
    """

    makes: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    does: bool = False


def not_needed(cells: Sequence[str], ours: Collection[int], checks: Collection[str]) -> set[int]:
    """Numbers, from 1, of the cells that need not run.

    Args:
        ours: numbers of the course's cells that are as they were; all others run.
        checks: names of the checks' objects; every cell that has one of them runs.
    """
    found = {number: names_of(code) for number, code in enumerate(cells, start=1)}
    imported = set().union(*(one.imports for one in found.values()))
    running = {n for n, code in enumerate(cells, start=1) if n not in ours or set(WORD.findall(code)) & set(checks)}
    running |= {number for number, one in found.items() if one.does}
    if any((found[n].uses | found[n].later) & UNREADABLE for n in running):
        return set()
    before = None
    while running != before:
        before, wanted = set(running), set()
        later = set().union(*(found[n].later for n in running))
        for number in sorted(found, reverse=True):
            one = found[number]
            if (one.makes | one.changes - imported) & (wanted | later):
                running.add(number)
            if number in running:
                wanted = wanted - one.makes | one.uses
    return set(found) - running


def names_of(code: str) -> Names:
    """What is read off a cell's text; nothing of it is run."""
    try:
        statements = ast.parse(code).body
        parts = [compile(ast.Module([s], []), "", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT) for s in statements]
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # IPython's own commands, or a cell that will stop
        return Names(later={*WORD.findall(code), *(["__main__"] if "%run" in code else [])})
    names, made = Names(later={"__main__"} if "__main__" in code else set()), set()
    filled = _filled_here(statements)
    for statement, part in zip(statements, parts, strict=True):
        within = set()
        for kind, name in _in_order(part):
            if kind == "make":
                within.add(name)
            elif kind == "later":
                names.later.add(name)
            elif kind == "change":
                names.changes.add(name)
            elif name not in made | within:
                names.uses.add(name)
        nodes = list(ast.walk(statement))
        maybe = {node.target.id for node in nodes if isinstance(node, ast.NamedExpr)}
        maybe |= within if isinstance(statement, MAYBE) else set()
        names.changes |= maybe  # and may leave what was there before
        made |= within - maybe
        if isinstance(statement, ast.Import | ast.ImportFrom):
            names.imports |= within
        names.changes |= set(_changed(nodes))
        names.does |= any(_does(node, filled) for node in nodes)
    names.makes = made
    return names


def _in_order(code: CodeType, here: bool = True) -> Iterator[tuple[str, str]]:
    """Names as Python comes to them, each with "make", "use", or of a function "later" and "change"."""
    for step in dis.get_instructions(code):
        if isinstance(step.argval, CodeType):
            yield from _in_order(step.argval, here and step.argval.co_name in AT_ONCE)
        elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL", "DELETE_NAME"):
            yield "use" if here else "later", step.argval
        elif here and step.opname in ("STORE_NAME", "STORE_GLOBAL"):
            yield "make", step.argval
        elif step.opname == "STORE_GLOBAL":
            yield "change", step.argval


def _changed(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Names of objects that are written into, or asked to do something that may change them."""
    for node in nodes:
        if isinstance(node, ast.Call):
            node = node.func
        elif not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
            continue
        if isinstance(node, ast.Attribute | ast.Subscript):
            while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
                node = node.func if isinstance(node, ast.Call) else node.value
            if isinstance(node, ast.Name):
                yield node.id


def _filled_here(statements: Sequence[ast.stmt]) -> set[str]:
    """Names of lists and dictionaries that the cell itself makes, first and once: nobody else has what is put there."""
    nodes = [node for statement in statements for node in ast.walk(statement)]
    bound = Counter(node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load))
    bound.update(node.arg for node in nodes if isinstance(node, ast.arg))
    made, before = set[str](), set[str]()
    for statement in statements:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], statement.value
            several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            if several and len(target.elts) == len(value.elts):
                pairs = zip(target.elts, value.elts, strict=True)
            else:
                pairs = [(target, value)]
            made |= {name.id for name, new in pairs if isinstance(name, ast.Name) and isinstance(new, NEW)} - before
        before |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return {name for name in made if bound[name] == 1}


def _does(node: ast.AST, filled: Collection[str]) -> bool:
    """Whether it puts a value into an object, or is a call for its own sake that shows nothing and makes nothing.

    Args:
        filled: names of objects that do not count.
    """
    if isinstance(node, ast.Attribute | ast.Subscript):
        own = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in filled
        return not (own or isinstance(node.ctx, ast.Load))
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    asked = node.value.func
    if isinstance(asked, ast.Attribute) and isinstance(asked.value, ast.Name) and asked.value.id in filled:
        return False
    name = ast.unparse(node.value.func).rpartition(".")[2]
    return name not in SHOWING and not name[:1].isupper()  # a class makes an object, which JupyterLab shows
