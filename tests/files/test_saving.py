"""Models in files: round trips over backends, what is refused, and files that are damaged or made to harm."""

import json
import os
import pathlib
import random
import zipfile

import numpy as np
import pytest

import unidl
from unidl import Input, Model, Sequential, initializers, layers, ops
from unidl.errors import FileError, NotSerializableError, UnidlError
from unidl.models import saving

X = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")


@unidl.register
class Scale(unidl.Layer):
    def __init__(self, power=1, table=None):
        self.power, self.table = power, table

    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), "ones")
        self.add_weight("seen", (), "zeros", trainable=False, dtype="int64")

    def forward(self, x):
        y = x * self.gain**self.power
        return y if self.table is None else ops.add(y, self.table)


@unidl.register
class Net(Model):
    def __init__(self, widths, head=None):
        self.blocks = [layers.Dense(w, activation="relu") for w in widths]
        self.head = head

    def forward(self, x):
        x = ops.reshape(x, (ops.shape(x)[0], 192))
        for block in self.blocks:
            x = block(x)
        return self.head(x) if self.head is not None else x


def sequential():
    return Sequential(
        [
            Input((8, 8, 3)),
            layers.Conv2D(
                4, 3, padding="same", kernel_initializer=initializers.VarianceScaling(2.0, "fan_out", "normal")
            ),
            layers.BatchNormalization(),
            Scale(power=2, table=np.arange(4.0)),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            Sequential([layers.Dense(5, activation=ops.tanh), layers.Dropout(0.5)], name="body"),
            layers.Dense(2, bias_initializer=0.25),
        ],
        name="net",
    )


def graph():
    image, shift = Input((8, 8, 3), name="image"), Input((), dtype="int64", name="shift")
    shared = layers.Conv2D(4, 3, name="shared")
    a, b = shared(image), shared(ops.flip(image, axis=2))
    h = layers.Flatten()(layers.Add()([a, b]))[:, 1:]
    return Model(
        {"image": image, "shift": shift},
        {
            "y": layers.Dense(3)(h),
            "z": ops.concatenate([h, h], axis=-1)[..., :2] + ops.expand_dims(ops.cast(shift, "float32"), -1),
        },
    )


