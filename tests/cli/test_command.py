"""The command `unidl`: what it prints, and that its exit codes mean what the help says."""

import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import unidl
from unidl.backends import registry
from unidl.cli import main
from unidl.cli.exit_code import DONE, FAILED, MEANINGS, REFUSED, UNAVAILABLE, WRONG_COMMAND


@pytest.fixture(autouse=True)
def _nobody_chose(nobody_chose: pytest.MonkeyPatch) -> None:
    nobody_chose.setenv("COLUMNS", "160")


def _unidl(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    root = str(Path(unidl.__file__).parent.parent)
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": root, "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    command = [sys.executable, "-m", "unidl", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_help_teaches_by_example(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == DONE
    told = capsys.readouterr().out
    assert "unidl run train.py --backend keras" in told
    for code, meaning in MEANINGS.items():
        assert f"{code:<4} {meaning}" in told


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"unidl {unidl.__version__}\n"


@pytest.mark.parametrize("words", [[], ["train"], ["run"], ["run", "a.py", "--epochs", "3"], ["backends", "--", "x"]])
def test_a_wrong_command_line(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == WRONG_COMMAND
    assert "usage: unidl" in capsys.readouterr().err


def test_backends_prints_a_table(capsys, nobody_chose):
    nobody_chose.setenv("UNIDL_BACKEND", "keras")
    nobody_chose.setenv("UNIDL_DEVICE", "cpu")
    assert main(["backends"]) == DONE
    told = capsys.readouterr().out
    keras = registry.load("keras")
    rows = {
        line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:-1]]
        for line in told.splitlines()
        if "│" in line
    }
    assert list(rows) == ["torch", "keras", "tensorflow"]
    assert rows["keras"] == [keras.version(), ", ".join(keras.devices()), keras.ENGINE, "in force"]
    assert rows["torch"][-1] == "ready"
    assert "In force: keras, from the environment variable UNIDL_BACKEND." in told
    assert "Device: cpu, from the environment variable UNIDL_DEVICE." in told


def test_backends_says_why_one_cannot_be_used(capsys, nobody_chose):
    nobody_chose.setattr(registry, "_is_installed", lambda package: package != "torch")
    nobody_chose.setattr(registry, "_loaded", {})
    assert main(["backends"]) == DONE
    told = capsys.readouterr().out
    assert "cannot be used" in told
    assert "Install it with:  pip install '.[torch]'" in told
    assert "In force: keras, from the first installed of torch, keras, tensorflow." in told


def test_backends_fails_when_the_choice_cannot_be_used(capsys, nobody_chose):
    nobody_chose.setenv("UNIDL_BACKEND", "pytorch")
    assert main(["backends"]) == UNAVAILABLE
    told = capsys.readouterr()
    assert "ready" in told.out
    assert "There is no backend 'pytorch' (from the environment variable UNIDL_BACKEND)." in told.err


SCRIPT = """
import os, sys
import helper
import unidl
print(__name__, sys.argv[1:], unidl.backend(), os.environ.get("UNIDL_DEVICE"), helper.HERE)
sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else None)
"""


@pytest.fixture
def script(tmp_path: Path) -> str:
    """A script that imports a module beside it and says what it was given."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "helper.py").write_text("HERE = 'beside it'\n")
    return str(tmp_path / "script.py")


def test_run_checks_the_device_s_name_before_it_runs(script, capsys):
    assert main(["run", script, "--device", "gpuu"]) == UNAVAILABLE
    assert "There is no device 'gpuu' (from --device)." in capsys.readouterr().err


def test_run_sets_the_choice_and_hands_arguments_over(script):
    ran = _unidl(
        "run", script, "--backend", "keras", "--device", "cpu", "--", "0", "--epochs", "3", "--", UNIDL_BACKEND="torch"
    )
    assert ran.stdout == "__main__ ['0', '--epochs', '3', '--'] keras cpu beside it\n", ran.stderr
    assert ran.returncode == DONE


def test_run_leaves_the_choice_as_it_was(script):
    assert _unidl("run", script, UNIDL_BACKEND="tensorflow").stdout == "__main__ [] tensorflow None beside it\n"


def test_run_ends_with_the_scripts_exit_code(script):
    assert _unidl("run", script, "--", "7").returncode == 7


def test_run_shows_the_traceback_of_a_script_that_fails(tmp_path):
    (tmp_path / "fails.py").write_text("1 / 0\n")
    ran = _unidl("run", str(tmp_path / "fails.py"))
    assert ran.returncode == FAILED
    plain = subprocess.run(
        [sys.executable, str(tmp_path / "fails.py")], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.stderr == plain.stderr  # as `python SCRIPT`: no frame of the command's


def test_run_shows_a_script_that_is_no_python(tmp_path):
    (tmp_path / "wrong.py").write_text("def\n")
    ran = _unidl("run", str(tmp_path / "wrong.py"))
    assert ran.returncode == FAILED
    assert "SyntaxError" in ran.stderr


def test_run_needs_a_script_that_is_there(capsys):
    assert main(["run", "no/such.py"]) == WRONG_COMMAND
    assert "there is no script 'no/such.py' here" in capsys.readouterr().err


def test_run_names_its_own_option_when_the_backend_is_misspelt(script, capsys):
    assert main(["run", script, "--backend", "pytorch"]) == UNAVAILABLE
    assert "There is no backend 'pytorch' (from --backend)." in capsys.readouterr().err


def test_the_command_is_what_installing_unidl_brings():
    project = tomllib.loads((Path(unidl.__file__).parent.parent / "pyproject.toml").read_text())["project"]
    assert pkgutil.resolve_name(project["scripts"]["unidl"]) is main


def test_source_of_a_saved_model(tmp_path, capsys):
    path = tmp_path / "m.unidl"
    unidl.Sequential([unidl.layers.Dense(2)]).build((3,), backend="torch").save(path)
    assert main(["source", str(path), "--backend", "torch"]) == DONE
    assert "self.dense = nn.Linear(3, 2)" in capsys.readouterr().out
    assert main(["source", str(path), "--backend", "torch", "--to", str(tmp_path / "mine")]) == DONE
    assert sorted(file.name for file in (tmp_path / "mine").iterdir()) == ["model.py", "weights.safetensors"]


def test_source_of_what_a_script_makes(tmp_path, capsys):
    script = tmp_path / "made.py"
    script.write_text(
        "import unidl\n"
        "model = unidl.Sequential([unidl.Input((3,)), unidl.layers.Dense(2)])\n"
        'trainer = unidl.Trainer(model, loss="mse")\n'
    )
    assert main(["source", f"{script}:trainer", "--backend", "torch"]) == DONE
    assert "# train.py" in capsys.readouterr().out
    assert main(["source", f"{script}:nothing", "--backend", "torch"]) == WRONG_COMMAND
    assert "makes no 'nothing'" in capsys.readouterr().err


def test_source_that_is_refused(tmp_path, capsys):
    assert main(["source", str(tmp_path / "none.unidl"), "--backend", "torch"]) == WRONG_COMMAND
    assert "there is no file" in capsys.readouterr().err
    (tmp_path / "broken.unidl").write_text("no zip")
    assert main(["source", str(tmp_path / "broken.unidl"), "--backend", "torch"]) == REFUSED
    assert main(["source", str(tmp_path / "broken.unidl"), "--backend", "pytorch"]) == UNAVAILABLE
    assert "Write torch" in capsys.readouterr().err
