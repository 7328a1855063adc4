"""A folder of checkpoints: what is kept where files are damaged, and what happens where two processes write into it."""

import os
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest

import unidl
from unidl import callbacks, layers
from unidl.errors import CheckpointWarning
from unidl.files import aside

ROOT = Path(__file__).parent.parent.parent
X = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
QUIET = {"batch_size": 10, "progress": False}


def trainer():
    return unidl.Trainer(unidl.Sequential([layers.Dense(1)]), "mse", backend="torch")


def run(folder, epochs, resume=True, **settings):
    t = trainer()
    t.fit(X, X[:, :1], epochs=epochs, callbacks=[callbacks.Checkpoint(folder, **settings)], resume=resume, **QUIET)
    return t


def steps(folder):
    return sorted(int(path.name[5:14]) for path in folder.glob("step-*.unidl"))


def test_damaged_newer_files_do_not_push_good_ones_out(tmp_path):
    run(tmp_path, 2, every_steps=2)
    assert steps(tmp_path) == [6, 8]
    for number in range(300):
        (tmp_path / f"step-{10**6 + number:09}.unidl").write_text("broken")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        t = run(tmp_path, 3, every_steps=2)
    assert t.steps_taken == 12
    assert [n for n in steps(tmp_path) if n < 10**6] == [10, 12]
    assert len(steps(tmp_path)) == 302  # what is damaged is left to be looked at
    assert sum(w.category is CheckpointWarning for w in told) == 1
    assert "(and 299 more)" in str(told[0].message)


def test_a_damaged_file_of_an_earlier_step_counts_for_nothing(tmp_path):
    run(tmp_path, 1, every_steps=1, keep=4)
    assert steps(tmp_path) == [1, 2, 3, 4]
    for step in (3, 4):
        (tmp_path / f"step-{step:09}.unidl").write_bytes(b"broken")
    keep = callbacks.Checkpoint(tmp_path, keep=2)
    t = trainer()
    t.fit(X, X[:, :1], epochs=2, **QUIET)
    keep.save(t)
    assert steps(tmp_path) == [2, 3, 4, 8]


def test_what_another_process_writes_now_is_left(tmp_path):
    (tmp_path / ".step-000000004.unidl.abc.part").write_bytes(b"half")  # of 0.1.0
    code = """
        import sys, time
        from pathlib import Path
        from unidl.files import replacing
        with replacing(Path(sys.argv[1], "step-000000009.unidl"), "a test") as stream:
            stream.write(b"half")
            stream.flush()
            print("writing", flush=True)
            sys.stdin.readline()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    killed = subprocess.Popen(command, cwd=ROOT, **pipes)
    killed.stdout.readline()
    killed.kill()
    killed.communicate()
    left = [p.name for p in tmp_path.iterdir() if aside.NAME_ASIDE.fullmatch(p.name)]
    assert len(left) == 2
    with subprocess.Popen(command, cwd=ROOT, **pipes) as other:
        other.stdout.readline()
        run(tmp_path, 1)
        (mine,) = [p.name for p in tmp_path.iterdir() if aside.NAME_ASIDE.fullmatch(p.name)]
        assert mine not in left
        other.communicate(b"\n")
        assert other.returncode == 0
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert (tmp_path / "step-000000009.unidl").read_bytes() == b"half"


SAME_RUN = """
    import sys, warnings
    import numpy as np, unidl
    from unidl import layers
    warnings.simplefilter("error")
    x = np.random.default_rng(0).normal(size=(64, 300)).astype("float32")
    t = unidl.Trainer(unidl.Sequential([layers.Dense(300), layers.Dense(1)]), loss="mse", backend="torch", seed=1)
    t.model.build((300,), backend="torch", seed=1)
    print("ready", flush=True)
    sys.stdin.readline()
    keep = unidl.callbacks.Checkpoint(sys.argv[1], every_steps=1)
    t.fit(x, x[:, :1], epochs=10, batch_size=8, callbacks=[keep], resume=True, progress=False)
    print(t.steps_taken, float(np.abs(t.model.weights()["dense/kernel"]).sum()))
"""


@pytest.mark.parametrize("start", ["at once", "one after the other"])
def test_two_processes_in_one_folder(start, tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(SAME_RUN), str(tmp_path / "c")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(2)]
    for process in both:
        process.stdout.readline()
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
        while start != "at once" and not list(tmp_path.glob("c/step-*")):
            assert process.poll() is None
    told = [process.communicate(timeout=600) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert told[0][0] == told[1][0]  # the same run: it ended alike
    assert sorted(os.listdir(tmp_path / "c")) == ["step-000000079.unidl", "step-000000080.unidl"]
