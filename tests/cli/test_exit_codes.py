"""Exit codes of the process itself: what a shell, a pipe and Ctrl-C get. tests/cli/test_command.py has those of main()."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import unidl
from unidl.cli.exit_code import CLOSED, DONE, FAILED, INTERRUPTED, MEANINGS, UNAVAILABLE, WRONG_COMMAND

ROOT = Path(unidl.__file__).parent.parent
OTHERS = ("UNIDL_BACKEND", "UNIDL_DEVICE", "PYTHONUNBUFFERED")  # unbuffered, argparse itself overlooks a closed pipe
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in OTHERS} | {"PYTHONPATH": str(ROOT)}


def _start(*words: str, cwd: Path, **options) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "unidl", *words]
    return subprocess.Popen(
        command, env=ENVIRONMENT, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--version"], DONE, ""),
        ([], WRONG_COMMAND, "examples:"),
        (["bakends"], WRONG_COMMAND, "Did you mean: unidl backends?"),
        (["banana"], WRONG_COMMAND, "There are backends, run, "),
        (["run", "x.py", "--backnd", "keras"], WRONG_COMMAND, "Did you mean --backend?"),
        (["run", "x.py", "--epochs", "3"], WRONG_COMMAND, "unidl run SCRIPT -- --epochs 3"),
        (["run", "x.py", "--back", "keras"], WRONG_COMMAND, "--backend"),
        (["backends", "--", "x"], WRONG_COMMAND, "belong to `unidl run`"),
        (["run", "no.py"], WRONG_COMMAND, "there is no script"),
        (["run", "x.py", "--backend", "pytorch"], UNAVAILABLE, "Write torch."),
        (["run", "x.py"], FAILED, "ZeroDivisionError"),
    ],
)
def test_the_code_and_the_hint(words, code, told, tmp_path):
    (tmp_path / "x.py").write_text("1 / 0\n")
    process = _start(*words, cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert told in err
    assert out == "" or code == DONE


def test_the_installed_command_and_the_module_are_one():
    script = "import sys; sys.argv[0] = 'unidl'; from unidl.cli import main; sys.exit(main())"
    each = [
        subprocess.run(
            [sys.executable, *how, "run", "no.py"], env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        for how in (["-m", "unidl"], ["-c", script])
    ]
    assert each[0].returncode == each[1].returncode == WRONG_COMMAND
    assert each[0].stderr == each[1].stderr != ""


@pytest.mark.parametrize("word", ["--help", "backends"])
def test_who_read_the_output_has_enough(word):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "unidl", word]
    done = subprocess.run(
        command,
        env=ENVIRONMENT,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    os.close(write)
    assert done.returncode == CLOSED
    assert "pipe" not in done.stderr.lower()


def test_a_device_that_is_not_there(tmp_path):
    script = tmp_path / "train.py"
    script.write_text("import unidl; unidl.Sequential([unidl.layers.Dense(1)]).build((2,), backend='torch')")
    done = subprocess.run(
        [sys.executable, "-m", "unidl", "run", str(script), "--device", "gpu:7"],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == UNAVAILABLE
    assert "DeviceError" in done.stderr


def test_a_comparison_of_what_is_no_script(tmp_path):
    file = tmp_path / "m.unidl"
    unidl.Sequential([unidl.layers.Dense(1)]).build((2,), backend="torch").save(file)
    done = subprocess.run(
        [sys.executable, "-m", "unidl", "compare", str(file)],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == WRONG_COMMAND
    assert "is no Python script" in done.stderr
    assert "Traceback" not in done.stderr


PLAIN = "import time\nprint('ready', flush=True)\ntime.sleep(60)\n"

TRAINING = """
import numpy, unidl
class Tell(unidl.callbacks.Callback):
    every_steps = 1
    def on_steps(self, trainer, numbers):
        print("ready", flush=True)
x = numpy.ones((4096, 3), "float32")
trainer = unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1)]), loss="mse", backend="torch")
trainer.fit(x, x[:, :1], epochs=10_000, callbacks=[Tell()], progress=False)
"""


@pytest.mark.parametrize(
    ("script", "told", "frames"),
    [(PLAIN, "KeyboardInterrupt", 1), (TRAINING, "fit(…, resume=True) goes on from there.", 0)],
    ids=["plain", "training"],
)
def test_ctrl_c(script, told, frames, tmp_path):
    (tmp_path / "long.py").write_text(script)
    process = _start("run", "long.py", cwd=tmp_path)
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, err
    assert told in err
    assert err.count("  File ") == frames  # none of the command's own


def test_the_docs_have_the_table():
    told = (ROOT / "docs" / "command.md").read_text()
    for code, meaning in MEANINGS.items():
        assert f"| {code} | {meaning.replace('|', chr(92) + '|')} |" in told


def test_a_shell_completes(tmp_path):
    """With argcomplete, which asks the command itself: `eval "$(register-python-argcomplete unidl)"`."""
    pytest.importorskip("argcomplete", reason="an aid of the user's shell, no package of unidl's")

    def completions(line: str) -> set[str]:
        out = tmp_path / "out"
        asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
        asked |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(out), "_ARGCOMPLETE_IFS": "\n"}
        process = subprocess.run(
            [sys.executable, "-c", "import sys; sys.argv[0] = 'unidl'; from unidl.cli import main; main()"],
            env=ENVIRONMENT | asked, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert process.returncode == 0, process.stderr
        return {word.strip() for word in out.read_text().split("\n")}

    assert {"backends", "run", "export", "source"} <= completions("unidl ")
    assert "--backend" in completions("unidl run train.py --ba")
