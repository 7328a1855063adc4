"""What an editor shows: a class' arguments with types and defaults, the methods that a user calls, types in a user's script."""

import inspect
from pathlib import Path

import pytest
from mypy import api

import unidl
from unidl import callbacks, initializers, layers, losses, metrics, optimizers, schedules

ROOT = Path(__file__).parents[2]
CLASSES = [
    cls
    for family in (layers, losses, metrics, optimizers, schedules, initializers, callbacks)
    for name, cls in vars(family).items()
    if isinstance(cls, type) and not name.startswith("_")
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_the_signature_is_the_constructors(cls):
    parameters = inspect.signature(cls).parameters
    own = [] if cls.__init__ is object.__init__ else list(inspect.signature(cls.__init__).parameters.values())[1:]
    assert list(parameters.values()) == own
    for parameter in own:
        assert parameter.annotation is not parameter.empty, parameter


def test_signatures_of_models_and_of_users_classes():
    class Own(unidl.Layer):
        def __init__(self, units: int, *, rate: float = 0.5) -> None:
            self.units = units

    assert str(inspect.signature(Own)) == "(units: int, *, rate: float = 0.5)"
    assert list(inspect.signature(unidl.Model).parameters) == ["inputs", "outputs"]
    assert list(inspect.signature(unidl.Sequential).parameters) == ["layers"]
    assert list(inspect.signature(layers.Dense).parameters)[:2] == ["units", "activation"]
    assert inspect.signature(layers.Dense).parameters["use_bias"].default is True


def test_dir_of_a_model_is_what_a_user_calls():
    model = unidl.Sequential([layers.Dense(2)])
    assert dir(model) == [
        "add_loss", "add_weight", "backend", "build", "copy", "copy_from", "device", "forward", "freeze", "inputs", "is_built",
        "layers", "lowering", "name", "native", "output_shape", "outputs_at", "precision", "predict", "replace", "save",
        "set_weights", "setup", "summary", "training", "unfreeze", "update", "weights",
    ]  # fmt: skip
    assert {"units", "activation", "name"} < set(dir(layers.Dense(2)))


def test_a_type_checker_sees_types_in_a_users_script(tmp_path):
    script = ROOT / "tests/architecture/user_script.py"
    options = [
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "--cache-dir",
        str(ROOT / ".mypy_cache"),
        "--warn-unused-ignores",
    ]
    said, errors, code = api.run([*options, str(script)])
    assert code == 0, said + errors
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        script.read_text().replace(
            "assert_type(metrics.Accuracy(), metrics.Accuracy)", "assert_type(metrics.Accuracy(), int)"
        )
    )
    said, _, code = api.run([*options, str(wrong)])
    assert code == 1, said  # the check can fail
    assert said.count("error:") == 1, said
