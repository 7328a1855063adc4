"""What the pages name is there: sessions of nox, modules and scripts to run, files; and what they say of commands holds."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import unidl

ROOT = Path(unidl.__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").glob("*.md")),
]
CODE = [
    ROOT / "noxfile.py",
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "docs").glob("*.py")),
    *sorted((ROOT / "unidl").rglob("*.py")),
]
TEXTS = {str(path.relative_to(ROOT)): path.read_text("utf8") for path in [*PAGES, *CODE] if path != Path(__file__)}

SESSION = re.compile(r"nox -s ([a-z_]+)")
MODULE = re.compile(r"python -m ((?:tests|docs|unidl)(?:\.[a-z_0-9]+)+)")
SCRIPT = re.compile(r"python ((?:docs|tests|examples|tools)/[a-z_/0-9]+\.py)")
NAMED = re.compile(r"`((?:unidl|tests|docs|examples|tools)/[\w/<>*.]+)`")


def sessions() -> set[str]:
    tree = ast.parse((ROOT / "noxfile.py").read_text("utf8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and any("nox.session" in ast.unparse(mark) for mark in node.decorator_list)
    }


def missing(text: str) -> list[str]:
    """What a text names and is not there."""
    found = [f"nox -s {name}" for name in SESSION.findall(text) if name not in sessions()]
    for module in MODULE.findall(text):
        path = ROOT / module.replace(".", "/")
        if not (path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()):
            found.append(f"python -m {module}")
    found += [f"python {script}" for script in SCRIPT.findall(text) if not (ROOT / script).is_file()]
    for name in NAMED.findall(text):
        pattern = re.sub(r"<\w+>", "*", name.rstrip("."))
        if not any(True for _ in ROOT.glob(pattern.rstrip("/"))):
            found.append(name)
    return found


@pytest.mark.parametrize("name", [name for name in TEXTS if name.endswith(".md")])
def test_what_a_page_names_is_there(name):
    assert missing(TEXTS[name]) == []


def test_what_the_code_names_is_there():
    found = {
        name: [one for one in missing(text) if one.startswith(("nox", "python"))]
        for name, text in TEXTS.items()
        if name.endswith(".py")
    }
    assert {name: some for name, some in found.items() if some} == {}


@pytest.mark.parametrize(
    "text",
    [
        "nox -s conformance_table",
        "python -m tests.nothing",
        "python docs/nothing.py",
        "`unidl/nothing.py`",
        "`unidl/<backend>/nothing.py`",
    ],
)
def test_what_is_missing_is_seen(text):
    assert missing(text)


def test_nothing_says_that_the_native_object_leaves():
    """A pickle of it names unidl's classes: what leaves are source, eject and export."""
    assert not [
        name for name, text in TEXTS.items() if re.search(r"model\.native[^\n]{0,120}(and leave|take it with)", text)
    ]


def test_the_demo_keeps_the_import_s_messages_off_the_terminal():
    """What is written to the process' standard error while TensorFlow is imported, by whatever language; after an error it is shown."""
    code = """
import os, sys
sys.path.insert(0, "examples")
import demo
with demo.messages_of_import():
    os.write(2, b"noise")
os.write(2, b"after")
try:
    with demo.messages_of_import():
        os.write(2, b"why")
        raise RuntimeError
except RuntimeError:
    pass
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True
    )
    assert ran.stderr == "afterwhy"
