"""`import unidl` loads no framework, writes no file and sets no variable, and next to nothing at all."""

import ast
import json
from pathlib import Path

import pytest

import unidl

FRAMEWORKS = {"torch", "tensorflow", "keras", "jax", "numpy"}

# A stand-in for a stopwatch, which a shared machine would fool (tests/benchmarks/import_time.py is the stopwatch): what
# `import unidl` loads and `import numpy` does not.
ALLOWED = {"unidl", "__future__", "difflib", "heapq", "_heapq", "importlib.util", "importlib._abc"}

PROBE = """
    import os, sys, json, pathlib
    before, variables = set(sys.modules), dict(os.environ)
    {statement}
    print(json.dumps({{
        "modules": sorted(set(sys.modules) - before),
        "variables": sorted(set(os.environ.items()) ^ set(variables.items())),
    }}))
"""


def _roots(modules: list[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def _probe(fresh, statement, **options):
    return json.loads(fresh(PROBE.format(statement=statement), **options).stdout.splitlines()[-1])


def test_import_unidl_loads_no_framework(fresh, tmp_path):
    seen = _probe(fresh, "import unidl", env={"HOME": str(tmp_path)})
    assert _roots(seen["modules"]) & FRAMEWORKS == set()
    assert seen["variables"] == []
    assert list(tmp_path.iterdir()) == []


def test_import_unidl_loads_next_to_nothing(fresh):
    ours = set(_probe(fresh, "import unidl")["modules"])
    numpys = set(_probe(fresh, "import numpy")["modules"])
    assert ours - numpys <= ALLOWED


def test_neutral_code_loads_no_framework(fresh, tmp_path):
    names = "; ".join(f"unidl.{name}" for name in unidl.__all__)
    seen = _probe(fresh, f"import unidl; {names}", env={"HOME": str(tmp_path)})
    assert _roots(seen["modules"]) & (FRAMEWORKS - {"numpy"}) == set()
    assert seen["variables"] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch", {"modules": "torch"}),
        ("import os; os.environ['KERAS_BACKEND'] = 'numpy'", {"variables": "KERAS_BACKEND"}),
        ("import pathlib; (pathlib.Path.home() / 'settings.json').touch()", {"files": "settings.json"}),
    ],
)
def test_the_probe_can_fail(fresh, tmp_path, source, found):
    """The same probe, on a package that does what `import unidl` must not."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "torch.py").touch()
    (tmp_path / "careless.py").write_text(source + "\n")
    seen = _probe(fresh, "import careless", path=tmp_path, env={"HOME": str(home)})
    seen["files"] = [path.name for path in home.iterdir()]
    for kind, what in found.items():
        assert any(what in entry for entry in seen[kind])


def test_the_tables_of_public_names_are_equal():
    """What a type checker reads and what `__getattr__` serves."""
    tree = ast.parse(Path(unidl.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.asname: f"{node.module}"
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    served = dict(unidl._HOMES) | dict.fromkeys(unidl._SUBPACKAGES, "unidl")
    assert typed == served
    for name in unidl.__all__:
        assert getattr(unidl, name) is not None
        assert name in dir(unidl)


def test_a_misspelt_public_name():
    with pytest.raises(AttributeError, match=r"unidl has no 'Sequentail'\.\nFix: Write unidl\.Sequential\."):
        unidl.Sequentail  # noqa: B018  (looking it up is the test)