CASES = {
    "sequential": (sequential, (X,)),
    "graph": (graph, ({"image": X, "shift": np.arange(4)},)),
    "subclassed": (lambda: Net([6, 4], head=layers.Dense(2)), (X,)),
}


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    return np.allclose(unidl.to_numpy(a), unidl.to_numpy(b), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("other", ["torch", "tensorflow", "keras"])
def test_saved_under_one_and_loaded_under_another(case, other, backend, tmp_path):
    make, inputs = CASES[case]
    m = make().build(*inputs, backend=other, seed=3)
    m.save(tmp_path / "m.unidl")
    twin = unidl.load(tmp_path / "m.unidl", backend=backend)
    assert twin.backend == backend
    assert list(twin.weights()) == list(m.weights())
    assert all(np.array_equal(value, twin.weights()[path]) for path, value in m.weights().items())
    assert same(m(*inputs), twin(*inputs))
    twin.save(tmp_path / "again.unidl")
    assert (tmp_path / "again.unidl").read_bytes() == (tmp_path / "m.unidl").read_bytes()


def test_a_file_of_the_first_version_still_loads():
    """The file was written by version 1 and is never written anew: each later version has to migrate it."""
    m = unidl.load(pathlib.Path(__file__).with_name("version_1.unidl"))
    x = np.arange(6, dtype="float32").reshape(1, 6) / 6
    expected = np.load(pathlib.Path(__file__).with_name("version_1.npy"))
    np.testing.assert_allclose(unidl.to_numpy(m(x)), expected, atol=1e-6)


def test_each_version_is_migrated_to_the_next(tmp_path, monkeypatch):
    def rename(document):
        text = json.dumps(document).replace("unidl.Fully", "unidl.Dense")
        return {**json.loads(text), "version": 2}

    unidl.Sequential([layers.Dense(2)]).save(tmp_path / "m.unidl")
    rewritten(
        tmp_path / "m.unidl",
        tmp_path / "old.unidl",
        lambda document: json.loads(json.dumps(document).replace("unidl.Dense", "unidl.Fully")),
    )
    with pytest.raises(FileError, match=r"unidl\.Fully"):
        unidl.load(tmp_path / "old.unidl")
    monkeypatch.setattr(saving, "VERSION", 2)
    monkeypatch.setattr(saving, "MIGRATIONS", {1: rename})
    assert list(unidl.load(tmp_path / "old.unidl").layers) == ["dense"]


def test_layers_that_hold_each_other_twice(tmp_path):
    """Forty lines of a file that would call a layer a million million times."""
    inner = Sequential([layers.ReLU()])
    Sequential([inner, inner]).build((3,), backend="torch").save(tmp_path / "m.unidl")

    def doubled(document):
        for _ in range(40):
            again = {"$": "object", "index": len(document["objects"]) - 1}
            document["objects"].append({**document["objects"][-1], "arguments": {"layers": [again, again]}})
        return {**document, "root": len(document["objects"]) - 1}

    rewritten(tmp_path / "m.unidl", tmp_path / "bad.unidl", doubled)
    with pytest.raises(FileError, match="calls layers within layers too many times"):
        unidl.load(tmp_path / "bad.unidl")


def test_precision_names_frozen_layers_and_replaced_ones(tmp_path):
    m = sequential().build(backend="torch", precision="float64")
    m.replace("dense", layers.Dense(2, activation="relu"))
    m.freeze("body")
    m.save(tmp_path / "m.unidl")
    twin = unidl.load(tmp_path / "m.unidl", backend="torch")
    assert (twin.name, twin.precision) == ("net", "float64")
    assert list(twin.trainable_slots()) == list(m.trainable_slots())
    np.testing.assert_array_equal(unidl.to_numpy(twin(X)), unidl.to_numpy(m(X)))


def test_an_unbuilt_description(tmp_path):
    sequential().save(tmp_path / "m.unidl")
    m = unidl.load(tmp_path / "m.unidl")
    assert not m.is_built
    assert list(m.layers) == list(sequential().layers)


class Unknown(unidl.Layer):
    def forward(self, x):
        return x


@unidl.register
class Forgets(unidl.Layer):
    def __init__(self, units):
        self.units = units

    def forward(self, x):
        return x * float(self.units)


def changed():
    layer = Forgets(3)
    layer.units = 4
    return layer


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (Unknown(), "a class that no file can name"),
        (layers.Dense(2, activation=lambda x: x), "is a function, which a file that executes nothing cannot hold"),
        (changed(), "its attribute 'units' is not what its constructor's arguments make of it"),
    ],
)
def test_what_cannot_be_written_is_named_and_the_old_file_stays(layer, sentence, tmp_path):
    path = tmp_path / "m.unidl"
    path.write_bytes(b"old")
    with pytest.raises(NotSerializableError, match=sentence):
        Sequential([layer]).save(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["m.unidl"]


def test_a_class_of_ones_own_can_be_given_to_load(tmp_path):
    unidl.register("Given")(type("Given", (unidl.Layer,), {"forward": lambda self, x: x * 2.0, "__module__": __name__}))
    from unidl.description import encoding

    given = encoding.REGISTERED["Given"]
    Sequential([given()]).build((2,), backend="torch").save(tmp_path / "m.unidl")
    del encoding.REGISTERED["Given"]
    with pytest.raises(FileError, match="holds a 'Given', a class that is not known here"):
        unidl.load(tmp_path / "m.unidl", backend="torch")
    assert unidl.load(tmp_path / "m.unidl", backend="torch", classes=[given]).is_built


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.unidl"
    m = sequential().build(backend="torch")
    m.save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        m.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.unidl"]


def rewritten(path, target, document=None, **entries):
    """The file with another document or other entries."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename == "unidl.json" and document is not None:
                content = json.dumps(document(json.loads(content))).encode()
            new.writestr(info.filename, content)
        for name, content in entries.items():
            new.writestr(name, content)
    return target


def wide(document):
    document["objects"][-2]["arguments"]["units"] = 2**31 - 1
    return document


def named(name):
    def change(document):
        document["objects"][0]["class"] = name
        return document

    return change


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (lambda d: d | {"version": 99}, "has a version that this unidl does not know"),
        (lambda d: d | {"format": "else"}, "This is no file of a unidl model"),
        (lambda d: d | {"root": 99}, "a reference is not what unidl writes"),
        (lambda d: d | {"objects": None}, "objects is not what unidl writes"),
        (wide, "weights are not those of its description"),
        (named("os.system"), "holds a 'os.system', a class that is not known here"),
        (named("unidl.Layer"), "holds a 'unidl.Layer'"),
    ],
)
def test_documents_made_to_harm(document, sentence, tmp_path):
    sequential().build(backend="torch").save(tmp_path / "m.unidl")
    with pytest.raises(FileError, match=sentence):
        unidl.load(rewritten(tmp_path / "m.unidl", tmp_path / "bad.unidl", document), backend="torch")


def test_zips_made_to_harm(tmp_path):
    path = tmp_path / "m.unidl"
    sequential().build(backend="torch").save(path)
    with pytest.raises(FileError, match="none of unidl's"):
        unidl.load(rewritten(path, tmp_path / "a.unidl", **{"../../evil.py": b"x"}))
    with zipfile.ZipFile(tmp_path / "bomb.unidl", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("unidl.json", b"[" * 10**7)
    with pytest.raises(FileError, match="is compressed or encrypted"):
        unidl.load(tmp_path / "bomb.unidl")
    with zipfile.ZipFile(tmp_path / "deep.unidl", "w") as deep:
        deep.writestr("unidl.json", b"[" * 10**6)
    with pytest.raises(FileError, match="no JSON document"):
        unidl.load(tmp_path / "deep.unidl")
    (tmp_path / "text.unidl").write_text("hello")
    with pytest.raises(FileError, match="no whole unidl file"):
        unidl.load(tmp_path / "text.unidl")


def mutated(content, rng):
    """A file with some bytes changed, cut out, put in, or doubled."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(data))
        kind = rng.randrange(5)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.randrange(256)
        elif kind == 2:
            del data[at : at + rng.randrange(1, 40)]
        elif kind == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 40))
        else:
            data = data[: max(at, 1)]
    return bytes(data)


