"""`unidl compare` that is ended leaves nothing running: not the script, nor what the script started."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import unidl

ROOT = Path(unidl.__file__).parent.parent

SCRIPT = """
    import subprocess, sys, time
    import numpy as np
    import unidl
    from unidl import layers

    beat = "import sys, time\\nwhile True:\\n    open(sys.argv[1], 'a').write('.')\\n    time.sleep(0.02)"
    x = np.ones((64, 4), "float32")
    t = unidl.Trainer(unidl.Sequential([layers.Dense(2)]), loss="mse")
    subprocess.Popen([sys.executable, "-c", beat, "started"])
    t.fit(x, x[:, :2], progress=False)
    while True:
        open("script", "a").write(".")
        time.sleep(0.02)
"""


def _wait_for(condition, seconds):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left(number, tmp_path):
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT))
    (tmp_path / "folders").mkdir()
    beats = [tmp_path / "script", tmp_path / "started"]
    command = [sys.executable, "-m", "unidl", "compare", "train.py", "--quick", "--backends", "torch"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "folders")}
    running = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert _wait_for(lambda: all(beat.exists() for beat in beats), 240)
        running.send_signal(number)
        code = running.wait(60)
    finally:
        running.kill()

    def stopped():
        sizes = [beat.stat().st_size for beat in beats]
        time.sleep(0.5)
        return sizes == [beat.stat().st_size for beat in beats]

    assert _wait_for(stopped, 30), "something goes on"
    assert code == (-number if number == signal.SIGKILL else 128 + number)
    if number != signal.SIGKILL:
        assert list((tmp_path / "folders").iterdir()) == []
