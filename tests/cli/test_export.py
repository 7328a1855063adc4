"""`unidl export`: files from files, and exit codes that mean what the help says."""

import subprocess
import sys
import textwrap

import pytest

import unidl
from unidl import layers
from unidl.backends import registry
from unidl.cli import main
from unidl.cli.exit_code import DONE, FAILED, REFUSED, UNAVAILABLE, WRONG_COMMAND


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """A folder with a saved model in it, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    unidl.Sequential([layers.Dense(2)]).build((3,), backend="torch").save("m.unidl")
    return tmp_path


def test_help_teaches_by_example(capsys):
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    told = capsys.readouterr().out
    for name in registry.formats():
        assert f".unidl {name} " in told


@pytest.mark.parametrize(("format_", "path"), [("pt2", "m.pt2"), ("savedmodel", "served"), ("keras", "m.keras")])
def test_a_file_is_written(format_, path, saved):
    assert main(["export", "m.unidl", format_, path]) == DONE
    assert (saved / path).exists()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["nothing.unidl", "pt2", "m.pt2"], WRONG_COMMAND, "there is no file 'nothing.unidl'"),
        (["m.unidl", "pt3", "m.pt3"], WRONG_COMMAND, "There is no export format 'pt3'"),
        (["m.unidl", "pt2", "m.onnx"], WRONG_COMMAND, "another ending"),
        (["m.unidl", "pt2", "m.pt2", "--batch-size", "3"], WRONG_COMMAND, "takes no batch_size"),
        (["m.unidl", "litert", "m.tflite", "--batch-size", "0"], WRONG_COMMAND, "a positive integer"),
        (["m.unidl", "keras", "m.keras", "--custom", "frozen"], WRONG_COMMAND, "one of 'constants', 'layers'"),
        (["m.unidl", "pt2", "m.pt2", "--import", "no_such_module"], WRONG_COMMAND, "there is no module"),
        (["damaged.unidl", "pt2", "m.pt2"], FAILED, "no whole unidl file"),
    ],
)
def test_what_cannot_be_done_is_told(words, code, told, saved, capsys):
    (saved / "damaged.unidl").write_bytes(b"no such thing")
    assert main(["export", *words]) == code
    assert told in capsys.readouterr().err
    assert sorted(path.name for path in saved.iterdir()) == ["damaged.unidl", "m.unidl"]


def test_a_model_that_cannot_go(saved, capsys):
    unidl.Sequential([layers.LSTM(2)]).build((4, 3), backend="torch").save("lstm.unidl")
    assert main(["export", "lstm.unidl", "litert", "m.tflite"]) == REFUSED
    assert "batch_size=1" in capsys.readouterr().err


def test_a_package_that_is_missing(saved, capsys, nobody_chose):
    nobody_chose.setattr(registry, "_is_installed", lambda package: package != "onnx")
    assert main(["export", "m.unidl", "onnx", "m.onnx"]) == UNAVAILABLE
    assert "pip install '.[onnx]'" in capsys.readouterr().err


def test_classes_of_ones_own(tmp_path):
    """In a process of its own: the file holds a class that only the module named with --import registers."""
    (tmp_path / "my_layers.py").write_text(
        textwrap.dedent("""
            import unidl

            @unidl.register
            class Twice(unidl.Layer):
                def forward(self, x):
                    return x * 2.0

            if __name__ == "__main__":
                from my_layers import Twice
                unidl.Sequential([Twice()]).build((3,), backend="torch").save("m.unidl")
        """)
    )
    subprocess.run([sys.executable, "my_layers.py"], cwd=tmp_path, check=True, timeout=120)
    command = [sys.executable, "-m", "unidl", "export", "m.unidl", "pt2", "m.pt2"]
    without = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert without.returncode == FAILED
    assert "holds a 'Twice'" in without.stderr
    named = subprocess.run([*command, "--import", "my_layers"], cwd=tmp_path, check=False, timeout=120)
    assert named.returncode == DONE
    assert (tmp_path / "m.pt2").is_file()
