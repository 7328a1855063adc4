"""Each exported file runs in its own runtime, in a process that cannot import unidl, and gives what the model predicts."""

import numpy as np
import pytest

import unidl
from tests.interchange.runtime import RUNTIMES, Job, compare
from unidl import layers, ops
from unidl.backends import registry
from unidl.errors import ArgumentError, BackendUnavailableError, ExportError, MissingPackageError, NotBuiltError

SIZES = (1, 3, 8)  # of batches
RNG = np.random.default_rng(0)


class Gate(unidl.Layer):
    """A layer of one's own, with a weight and a state."""

    def setup(self, shape):
        self.add_weight("gain", (shape[-1],))
        self.add_weight("seen", (), initializer="zeros", trainable=False)

    def forward(self, x):
        if self.training:
            self.update("seen", self.seen + 1)
        return ops.tanh(x) * self.gain + self.seen


class Noisy(unidl.Layer):
    """Random in inference too."""

    def forward(self, x):
        return x + ops.random.normal(like=x)


class Branching(unidl.Layer):
    """Asks Python about a tensor."""

    def forward(self, x):
        return x if ops.sum(x) > 0 else -x


def images():
    return unidl.Sequential(
        [
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Dropout(0.5),
            layers.Conv2D(3, 3, strides=2, padding="same"),
            layers.AveragePooling2D(padding="same"),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )


def two_inputs():
    left, right = unidl.Input((4,), name="left"), unidl.Input((6,), name="right")
    a, b = layers.Dense(5, activation="relu")(left), layers.Dense(5)(right)
    return unidl.Model([left, right], {"total": layers.Dense(2)(layers.Add()([a, b])), "share": ops.sigmoid(a * b)})


def words():
    return unidl.Sequential([layers.Embedding(20, 6), layers.LSTM(5, return_sequences=True), layers.LSTM(4)])


def attention():
    x = unidl.Input((None, 6))
    return unidl.Model(x, layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 3)(x, causal=True)))


def own_layer():
    return unidl.Sequential([layers.Dense(4), Gate(), layers.Dense(2)])


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


# name -> the description, what it is built for, and arrays for a batch of n, by the inputs' names
CASES = {
    "images": (images, [(8, 8, 3)], lambda n: {"input": floats(n, 8, 8, 3)}),
    "two inputs": (two_inputs, [], lambda n: {"left": floats(n, 4), "right": floats(n, 6)}),
    "words": (words, [unidl.Input((7,), dtype="int64")], lambda n: {"input": RNG.integers(20, size=(n, 7))}),
    "attention": (attention, [], lambda n: {"input": floats(n, 4 + n, 6)}),  # the time axis is free as well
    "own layer": (own_layer, [(3,)], lambda n: {"input": floats(n, 3)}),
}

# (format, case) -> what `unidl.export` has to be told of it
OPTIONS = {("keras", "own layer"): {"custom": "constants"}, ("litert", "words"): {"batch_size": 3}}


def built(case, backend):
    """The model with weights as training would leave them."""
    make, inputs, _ = CASES[case]
    m = make().build(*inputs, backend=backend)
    drawn = np.random.default_rng(1)
    m.set_weights({path: drawn.uniform(0.1, 0.9, size=w.shape).astype(w.dtype) for path, w in m.weights().items()})
    return m


def predicted(m, inputs):
    arrays = list(inputs.values())
    return m.predict(arrays if len(arrays) > 1 else arrays[0])


@pytest.mark.parametrize("format_", RUNTIMES)
def test_the_file_runs_without_unidl(format_, backend, runtime, tmp_path):
    jobs = []
    here = registry.formats()[format_][0] == backend
    for name in CASES if here else ("images", "own layer"):  # what was converted first is exported as everything is
        arrays = CASES[name][2]
        options = OPTIONS.get((format_, name), {})
        m = built(name, backend)
        before = m.weights()
        path = tmp_path / f"{name}{registry.formats()[format_][1].suffix}"
        unidl.export(m, format_, path, **options)
        after = m.weights()
        assert all((after[path] == before[path]).all() for path in before)
        assert m.backend == backend
        given = {n: arrays(n) for n in ([options["batch_size"]] if "batch_size" in options else SIZES)}
        jobs.append(Job(name, path, given, {n: predicted(m, inputs) for n, inputs in given.items()}))
    compare(runtime(format_), jobs, tmp_path)


def test_a_file_is_of_inference_and_the_mode_stays(tmp_path):
    import torch

    m = built("images", "torch")
    m.native.train()
    unidl.export(m, "pt2", tmp_path / "m.pt2")
    assert all(module.training for module in m.native.modules())
    x = floats(4, 8, 8, 3)
    found = torch.export.load(tmp_path / "m.pt2").module()(torch.from_numpy(x))
    np.testing.assert_allclose(found.detach().numpy(), m.predict(x), atol=1e-6)


def test_random_in_inference_stays_random(tmp_path):
    import torch

    m = unidl.Sequential([Noisy()]).build((3,), backend="torch")
    unidl.export(m, "pt2", tmp_path / "m.pt2")
    program = torch.export.load(tmp_path / "m.pt2").module()
    assert (program(torch.zeros(5, 3)) != program(torch.zeros(5, 3))).all()


def test_random_in_inference_is_served(tmp_path):
    """The file has a random state of its own: the process' one is no part of the model, and could not be saved."""
    import tensorflow as tf

    m = unidl.Sequential([Noisy()]).build((3,), backend="tensorflow")
    unidl.export(m, "savedmodel", tmp_path / "m")
    served = tf.saved_model.load(str(tmp_path / "m"))
    assert (served(tf.zeros((5, 3)))["output"].numpy() != served(tf.zeros((5, 3)))["output"].numpy()).all()


