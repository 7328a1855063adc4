"""What generated code may consist of: held against its syntax tree and its tokens, independently of what writes it."""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
from collections.abc import Iterable

from tests.fuzz.documents import MARK

# the modules of a file, as its code calls them
MODULES = frozenset(["torch", "nn", "F", "keras", "layers", "ops", "tf", "math", "np", "Path"])
NODES = (
    ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign,
    ast.AugAssign, ast.Expr, ast.If, ast.For, ast.With, ast.withitem, ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice,
    ast.Call, ast.keyword, ast.Starred, ast.Tuple, ast.List, ast.Dict, ast.JoinedStr, ast.FormattedValue, ast.BinOp, ast.UnaryOp,
    ast.Compare, ast.BoolOp, ast.IfExp, ast.ListComp, ast.GeneratorExp, ast.comprehension, ast.operator, ast.unaryop, ast.cmpop,
    ast.boolop, ast.expr_context,
)  # fmt: skip
BUILTINS = frozenset(
    [
        "super",
        "range",
        "zip",
        "len",
        "list",
        "min",
        "max",
        "float",
        "int",
        "isinstance",
        "getattr",
        "__file__",
        "dict",
        "reversed",
    ]
)


class Vocabulary:
    """The names that trusted models' code has: what hostile models' code has beside its own definitions is among them.

    Args:
        sources: Code of models whose texts are harmless.
    """

    def __init__(self, sources: Iterable[str]) -> None:
        self.dotted: set[str] = set()
        self.attributes: set[str] = set()
        self.imports: set[str] = set()
        for source in sources:
            tree = ast.parse(source)
            self.imports |= {
                ast.dump(node) for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute):
                    root, *rest = _chain(node)
                    if root in MODULES:
                        self.dotted.add(".".join([root, *rest]))
                    else:
                        self.attributes.add(node.attr)

    def check(self, source: str, texts: Iterable[str]) -> None:
        """Refuse code with a node, a name or a call that is not known, or with a text outside of literals and comments."""
        tree = ast.parse(source)
        bound = BUILTINS | _bound(tree)
        members = _members(tree)
        for node in ast.walk(tree):
            assert isinstance(node, NODES), ast.dump(node)
            if isinstance(node, ast.Name):
                assert node.id in bound, node.id
            elif isinstance(node, ast.Attribute):
                root, *rest = _chain(node)
                if root in MODULES and root not in _assigned(tree):
                    assert ".".join([root, *rest]) in self.dotted, ".".join([root, *rest])
                else:
                    assert node.attr in self.attributes or node.attr in members, node.attr
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                assert ast.dump(node) in self.imports, ast.dump(node)
            elif isinstance(node, ast.Expr):
                assert isinstance(node.value, (ast.Constant, ast.Call)), ast.dump(node)
            elif isinstance(node, ast.keyword):
                assert node.arg is not None or ast.unparse(node.value) == "kwargs"
                assert MARK not in (node.arg or ""), node.arg
        _check_tokens(source, texts)


def _chain(node: ast.expr) -> list[str]:
    """`a.b.c` -> ["a", "b", "c"]; what does not begin with a name begins with ""."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id if isinstance(node, ast.Name) else "", *reversed(names)]


def _bound(tree: ast.AST) -> set[str]:
    found = _assigned(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name)
    return found


def _assigned(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _members(tree: ast.AST) -> set[str]:
    """What the code itself puts under `self`, or declares there: register_buffer("name", …)."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "register_buffer":
            found.add(node.args[0].value)
    return found


def _check_tokens(source: str, texts: Iterable[str]) -> None:
    """The texts stand in strings and comments alone; of one that is an identifier, no more than a name is made."""
    outside = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (tokenize.STRING, tokenize.COMMENT):
            outside.append(token.string)
        if token.type == tokenize.NAME and MARK in token.string:
            assert token.string.isidentifier()
            assert not keyword.iskeyword(token.string)
    rest = "".join(outside)
    for text in texts:
        # "EVIL)" stands in code too where EVIL, a name made of it, ends a call
        alone = len(text) - len(text.strip("()[]{},:=.*#")) == 1 and text.strip("()[]{},:=.*#").isidentifier()
        if MARK in text and not text.isidentifier() and not alone:
            assert text not in rest, text
