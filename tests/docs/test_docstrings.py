"""The examples in docstrings run, on torch unless they choose; a backend's own on that backend."""

import ast
import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import unidl
from unidl import layers, ops

ROOT = Path(unidl.__file__).parent.parent
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples(source: str) -> Iterator[tuple[str, int, str]]:
    """The docstrings of source that hold an example: the dotted name inside the module, the line, the text."""

    def walk(node: ast.AST, name: str) -> Iterator[tuple[str, int, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.ClassDef, ast.FunctionDef)):
                yield from walk(child, f"{name}.{child.name}" if name else child.name)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            text = ast.get_docstring(node)
            if text and ">>>" in text:
                yield name, node.body[0].lineno, separated(text)

    yield from walk(ast.parse(source), "")


def separated(text: str) -> str:
    """The docstring with an empty line between an example and the section that follows it, as doctest wants it."""
    lines: list[str] = []
    depth = 0  # of the example in progress
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if line.lstrip().startswith(">>>"):
            depth = indent
        elif line.strip() and indent < depth:
            lines.append("")
            depth = 0
        lines.append(line)
    return "\n".join(lines) + "\n"


def _cases() -> Iterator[tuple[str, str, int, str, str]]:
    for path in sorted((ROOT / "unidl").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        backend = parts[2] if parts[1] == "backends" and parts[2] in ("torch", "keras", "tensorflow") else "torch"
        for name, line, text in examples(path.read_text()):
            yield backend, module, line, name, text


CASES = list(_cases())


@pytest.mark.parametrize(
    ("backend", "module", "line", "name", "text"),
    CASES,
    ids=[f"{backend}-{module}.{name}".rstrip(".") for backend, module, _, name, _ in CASES],
)
def test_a_docstrings_example(backend, module, line, name, text, nobody_chose):
    """It sees its module's names, and unidl, ops, layers and np as a reader would expect them."""
    names = {"unidl": unidl, "ops": ops, "layers": layers, "np": np}
    names = {**names, **vars(importlib.import_module(module))}
    test = doctest.DocTestParser().get_doctest(text, names, f"{module}.{name}", module, line - 1)
    told: list[str] = []
    with unidl.using(backend):
        result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=told.append)
    assert result.failed == 0, "".join(told)


def test_an_example_ends_where_a_section_begins():
    assert separated("One.\nExample:\n    >>> 1\n    1\nRaises:\n    E: x.") == (
        "One.\nExample:\n    >>> 1\n    1\n\nRaises:\n    E: x.\n"
    )


def test_examples_are_found():
    source = 'class A:\n    """A.\n\n    >>> 1\n    1\n    """\n\n    def f(self):\n        """No example."""\n'
    assert [(name, line) for name, line, _ in examples(source)] == [("A", 2)]
    assert CASES
