"""restore and fit(resume=True) are all or nothing: whatever is wrong in a file, the Trainer is as it was, or resumes."""

import contextlib
import copy
import json
import os
import random
import struct
import warnings
import zipfile

import numpy as np
import pytest

import unidl
from unidl import callbacks, layers, optimizers
from unidl.backends.generators import LENT_STATE
from unidl.errors import ArgumentError, CheckpointError, CheckpointWarning, FileError, UnidlError, WeightError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
QUIET = {"batch_size": 10, "progress": False}
COUNT = int(os.environ.get("UNIDL_RESTORES", "50"))  # for each backend


class Crash(callbacks.Callback):
    every_steps = 6

    def on_steps(self, trainer, numbers):
        raise ZeroDivisionError


def made(backend, seed, **settings):
    parts = [layers.Dense(4, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.4), layers.Dense(2)]
    model = unidl.Sequential(parts).build((5,), backend=backend, seed=seed)
    given = {"loss": "cross_entropy", "optimizer": optimizers.AdamW(1e-2), "metrics": ["accuracy"], **settings}
    return unidl.Trainer(model, seed=seed, **given)


def trained(backend, seed, folder=None):
    """In the middle of its second epoch, with something of everything that a state holds."""
    t = made(backend, seed)
    t.model.freeze("dense_2")
    t.step((X[:10], Y[:10]))
    t.model.unfreeze("dense_2")
    given = [callbacks.EarlyStopping(patience=9), Crash()]
    given += [callbacks.Checkpoint(folder, every_steps=2, keep=9)] if folder else []
    with pytest.raises(ZeroDivisionError):
        t.fit(X, Y, epochs=3, validation_data=(X, Y), callbacks=given, **QUIET)
    return t


def bits(value):
    """A nested state so that equal means equal to the bit."""
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return repr(value)


def parts_of(path):
    with zipfile.ZipFile(path) as zipped:
        return {info.filename: zipped.read(info) for info in zipped.infolist()}


def written(path, parts):
    with zipfile.ZipFile(path, "w") as zipped:
        for name, content in parts.items():
            zipped.writestr(name, content)
    return path


def places(node, found):
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        found.append((node, key))
        places(value, found)
    return found


OTHERS = [
    None,
    -1,
    0,
    10**18,
    10**30,
    1e300,
    "",
    "x",
    "dense",
    [],
    {},
    True,
    [[]],
    {"$float": "nan"},
    {"$array": "/x"},
    {"$array": []},
]


def another_document(parts, rng):
    document = json.loads(parts["unidl.json"])
    found = places(document["training"], [])
    node, key = rng.choice(found)
    kind = rng.randrange(4)
    if kind == 0 and isinstance(node, dict):
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[f"{key}x"] = node.pop(key)
    else:
        other, other_key = rng.choice(found)
        node[key] = copy.deepcopy(rng.choice([*OTHERS, other[other_key]]))
    return {**parts, "unidl.json": json.dumps(document).encode()}


def other_arrays(parts, rng):
    """Another header, or other bytes, behind a right checksum."""
    name = rng.choice(["weights.safetensors", "training.safetensors"])
    content = parts[name]
    (length,) = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])
    key = rng.choice(list(header))
    kind = rng.randrange(5)
    if kind == 0:
        header[f"{key}x"] = header.pop(key)
    elif kind == 1:
        header[key]["shape"] = rng.choice([[], [1, *header[key]["shape"]], header[key]["shape"][::-1], [-1], [2**40]])
    elif kind == 2:
        same = {"F32": "I32", "I32": "F32", "F64": "I64", "I64": "F64", "U8": "BOOL", "I8": "U8"}
        header[key]["dtype"] = same.get(header[key]["dtype"], "U8")
    elif kind == 3:
        one, other = rng.choice(list(header)), rng.choice(list(header))
        header[one], header[other] = header[other], header[one]
    else:
        start, end = header[key]["data_offsets"]
        data[start:end] = rng.randbytes(end - start)
    text = json.dumps(header).encode()
    return {**parts, name: struct.pack("<Q", len(text)) + text + bytes(data)}


