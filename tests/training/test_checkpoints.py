"""Checkpoints: what they keep, and what happens where they cannot be written or read."""

import os
import resource
import signal
import zipfile

import numpy as np
import pytest

import unidl
from unidl import callbacks, layers, optimizers
from unidl.errors import ArgumentError, CheckpointError, CheckpointWarning, DataError, FileError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
QUIET = {"batch_size": 10, "progress": False}


def made(backend, **settings):
    parts = [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.4), layers.Dense(2)]
    given = {"loss": "cross_entropy", "optimizer": optimizers.AdamW(1e-2), "metrics": ["accuracy"], **settings}
    return unidl.Trainer(unidl.Sequential(parts), backend=backend, **given)


class Crash(callbacks.Callback):
    """Ends the process' run after so many steps, as a bug would."""

    def __init__(self, steps):
        self.every_steps = steps

    def on_steps(self, trainer, numbers):
        raise ZeroDivisionError


def same(a, b):
    mine, theirs = a.model.weights(), b.model.weights()
    return mine.keys() == theirs.keys() and all(np.array_equal(mine[p], theirs[p]) for p in mine)


def without_time(history):
    return [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in history.epochs]


def test_a_run_goes_on_where_it_stood(backend, tmp_path):
    never = made(backend)
    whole = never.fit(X, Y, epochs=4, validation_data=(X, Y), **QUIET)
    keep = callbacks.Checkpoint(tmp_path, every_steps=2)
    with pytest.raises(ZeroDivisionError):
        made(backend).fit(X, Y, epochs=4, validation_data=(X, Y), callbacks=[Crash(15), keep], resume=True, **QUIET)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-000000012.unidl", "step-000000014.unidl"]
    again = made(backend)
    history = again.fit(X, Y, epochs=4, validation_data=(X, Y), callbacks=[keep], resume=True, **QUIET)
    assert same(again, never)
    assert (again.epoch, again.steps_taken) == (4, 24)
    np.testing.assert_array_equal(history.step_loss, whole.step_loss)
    assert without_time(history) == without_time(whole)
    done = made(backend)
    assert without_time(done.fit(X, Y, epochs=4, callbacks=[keep], resume=True, **QUIET)) == without_time(whole)
    assert done.steps_taken == 24


def test_a_checkpoint_is_a_model_for_any_backend(backend, tmp_path):
    t = made(backend)
    t.fit(X, Y, epochs=1, callbacks=[callbacks.Checkpoint(tmp_path)], **QUIET)
    (path,) = tmp_path.iterdir()
    for other in ("torch", backend):
        np.testing.assert_allclose(unidl.load(path, backend=other).predict(X), t.predict(X), atol=1e-6)


def test_early_stopping_goes_on_too(backend, tmp_path):
    def run(keep, crash):
        t = made(backend, optimizer=optimizers.SGD(3.0))
        given = [callbacks.EarlyStopping(patience=3), *crash, *([keep] if keep else [])]
        return t, t.fit(X, Y, epochs=30, validation_data=(X, Y), callbacks=given, resume=bool(keep), **QUIET)

    never, whole = run(None, [])
    keep = callbacks.Checkpoint(tmp_path, every_steps=5)
    with pytest.raises(ZeroDivisionError):
        run(keep, [Crash(13)])
    again, history = run(keep, [])
    assert without_time(history) == without_time(whole)
    assert same(again, never)


def test_a_truncated_or_foreign_file_gives_way_to_the_one_before(backend, tmp_path):
    never = made(backend)
    never.fit(X, Y, epochs=2, **QUIET)
    keep = callbacks.Checkpoint(tmp_path, every_steps=3)
    made(backend).fit(X, Y, epochs=1, callbacks=[keep], **QUIET)
    older, newer = sorted(tmp_path.iterdir())
    newer.write_bytes(newer.read_bytes()[:-100])
    (tmp_path / "step-000000099.unidl").write_bytes(b"not ours")
    again = made(backend)
    with pytest.warns(CheckpointWarning, match="cannot be read, so the one before is taken"):
        again.fit(X, Y, epochs=2, callbacks=[keep], resume=True, **QUIET)
    assert same(again, never)
    for path in (older, newer, *tmp_path.iterdir()):
        path.write_bytes(b"")
    with (
        pytest.warns(CheckpointWarning),
        pytest.raises(CheckpointError, match=r"None of the checkpoints in .* can be read"),
    ):
        made(backend).fit(X, Y, epochs=2, callbacks=[keep], resume=True, **QUIET)


def test_a_flipped_byte_is_noticed(tmp_path):
    keep = callbacks.Checkpoint(tmp_path)
    made("torch").fit(X, Y, epochs=1, callbacks=[keep], **QUIET)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as zipped:
        place = zipped.getinfo("training.safetensors").header_offset
    content[place + 2000] ^= 1
    path.write_bytes(content)
    with pytest.warns(CheckpointWarning), pytest.raises(CheckpointError, match="Bad CRC-32"):
        keep.newest()


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_trained(tmp_path):
    (tmp_path / "file").write_text("no folder")
    t = made("torch")
    with pytest.raises(CheckpointError, match=r"cannot be written to .*; nothing was trained\.\nExpected: a folder"):
        t.fit(X, Y, callbacks=[callbacks.Checkpoint(tmp_path / "file")], **QUIET)
    assert t.steps_taken == 0