def test_a_folder_with_something_in_it_stays(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mine.txt").touch()
    with pytest.raises(ArgumentError, match="a folder is there with something in it"):
        unidl.export(small("tensorflow"), "savedmodel", tmp_path / "m")
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["mine.txt"]


def test_random_in_inference_stays_random_in_a_savedmodel(tmp_path):
    import tensorflow as tf

    unidl.export(unidl.Sequential([Noisy()]).build((3,), backend="torch"), "savedmodel", tmp_path / "m")
    served = tf.saved_model.load(tmp_path / "m").signatures["serving_default"]
    first, second = (served(input=tf.zeros((5, 3)))["output"].numpy() for _ in range(2))
    assert (first != second).all()


def test_what_tensorflow_serving_reads(tmp_path):
    """Its default signature is the predict method, with the inputs' names, and any batch size."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    unidl.export(built("two inputs", "torch"), "savedmodel", tmp_path / "m")
    saved = SavedModel()
    saved.ParseFromString((tmp_path / "m" / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    assert list(graph.meta_info_def.tags) == ["serve"]
    signature = graph.signature_def["serving_default"]
    assert signature.method_name == "tensorflow/serving/predict"
    shapes = {name: [d.size for d in i.tensor_shape.dim] for name, i in signature.inputs.items()}
    assert shapes == {"left": [-1, 4], "right": [-1, 6]}
    assert sorted(signature.outputs) == ["share", "total"]


def small(backend="torch"):
    return unidl.Sequential([layers.Dense(2)]).build((3,), backend=backend)


@pytest.mark.parametrize(("asked", "way"), [("PT2", "'pt2'"), ("tflite", "'litert'"), ("pt", '"pt2", a program')])
def test_a_format_that_is_not_there(asked, way, tmp_path):
    with pytest.raises(ArgumentError, match=f"There is no export format '{asked}'") as told:
        unidl.export(small(), asked, tmp_path / "m")
    assert told.value.fix.startswith(f"Write {way}")


def test_a_model_without_weights(tmp_path):
    with pytest.raises(NotBuiltError, match="no weights to export"):
        unidl.export(unidl.Sequential([layers.Dense(2)]), "pt2", tmp_path / "m.pt2")


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(ArgumentError, match=r"another ending(.|\n)*m\.pt2'\."):
        unidl.export(small(), "pt2", tmp_path / "m.pth")
    with pytest.raises(ArgumentError, match="there is no folder"):
        unidl.export(small(), "pt2", tmp_path / "nowhere" / "m.pt2")
    (tmp_path / "m.pt2").mkdir()
    with pytest.raises(ArgumentError, match="a folder is there"):
        unidl.export(small(), "pt2", tmp_path / "m.pt2")


def test_a_backend_that_is_not_installed(tmp_path, nobody_chose):
    nobody_chose.setattr(registry, "_is_installed", lambda package: package != "torch")
    with pytest.raises(BackendUnavailableError, match=r"from the format 'pt2'(.|\n)*pip install '\.\[torch\]'"):
        unidl.export(small("keras"), "pt2", tmp_path / "m.pt2")


def test_a_package_that_is_not_installed(tmp_path, monkeypatch):
    odd = registry.Format("odd", ".odd", ("no_such_package",), "pip install '.[odd]'")
    monkeypatch.setattr(registry, "formats", lambda: {"odd": ("torch", odd)})
    with pytest.raises(MissingPackageError, match=r"needs the package 'no_such_package'(.|\n)*pip install '\.\[odd\]'"):
        unidl.export(small(), "odd", tmp_path / "m.odd")


# format, a layer, the input it is built for, what is told
REFUSED = [
    ("pt2", Branching(), (3,), r"Branching 'branching' cannot be exported by torch: its forward branches on a tensor"),
    ("pt2", layers.LSTM(2), (None, 3), r"LSTM 'lstm' cannot be exported by torch with axes of any length"),
    ("onnx", Branching(), (3,), r"Branching 'branching' cannot be exported by torch: its forward branches on a tensor"),
    ("litert", layers.LSTM(2), (4, 3), r"LSTM 'lstm' cannot be exported to LiteRT with a batch axis of any length"),
]


@pytest.mark.parametrize(("format_", "layer", "shape", "message"), REFUSED)
def test_what_cannot_go_says_which_layer(format_, layer, shape, message, tmp_path):
    name, made = registry.formats()[format_]
    m = unidl.Sequential([layers.Dense(3), layer]).build(shape, backend=name)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ExportError, match=message) as told:
        unidl.export(m, format_, tmp_path / f"m{made.suffix}")
    assert told.value.fix
    assert sorted(tmp_path.iterdir()) == before  # nothing half written


def test_every_format_has_a_writer_and_every_ending_a_reader(backend):
    entry = registry.entries()[backend]
    assert set(registry.load(backend).WRITERS) == {made.name for made in entry.formats}
    assert set(registry.load(backend).READERS) == set(entry.weights)


@pytest.mark.parametrize(
    ("format_", "options", "message"),
    [
        ("pt2", {"custom": "constants"}, r"The format 'pt2' takes no custom(.|\n)*custom= for keras only"),
        ("onnx", {"batch_size": 1}, r"The format 'onnx' takes no batch_size(.|\n)*batch_size= for litert only"),
        ("keras", {"custom": "frozen"}, r"invalid value for custom(.|\n)*'constants'"),
        ("litert", {"batch_size": True}, "a positive integer"),
    ],
)
def test_arguments_that_a_format_does_not_take(format_, options, message, tmp_path):
    path = tmp_path / f"m{registry.formats()[format_][1].suffix}"
    with pytest.raises(ArgumentError, match=message):
        unidl.export(small(), format_, path, **options)
