"""Code outside a backend's folder imports no framework in any disguise, and asks for a capability, never for a name."""

import ast
from collections.abc import Callable, Container, Iterator
from pathlib import Path

import pytest

import unidl

PACKAGE = Path(unidl.__file__).parent
FRAMEWORKS = {"torch", "tensorflow", "keras", "jax"}

# file -> why it may write a framework's name as a string
NAMES_ALLOWED = {
    "backends/registry.py": "the one table that leads from a name to a module",
    "backends/keras_engine.py": "lists the engines that Keras may run on",
    "habits/place.py": "what people type from habit",
    "habits/record.py": "what people type from habit",
}


def _neutral() -> list[Path]:
    folders = [PACKAGE / "backends" / name for name in ("torch", "tensorflow", "keras")]
    return [
        path for path in sorted(PACKAGE.rglob("*.py")) if not any(path.is_relative_to(folder) for folder in folders)
    ]


def imports(source: str) -> Iterator[str]:
    """The frameworks that source imports: by statement anywhere, by a call with a string, or out of sys.modules."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, (ast.Call, ast.Subscript)):
            text = ast.unparse(node.func if isinstance(node, ast.Call) else node.value)
            if text.split(".")[-1] in ("import_module", "__import__", "modules", "get"):
                given = node.args[:1] if isinstance(node, ast.Call) else [node.slice]
                names = [part.value for part in given if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        yield from (name for name in names if name.partition(".")[0] in FRAMEWORKS)


def names(source: str) -> Iterator[str]:
    """The frameworks whose bare name stands in source as a string, docstrings left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in FRAMEWORKS:
            yield node.value


def _offenders(look: Callable[[str], Iterator[str]], allowed: Container[str] = ()) -> dict[str, list[str]]:
    found = {str(path.relative_to(PACKAGE)): list(look(path.read_text())) for path in _neutral()}
    return {file: frameworks for file, frameworks in found.items() if frameworks and file not in allowed}


def test_neutral_code_imports_no_framework():
    assert _offenders(imports) == {}


def test_neutral_code_names_no_framework():
    """What a framework can do, its backend says: nothing else needs to know which one it is."""
    assert _offenders(names, NAMES_ALLOWED) == {}


def test_every_exception_is_needed():
    for file, why in NAMES_ALLOWED.items():
        assert list(names((PACKAGE / file).read_text())), f"{file} names no framework any more ({why})"


@pytest.mark.parametrize(
    "source",
    [
        "import torch",
        "from keras.layers import Dense",
        "def f():\n    import tensorflow as tf",
        "import importlib\nimportlib.import_module('jax.numpy')",
        "__import__('torch')",
        "import sys\nsys.modules['torch'].Tensor",
        "import sys\nsys.modules.get('keras')",
    ],
)
def test_an_import_is_seen_in_any_disguise(source):
    assert list(imports(source)) != []


def test_a_name_is_seen():
    assert list(names("if backend() == 'torch': pass")) == ["torch"]
    assert list(names('"""Not as torch does."""\nx = "torchvision"')) == []
