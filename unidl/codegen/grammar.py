"""The last look at generated code, before anybody gets or runs it: it is Python, and nothing but what generated code may hold.

Text cannot end a literal (`unidl.codegen.literals`), so this finds nothing. It stands here because what `.keras` files with layers of
one's own need is run at once, and because a row of a table that forgets to write a literal must not become a way into a process.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from unidl.errors import SourceError

IMPORTS = frozenset(["math", "model", "numpy", "pathlib"])  # and those of the framework
BUILTINS = frozenset(
    [
        "dict", "enumerate", "float", "getattr", "id", "int", "isinstance", "len", "list", "max", "min", "print", "range",
        "reversed", "super", "tuple", "zip", "__file__", "__name__",
    ]
)  # fmt: skip
SPECIAL = frozenset(["__init__", "__call__"])  # methods with underscores on both sides that may be defined or named

_STATEMENTS = (
    ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign,
    ast.AugAssign, ast.Expr, ast.If, ast.For, ast.While, ast.Break, ast.With, ast.withitem,
)  # fmt: skip
_EXPRESSIONS = (
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Call, ast.keyword, ast.Starred, ast.Tuple, ast.List,
    ast.Dict, ast.JoinedStr, ast.FormattedValue, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.ListComp, ast.SetComp,
    ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context,
)  # fmt: skip


def checked(text: str, modules: Collection[str]) -> str:
    """The code, as it was given.

    Args:
        text: A file.
        modules: What it may import beside Python's own.

    Raises:
        SourceError: It is no Python, or holds what generated code may not: then unidl has a bug, and the code is given to nobody.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refused(f"{type(error).__name__}: {error}") from error
    bound = BUILTINS | set(_bound(tree))
    for node in ast.walk(tree):
        strange = _strange(node, bound, modules)
        if strange is not None:
            raise _refused(strange)
    return text


def _strange(node: ast.AST, bound: frozenset[str], modules: Collection[str]) -> str | None:
    """What is wrong with a node, or None."""
    if not isinstance(node, _STATEMENTS + _EXPRESSIONS):
        return f"a {type(node).__name__}"
    if isinstance(node, ast.Name) and node.id not in bound:
        return f"the name {node.id!r}"
    name = {ast.Attribute: "attr", ast.FunctionDef: "name", ast.ClassDef: "name"}.get(type(node))
    if name is not None and (found := getattr(node, name)).startswith("__") and found not in SPECIAL:
        return f"the name {found!r}"
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        named = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        if not IMPORTS.union(modules).issuperset(named):
            return f"an import of {', '.join(map(str, named))}"
    if isinstance(node, ast.Expr) and not isinstance(node.value, (ast.Constant, ast.Call)):
        return "an expression without effect"
    return None


def _bound(tree: ast.AST) -> Iterator[str]:
    """The names that the code itself binds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


def _refused(what: str) -> SourceError:
    return SourceError(
        "The source code that was written is none that unidl writes, so it is not given out. This is a bug of unidl.",
        received=what[:200],
        fix="Report it with the model's description, as docs/security.md says.",
    )
