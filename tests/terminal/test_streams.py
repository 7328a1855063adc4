"""Trainings and commands on the terminals that people have: few letters, closed, left by their reader, on a full disk."""

import os
import shlex
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the cases are written for a POSIX shell")

TRAIN = """
import pathlib, sys
import numpy as np
import unidl
from unidl import layers, ops

def error(targets, predictions):
    return ops.abs(targets - predictions)

error.__name__ = "[/x] größe \\x1b[2J"
x = np.ones((16, 4), "float32")
trainer = unidl.Trainer(unidl.Sequential([layers.Dense(2)]), "mse", metrics=[error], backend="torch")
history = trainer.fit(x, x[:, :2], epochs=300)
trainer.model.summary()
pathlib.Path(sys.argv[1]).write_text(f"{len(history.epochs)} {history!r}", encoding="utf-8")
"""


def shell(line, **variables):
    """The exit code, and what reached the standard streams."""
    names = ("PYTHONIOENCODING", "LC_ALL", "PYTHONUNBUFFERED", "PYTHONUTF8")
    env = {name: value for name, value in os.environ.items() if name not in names}
    env |= {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], env=env, capture_output=True, timeout=300, check=False
    )
    return done.returncode, done.stdout, done.stderr


TERMINALS = {
    "ascii": ("> {out}", {"PYTHONIOENCODING": "ascii"}),
    "the C locale": ("> {out}", {"LC_ALL": "C", "PYTHONUTF8": "0"}),
    "closed": (">&-", {}),
    "left by its reader": ("| head -1", {}),
    "left at once": ("| true", {}),
    "a full disk": ("> /dev/full", {}),
    "all of them closed": (">&- 2>&- <&-", {}),
}


@pytest.mark.parametrize("name", TERMINALS)
def test_a_training_goes_to_its_end(name, tmp_path):
    if "/dev/full" in TERMINALS[name][0] and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    script, done, out = tmp_path / "train.py", tmp_path / "done", tmp_path / "out"
    script.write_text(TRAIN, encoding="utf-8")
    redirected, variables = TERMINALS[name]
    command = shlex.join([sys.executable, "-W", "error::BytesWarning", str(script), str(done)])
    code, printed, told = shell(f"{command} {redirected.format(out=out)}", **variables)
    assert done.exists(), told.decode()
    assert done.read_text(encoding="utf-8").startswith("300 ")
    assert code == 0, told.decode()
    assert b"Traceback" not in told
    assert b"BrokenPipe" not in told
    for text in (printed, out.read_bytes() if out.exists() else b"", done.read_bytes()):
        assert b"\x1b" not in text


HELP = shlex.join([sys.executable, "-m", "unidl", "--help"])
WRONG = shlex.join([sys.executable, "-m", "unidl", "\x1b[2Jwrong"])


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        (f"PYTHONIOENCODING=ascii {HELP}", {0}),
        (f"PYTHONUTF8=0 LC_ALL=C {HELP}", {0}),
        (f"{HELP} >&-", {0}),
        (f"{HELP} | true", {0, 141}),  # it may have written all before the reader was gone
        (f"{HELP} > /dev/full", {1}),
        (f"{WRONG}", {2}),
        (f"{WRONG} 2> /dev/full", {2}),
        (f"{WRONG} 2>&-", {2}),
    ],
)
def test_the_command_ends_with_a_code_that_means_something(line, codes):
    if "/dev/full" in line and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    code, printed, told = shell(line)
    assert code in codes, told.decode()
    assert b"Traceback" not in told
    assert b"Exception ignored" not in told
    assert b"\x1b" not in printed + told


MODEL = """
import sys
import unidl
from unidl import layers
unidl.Sequential([layers.Dense(2, name="größe")], name="netz").build((3,), backend="torch").save(sys.argv[1])
"""


@pytest.mark.parametrize("words", ["--fast", "--fast --json", "--fast --svg layers"])
def test_inspect_prints_in_ascii(words, tmp_path):
    shell(shlex.join([sys.executable, "-c", MODEL, str(tmp_path / "m.unidl")]))
    inspected = f"{shlex.join([sys.executable, '-m', 'unidl', 'inspect', str(tmp_path / 'm.unidl')])} {words}"
    code, printed, told = shell(f"PYTHONIOENCODING=ascii {inspected} --backend torch")
    assert code == 0, told.decode()
    assert printed.isascii()
    assert b"gr" in printed