class Full(callbacks.Callback):
    """From a step on no file may grow beyond some bytes, as on a full disk; the kernel refuses the write."""

    every_steps = 1

    def __init__(self, begin, end):
        self.begin, self.end = begin, end

    def on_steps(self, trainer, numbers):
        limit = 500 if self.begin <= trainer.steps_taken < self.end else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


@pytest.fixture
def _limits():
    before, signal_before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, signal_before)


@pytest.mark.usefixtures("_limits")
def test_a_full_disk_leaves_the_last_good_one_and_the_run_goes_on(tmp_path):
    keep = callbacks.Checkpoint(tmp_path, every_steps=2)
    t = made("torch")
    with pytest.warns(CheckpointWarning) as told:
        t.fit(X, Y, epochs=2, callbacks=[Full(5, 9), keep], **QUIET)
    assert [str(w.message).partition(" could")[0] for w in told] == [
        f"The checkpoint of step {step}"
        for step in (6, 6, 8)  # step 6 ends an epoch too
    ]
    assert str(told[0].message).endswith("Training goes on; the last good one is step-000000004.unidl.")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-000000010.unidl", "step-000000012.unidl"]
    other = tmp_path / "other"
    t = made("torch")
    with (
        pytest.warns(CheckpointWarning),
        pytest.raises(CheckpointError, match="The run is at its end, and its last state could not be written"),
    ):
        t.fit(X, Y, epochs=2, callbacks=[Full(11, 99), callbacks.Checkpoint(other, every_steps=5)], **QUIET)
    assert t.steps_taken == 12
    names = ["step-000000006.unidl", "step-000000010.unidl"]
    assert sorted(p.name for p in other.iterdir()) == names  # and nothing half written


def test_what_a_killed_process_left_half_written_goes(tmp_path):
    (tmp_path / ".step-000000004.unidl.abc.part").write_bytes(b"half")
    made("torch").fit(X, Y, epochs=1, callbacks=[callbacks.Checkpoint(tmp_path)], **QUIET)
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000006.unidl"]


def test_other_data_is_refused(tmp_path):
    keep = callbacks.Checkpoint(tmp_path)
    made("torch").fit(X, Y, epochs=1, callbacks=[keep], **QUIET)
    with pytest.raises(DataError, match="The run was begun with other data"):
        made("torch").fit(X, Y, epochs=2, batch_size=20, progress=False, callbacks=[keep], resume=True)
    with pytest.raises(ArgumentError, match="this Trainer has not run yet"):
        made("torch").fit(X, Y, resume=True, **QUIET)


class Odd(unidl.Model):
    """Not registered, so its description cannot be written."""

    def __init__(self):
        self.out = layers.Dense(2)

    def forward(self, x):
        return self.out(x)


def test_a_description_that_cannot_be_written_does_not_hinder(tmp_path):
    keep = callbacks.Checkpoint(tmp_path)
    never = unidl.Trainer(Odd(), "cross_entropy", backend="torch")
    never.fit(X, Y, epochs=3, **QUIET)
    unidl.Trainer(Odd(), "cross_entropy", backend="torch").fit(X, Y, epochs=1, callbacks=[keep], **QUIET)
    again = unidl.Trainer(Odd(), "cross_entropy", backend="torch")
    again.fit(X, Y, epochs=3, callbacks=[keep], resume=True, **QUIET)
    assert same(again, never)
    with pytest.raises(FileError, match="a checkpoint of a model whose description could not be written"):
        unidl.load(next(tmp_path.iterdir()))


@pytest.mark.parametrize("bad", [{"every_steps": 0}, {"every_epochs": 0}, {"keep": 0}, {"every_steps": True}])
def test_arguments_that_are_none(bad):
    with pytest.raises(ArgumentError, match="Checkpoint: invalid value for"):
        callbacks.Checkpoint("x", **bad)
    assert not os.path.exists("x")


def test_save_and_restore(backend, tmp_path):
    t = made(backend)
    t.fit(X, Y, epochs=2, **QUIET)
    t.save(tmp_path / "t.unidl")
    twin = made(backend)
    twin.model.build((5,), backend=backend)
    twin.restore(tmp_path / "t.unidl")
    for one in (t, twin):
        one.fit(X, Y, epochs=1, **QUIET)
    assert same(t, twin)
    with pytest.raises(ArgumentError, match="other optimizers"):
        unidl.Trainer(twin.model, "cross_entropy", "sgd").restore(tmp_path / "t.unidl")
    t.model.save(tmp_path / "m.unidl")
    with pytest.raises(FileError, match="holds no training"):
        t.restore(tmp_path / "m.unidl")


def test_training_goes_on_in_another_framework(backend):
    """No dropout: the generators of two frameworks differ."""

    def plain(name):
        parts = [layers.Dense(8, activation="tanh"), layers.BatchNormalization(), layers.Dense(2)]
        return unidl.Trainer(
            unidl.Sequential(parts), "cross_entropy", optimizers.AdamW(1e-2), backend=name, precision="float64"
        )

    stays, begins = plain("torch"), plain("torch")
    expected = stays.fit(X, Y, epochs=4, **QUIET).step_loss
    first = begins.fit(X, Y, epochs=2, **QUIET).step_loss
    goes = unidl.convert(begins, backend)
    assert goes.model.backend == backend
    assert goes is not begins
    then = goes.fit(X, Y, epochs=2, **QUIET).step_loss
    np.testing.assert_allclose(np.concatenate([first, then]), expected, rtol=1e-9)
    assert begins.steps_taken == 12
