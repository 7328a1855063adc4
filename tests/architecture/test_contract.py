"""Each backend has every name of unidl.backends.contract.Backend, with the same parameters."""

import inspect

import pytest

from unidl.backends import registry
from unidl.backends.contract import Backend

DATA = sorted(name for name, value in vars(Backend).items() if isinstance(value, property))
FUNCTIONS = sorted(name for name, value in vars(Backend).items() if inspect.isfunction(value) and name[0] != "_")


def _parameters(function: object) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def broken(module: object) -> list[str]:
    """Where a module does not fulfil the contract."""
    told = [f"{name} is missing" for name in (*DATA, *FUNCTIONS) if not hasattr(module, name)]
    for name in FUNCTIONS:
        expected, received = (
            _parameters(getattr(Backend, name)),
            _parameters(getattr(module, name, getattr(Backend, name))),
        )
        if expected != received:
            told.append(f"{name}({', '.join(received)}) should be {name}({', '.join(expected)})")
    return told


def test_a_backend_fulfils_the_contract(backend):
    assert broken(registry.load(backend)) == []


def test_the_contract_has_names():
    assert "OPS" in DATA
    assert "build" in FUNCTIONS


@pytest.mark.parametrize("backend", ["torch"])
def test_a_breach_is_told(backend, monkeypatch):
    module = registry.load(backend)
    before = broken(module)
    monkeypatch.delattr(module, "NAME")
    monkeypatch.setattr(module, "version", lambda verbose: "1")
    assert [line for line in broken(module) if line not in before] == [
        "NAME is missing",
        "version(verbose) should be version()",
    ]