def test_a_damaged_training_restores_nothing_or_all(backend, tmp_path):
    trained(backend, 1).save(tmp_path / "a.unidl")
    parts, rng = parts_of(tmp_path / "a.unidl"), random.Random(0)
    b = trained(backend, 2)
    own, before = b.state(), bits(b.state())
    outcomes = {"refused": 0, "restored": 0}
    for number in range(COUNT):
        changed = (another_document if number % 3 else other_arrays)(parts, rng)
        path = written(tmp_path / "b.unidl", changed)
        try:
            b.restore(path)
        except UnidlError:
            outcomes["refused"] += 1
            assert bits(b.state()) == before, number
            continue
        outcomes["restored"] += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a loss that is not finite, from random bytes
            with contextlib.suppress(UnidlError):
                b.fit(X, Y, epochs=2, callbacks=[callbacks.EarlyStopping(patience=9)], resume=True, **QUIET)
        b.callbacks = []  # of this fit
        b.restore({**own, "callbacks": []})
        own, before = b.state(), bits(b.state())
    assert outcomes["refused"] > COUNT / 4, outcomes


def test_a_good_training_is_restored_to_the_bit(backend, tmp_path):
    a = trained(backend, 1)
    a.save(tmp_path / "a.unidl")
    b = trained(backend, 2)
    b.restore(tmp_path / "a.unidl")
    assert bits(b.state()) == bits(a.state())


def test_whether_the_process_has_drawn_is_no_part_of_a_training(backend):
    """Keras and TensorFlow make a generator of the process at its first use; a run holds its state only while it is lent to it."""
    trainer = made(backend, 0)
    trainer.fit(X, Y, **QUIET)
    state = trainer.state()
    own = {name: array for name, array in state["generator"].items() if name != LENT_STATE}
    with unidl.using(backend):
        unidl.ops.random.normal((2,))
    for lent in ({}, {LENT_STATE: own["state"]} if "state" in own else {}):
        trainer.restore({**state, "generator": {**own, **lent}})
    copy.deepcopy(trainer).fit(X, Y, **QUIET)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.update(frozen=None), "frozen is not what Trainer.state gives"),
        (lambda d: d.update(steps_taken=-1), "steps_taken is not"),
        (lambda d: d.update(epoch="3"), "epoch is not"),
        (lambda d: d.pop("seed"), "the training is not"),
        (lambda d: d["optimizers"][0].pop(), "optimizers is not"),
        (lambda d: d["progress"].update(position=10**18), r"progress\.sizes is not"),
        (lambda d: d["callbacks"][0][1].update(best="x"), "the state of EarlyStopping"),
    ],
)
def test_each_part_is_named(change, sentence, tmp_path):
    trained("torch", 1).save(tmp_path / "a.unidl")
    parts = parts_of(tmp_path / "a.unidl")
    document = json.loads(parts["unidl.json"])
    change(document["training"])
    b = trained("torch", 2)
    before = bits(b.state())
    with pytest.raises(FileError, match=sentence):
        b.restore(written(tmp_path / "b.unidl", {**parts, "unidl.json": json.dumps(document).encode()}))
    assert bits(b.state()) == before


class Picky(callbacks.Callback):
    """Takes its state, or not; what it has taken it gives back."""

    def __init__(self, kept, takes):
        self.kept, self.takes = kept, takes

    def state(self):
        return {"kept": self.kept}

    def restore(self, state):
        self.kept = state["kept"]
        if not self.takes and self.kept != 5:
            raise KeyError("kept")


class Pickier(Picky):
    pass


def test_a_callback_that_does_not_take_its_state_leaves_all_as_it_was(tmp_path):
    a = made("torch", 1)
    a.fit(X, Y, callbacks=[Picky(1, True), Pickier(1, True)], **QUIET)
    a.save(tmp_path / "a.unidl")
    b = made("torch", 2)
    b.fit(X, Y, callbacks=[Picky(4, True), Pickier(5, False)], **QUIET)
    before = bits(b.state())
    with pytest.raises(FileError, match="the state of Pickier"):
        b.restore(tmp_path / "a.unidl")
    assert bits(b.state()) == before


