"""The contracts of `.importlinter` are kept, cover every module, and each is seen to fail when it is broken on purpose."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import unidl

ROOT = Path(unidl.__file__).parent.parent
CONTRACTS = ("layers", "frameworks", "cycles")


def _lint(folder: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    chosen = [word for contract in contracts for word in ("--contract", contract)]
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return subprocess.run(
        [*command, "--no-cache", "--no-logo", *chosen],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _configuration() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return parser


def test_every_contract_is_kept():
    ran = _lint(ROOT)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in ran.stdout


def test_every_contract_is_broken_on_purpose_below():
    sections = [name for name in _configuration().sections() if name.startswith("importlinter:contract:")]
    assert (
        {name.removeprefix("importlinter:contract:") for name in sections}
        == {case[0] for case in BREAKS}
        == set(CONTRACTS)
    )


def _modules(folder: Path) -> set[str]:
    """The modules and packages directly in a folder, by their dotted names."""
    inside = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    prefix = ".".join(folder.relative_to(ROOT).parts)
    return {f"{prefix}.{name}" for name in inside - {"__init__"}}


def test_every_module_has_its_place():
    layers = _configuration()["importlinter:contract:layers"]["layers"]
    placed = {word for word in layers.replace("(", " ").replace(")", " ").split() if word not in ("|", ":")}
    package = ROOT / "unidl"
    there = (_modules(package) - {"unidl.backends"}) | _modules(package / "backends")
    assert there <= placed, f"give {sorted(there - placed)} a place in the contract 'layers' of .importlinter"


def test_every_folder_is_a_package():
    """import-linter does not look into a folder without __init__.py."""
    folders = {path.parent for path in (ROOT / "unidl").rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


# contract, file, a line that breaks it, what is then told
BREAKS = [
    ("layers", "unidl/ops/op.py", "from unidl.layers import Dense", "unidl.ops is not allowed to import unidl.layers"),
    ("layers", "unidl/errors.py", "from unidl import settings", "unidl.errors is not allowed to import unidl.settings"),
    (
        "layers",
        "unidl/models/build.py",
        "import unidl.backends.torch",
        "unidl.models is not allowed to import unidl.backends.torch",
    ),
    (
        "layers",
        "unidl/backends/torch/device.py",
        "import unidl.backends.tensorflow.device",
        "unidl.backends.torch is not allowed to import unidl.backends.tensorflow",
    ),
    (
        "layers",
        "unidl/graph/spec.py",
        "def late():\n    import unidl.models",
        "unidl.graph is not allowed to import unidl.models",
    ),
    ("frameworks", "unidl/ops/op.py", "import torch", "unidl is not allowed to import torch"),
    ("frameworks", "unidl/models/build.py", "def late():\n    import keras", "unidl is not allowed to import keras"),
    ("frameworks", "unidl/backends/torch/device.py", "import tensorflow", "unidl is not allowed to import tensorflow"),
    ("cycles", "unidl/graph/spec.py", "import unidl.graph.tensor", "unidl.graph"),
]


@pytest.mark.parametrize(("contract", "file", "line", "told"), BREAKS)
def test_a_contract_that_is_broken_is_told(contract, file, line, told, tmp_path):
    shutil.copytree(ROOT / "unidl", tmp_path / "unidl", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    broken = tmp_path / file
    broken.write_text(broken.read_text() + f"\n\n{line}\n")
    ran = _lint(tmp_path, contract)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "1 broken" in ran.stdout
    assert told in ran.stdout
