"""The line of an epoch fits into the terminal."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import textwrap
from pathlib import Path

import pytest

import unidl
from unidl.training.epoch_line import epoch_line

ROOT = Path(unidl.__file__).parent.parent
FIVE = {"loss": 0.35211, "accuracy": 0.89321, "seconds": 4.21, "val_loss": 0.21041, "val_accuracy": 0.94011}


def test_as_it_is_where_there_is_room():
    wide = "epoch 1/3  loss 0.3521  accuracy 0.8932  val_loss 0.2104  val_accuracy 0.9401  4.2 s"
    assert epoch_line(1, 3, FIVE) == epoch_line(1, 3, FIVE, 200) == wide
    assert epoch_line(1, 3, {"loss": 1.0}, 80) == "epoch 1/3  loss 1.0000"


def test_the_ordinary_line_fits_into_eighty_columns():
    line = epoch_line(1, 3, FIVE, 80)
    assert line == "epoch 1/3 loss 0.3521 accuracy 0.8932 val_loss 0.2104 val_accuracy 0.9401 4.2 s"
    assert len(line) == 79
    assert (
        epoch_line(100, 100, FIVE, 80)
        == "epoch 100/100 loss 0.352 accuracy 0.893 val_loss 0.210 val_accuracy 0.940 4.2 s"
    )


@pytest.mark.parametrize("width", [10, 20, 40, 60, 80, 120])
@pytest.mark.parametrize("count", [0, 1, 5, 30])
def test_it_is_never_longer_than_the_terminal(width, count):
    numbers = {f"a_metric_of_that_name_{i}": i / 7 for i in range(count)} | {"seconds": 123.4}
    assert len(epoch_line(1234, 9999, numbers, width)) <= width


def test_what_does_not_fit_is_left_out():
    assert epoch_line(1, 3, {f"metric_{i}": 0.5 for i in range(9)}, 40) == "epoch 1/3 metric_0 0.500 …"


def test_a_run_in_a_terminal_of_eighty_columns():
    """Neither the moving bar nor an epoch's line goes over the terminal's edge: a line is one row of it."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    code = """
        import numpy as np, unidl
        x = np.ones((64, 3), "float32")
        model = unidl.Sequential([unidl.layers.Dense(2)])
        trainer = unidl.Trainer(model, "cross_entropy", metrics=["accuracy"], backend="torch")
        class Slow(unidl.callbacks.Callback):
            every_steps = 1
            def on_steps(self, trainer, numbers):
                __import__("time").sleep(0.02)
        data = x, np.zeros(64, "int64")
        trainer.fit(*data, epochs=2, batch_size=2, validation_data=data, callbacks=[Slow()])
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "NO_COLOR": "1"}
    environment.pop("COLUMNS", None)
    running = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=child, stderr=subprocess.PIPE, env=environment
    )
    os.close(child)
    told = b""
    with contextlib.suppress(OSError):  # Linux: the end of a terminal whose last writer is gone
        while part := os.read(parent, 65536):
            told += part
    failed = running.communicate(timeout=300)[1]
    os.close(parent)
    assert running.returncode == 0, failed.decode()
    rows = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", row) for row in re.split(r"[\r\n]+", told.decode())]
    assert max(map(len, rows)) <= 80
    epochs = [row for row in rows if row.startswith(("epoch 1/2 loss", "epoch 1/2  loss"))]
    assert len(epochs) == 1
    assert "val_accuracy" in epochs[0]
    assert any("━" in row and "loss" in row for row in rows)