def test_another_model_is_refused_whole(tmp_path):
    a = trained("torch", 1)
    small = unidl.Sequential([layers.Dense(2)]).build((5,), backend="torch")
    other = unidl.Trainer(small, "cross_entropy", optimizers.AdamW(1e-2))
    with pytest.raises(WeightError, match="is of another model"):
        other.restore(a.state())
    with pytest.raises(ArgumentError, match="with other metrics"):
        made("torch", 1, metrics=[]).restore(a.state())
    lacking = {**a.state(), "weights": dict(list(a.model.weights().items())[1:])}
    with pytest.raises(WeightError, match="is of another model"):
        made("torch", 1).restore(lacking)


@pytest.mark.parametrize("bad", [3, None, b"x", 1.5, "", "a\0b", [], "nowhere.unidl", "."])
def test_what_is_no_path(bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    t = made("torch", 1)
    with pytest.raises(UnidlError):
        t.restore(bad)
    if bad != "nowhere.unidl":
        with pytest.raises(UnidlError):
            t.save(bad)


def damage_document(change):
    def damage(path):
        parts = parts_of(path)
        document = json.loads(parts["unidl.json"])
        change(document["training"])
        written(path, {**parts, "unidl.json": json.dumps(document).encode()})

    return damage


DAMAGE = {
    "a part is lacking": damage_document(lambda d: d.pop("progress")),
    "no progress": damage_document(lambda d: d.update(progress=None)),
    "another step": damage_document(lambda d: d.update(steps_taken=3)),
    "no optimizers": damage_document(lambda d: d.update(optimizers=[])),
    "another optimizer": damage_document(lambda d: d["optimizers"][0].__setitem__(1, "SGD")),
    "a callback's state": damage_document(lambda d: d["callbacks"][0][1].pop("best")),
    "another array": damage_document(lambda d: d.update(generator={key: {"$array": "/x"} for key in d["generator"]})),
    "other weights": lambda path: written(
        path, {**parts_of(path), "weights.safetensors": struct.pack("<Q", 2) + b"{}"}
    ),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-300]),
    "empty": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_resuming_falls_back_for_every_kind_of_damage(what, tmp_path):
    trained("torch", 1, tmp_path)
    older, newer = sorted(tmp_path.iterdir())[-2:]
    DAMAGE[what](newer)
    again = made("torch", 1)
    given = [callbacks.EarlyStopping(patience=9), callbacks.Checkpoint(tmp_path, every_steps=2, keep=9)]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        again.fit(X, Y, epochs=1, validation_data=(X, Y), callbacks=given, resume=True, **QUIET)
    begun = [str(w.message) for w in told if "cannot be read" in str(w.message)]
    whole = what == "no optimizers"  # as of a run that has taken no step: nothing contradicts it
    assert len(begun) == (0 if whole else 1), begun
    assert whole or "so the one before is taken" in begun[0]
    assert again.steps_taken >= int(older.name[5:14])


def test_a_folder_with_a_checkpoints_name_is_none(tmp_path):
    (tmp_path / "step-000000999.unidl").mkdir()
    t = made("torch", 1)
    t.fit(X, Y, epochs=1, callbacks=[callbacks.Checkpoint(tmp_path)], resume=True, **QUIET)
    assert t.steps_taken == 4
    assert (tmp_path / "step-000000004.unidl").is_file()


def test_where_every_one_is_damaged_nothing_is_restored(tmp_path):
    trained("torch", 1, tmp_path)
    for path in tmp_path.iterdir():
        DAMAGE["a part is lacking"](path)
    again = made("torch", 2)
    before = bits(again.state())
    with (
        pytest.warns(CheckpointWarning),
        pytest.raises(CheckpointError, match="None of the checkpoints"),
    ):
        again.fit(X, Y, epochs=1, callbacks=[callbacks.Checkpoint(tmp_path)], resume=True, **QUIET)
    assert bits(again.state()) == before