def mutated_document(text, rng):
    """JSON with one value exchanged for another, so that the damage is found behind the zip's checksums."""
    document = json.loads(text)
    places = []

    def walk(node):
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in items:
            places.append((node, key))
            walk(value)

    walk(document)
    node, key = rng.choice(places)
    other, other_key = rng.choice(places)
    choices = [
        None,
        -1,
        0,
        10**18,
        1e300,
        "",
        "x",
        "unidl.Dense",
        [],
        {},
        True,
        [[]],
        {"$": "object", "index": 0},
        other[other_key],
    ]
    node[key] = rng.choice(choices)
    try:
        return json.dumps(document)
    except ValueError:  # a value put inside itself
        return text


COUNT = int(os.environ.get("UNIDL_MUTATIONS", "300"))


@pytest.mark.parametrize("case", CASES)
def test_mutated_files_give_a_typed_error_or_a_good_load(case, tmp_path):
    make, inputs = CASES[case]
    m = make().build(*inputs, backend="torch")
    path = tmp_path / "m.unidl"
    m.save(path)
    content = path.read_bytes()
    rng = random.Random(0)
    bad = tmp_path / "bad.unidl"
    outcomes = {"good": 0, "refused": 0}
    for number in range(COUNT):
        if number % 2:
            bad.write_bytes(mutated(content, rng))
        else:
            with zipfile.ZipFile(path) as old, zipfile.ZipFile(bad, "w") as new:
                for info in old.infolist():
                    entry = old.read(info)
                    new.writestr(
                        info.filename, mutated_document(entry, rng) if info.filename == "unidl.json" else entry
                    )
        try:
            unidl.load(bad, backend="torch")
            outcomes["good"] += 1
        except UnidlError:
            outcomes["refused"] += 1
    assert outcomes["refused"] > COUNT / 2
