"""Weights of hand-written models of each framework, loaded into the unidl model of the same architecture."""

import numpy as np
import pytest

import unidl
from unidl import layers
from unidl.errors import ArgumentError, FileError, NotBuiltError, WeightError

RNG = np.random.default_rng(0)


def close(m, x, expected):
    np.testing.assert_allclose(unidl.to_numpy(m(x)), expected, atol=1e-5)


# -- torch -------------------------------------------------------------------------------------------------------------------


class Vision(unidl.Model):
    """A convolutional network, its parts called as torch people call them."""

    def __init__(self):
        self.features = [
            layers.Conv2D(8, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, groups=2, activation="relu"),
        ]
        self.flatten = layers.Flatten()
        self.classifier = layers.Dense(5)

    def forward(self, x):
        for layer in self.features:
            x = layer(x)
        return self.classifier(self.flatten(x))


def torch_vision():
    import torch
    from torch import nn

    class TorchVision(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.ModuleList(
                [
                    nn.Conv2d(3, 8, 3, padding="same"),
                    nn.BatchNorm2d(8),
                    nn.ReLU(),
                    nn.MaxPool2d(2),
                    nn.Conv2d(8, 8, 3, groups=2),
                ]
            )
            self.classifier = nn.Linear(8 * 4 * 3, 5)

        def forward(self, x):
            for module in self.features:
                x = module(x)
            return self.classifier(torch.relu(x).flatten(1))

    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = TorchVision()
        for _ in range(3):  # moving statistics that are not 0 and 1
            module(torch.randn(8, 3, 12, 10))
    return module.eval()


IMAGES = RNG.normal(size=(4, 12, 10, 3)).astype("float32")


def torch_answer(module, *arrays):
    import torch

    with torch.no_grad():
        result = module(*(torch.from_numpy(a) for a in arrays))
    return (result[0] if isinstance(result, tuple) else result).numpy()


def test_a_module_with_the_same_names_needs_no_mapping(backend):
    module = torch_vision()
    m = Vision().build((12, 10, 3), backend=backend)
    told = unidl.load_weights(m, module.state_dict(), channels_first=True)
    assert told["features.0.weight"] == "features/0"
    assert "features.1.num_batches_tracked" not in told
    close(m, IMAGES, torch_answer(module, IMAGES.transpose(0, 3, 1, 2)))


def test_the_order_of_flattening_must_be_said():
    m = Vision().build((12, 10, 3), backend="torch")
    with pytest.raises(
        ArgumentError, match=r"classifier may stand behind a Flatten of images(.|\n)*channels_first=True"
    ):
        unidl.load_weights(m, torch_vision().state_dict())


def test_weights_of_its_own_native_module_come_back(backend):
    m = Vision().build((12, 10, 3), backend="torch", seed=1)
    other = Vision().build((12, 10, 3), backend=backend, seed=2)
    unidl.load_weights(other, m.native.state_dict(), channels_first=False)
    close(other, IMAGES, unidl.to_numpy(m(IMAGES)))


def words():
    return unidl.Sequential([layers.Embedding(20, 6), layers.LSTM(5), layers.Dense(3)])


def test_both_biases_of_an_lstm_count(backend, tmp_path):
    import torch
    from torch import nn

    class TorchWords(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(20, 6)
            self.rnn = nn.LSTM(6, 5, batch_first=True)
            self.out = nn.Linear(5, 3)

        def forward(self, x):
            return self.out(self.rnn(self.words(x))[1][0][0])

    module = TorchWords().eval()
    torch.save(module.state_dict(), tmp_path / "words.pt")
    m = words().build(unidl.Input((7,), dtype="int64"), backend=backend)
    x = RNG.integers(20, size=(4, 7))
    names = {"words": "embedding", "rnn": "lstm", "out": "dense"}
    unidl.load_weights(m, tmp_path / "words.pt", names=names)
    close(m, x, torch_answer(module, x))


def test_an_lstm_that_runs_by_its_definition_takes_them_too(backend):
    import torch

    x, mask = unidl.Input((7, 6)), unidl.Input((7,), dtype="bool")
    m = unidl.Model([x, mask], layers.LSTM(5)(x, mask=mask)).build(backend=backend)
    module = torch.nn.LSTM(6, 5, batch_first=True)
    unidl.load_weights(m, module.state_dict(), names={"": "lstm"})
    given = RNG.normal(size=(2, 7, 6)).astype("float32")
    close(m, [given, np.ones((2, 7), bool)], torch_answer(module, given)[:, -1])


def test_a_packed_attention(backend, tmp_path):
    import safetensors.torch
    import torch

    module = torch.nn.MultiheadAttention(6, 2, batch_first=True)
    torch.nn.init.normal_(module.in_proj_bias)
    safetensors.torch.save_file(module.state_dict(), tmp_path / "a.safetensors", metadata={"format": "pt"})
    x = unidl.Input((5, 6))
    m = unidl.Model(x, layers.MultiHeadAttention(2, 3)(x)).build(backend=backend)
    unidl.load_weights(m, tmp_path / "a.safetensors", names={"": "multi_head_attention"})
    given = RNG.normal(size=(2, 5, 6)).astype("float32")
    close(m, given, torch_answer(module, given, given, given))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_precisions_in_safetensors(dtype, tmp_path):
    import safetensors.torch
    import torch

    weights = {"dense.weight": torch.randn(2, 3).to(getattr(torch, dtype)), "dense.bias": torch.zeros(2)}
    safetensors.torch.save_file(weights, tmp_path / "m.safetensors", metadata={"format": "pt"})
    m = unidl.Sequential([layers.Dense(2)]).build((3,), backend="torch")
    unidl.load_weights(m, tmp_path / "m.safetensors")
    np.testing.assert_array_equal(m.weights()["dense/kernel"], weights["dense.weight"].float().numpy().T)


def test_patterns_and_a_head_of_ones_own():
    from torch import nn

    module = nn.Sequential(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6)), nn.Linear(6, 10))
    body = unidl.Sequential([layers.Dense(6, "relu", name="a"), layers.Dense(6, name="b")], name="body")
    m = unidl.Sequential([body, layers.Dense(3, name="head")]).build((4,), backend="torch")
    before = m.weights()["head/kernel"]
    names = {"0.0": "body/a", "0.2": "body/b"}
    told = unidl.load_weights(m, module.state_dict(), names=names, ignore=["1.*"], keep=["head"])
    assert told == {"0.0.weight": "body/a", "0.0.bias": "body/a", "0.2.weight": "body/b", "0.2.bias": "body/b"}
    np.testing.assert_array_equal(m.weights()["body/b/kernel"], module[0][2].weight.detach().numpy().T)
    np.testing.assert_array_equal(m.weights()["head/kernel"], before)

    class Blocks(unidl.Model):
        def __init__(self):
            self.blocks = [{"first": layers.Dense(4), "second": layers.Dense(4)} for _ in range(2)]

        def forward(self, x):
            for block in self.blocks:
                x = block["second"](block["first"](x))
            return x

    many = nn.ModuleDict(
        {"enc": nn.ModuleList([nn.ModuleDict({"up": nn.Linear(4, 4), "down": nn.Linear(4, 4)}) for _ in range(2)])}
    )
    m = Blocks().build((4,), backend="torch")
    unidl.load_weights(m, many.state_dict(), names={"enc.*.up": "blocks/*/first", "enc.*.down": "blocks/*/second"})
    np.testing.assert_array_equal(
        m.weights()["blocks/1/second/kernel"], many["enc"][1]["down"].weight.detach().numpy().T
    )


# -- what does not fit ---------------------------------------------------------------------------------------------------------


def test_all_that_does_not_fit_is_told_at_once():
    m = unidl.Sequential([layers.Dense(3, name="a"), layers.Dense(3, name="b"), layers.Dense(3, name="c")])
    m.build((3,), backend="torch")
    before = m.weights()
    source = {
        "a.weight": np.zeros((3, 3)),
        "a.bias": np.zeros(4),
        "b.weight": np.zeros((3, 3)),
        "b.bias": np.zeros(3),
        "d.weight": np.zeros((3, 3)),
    }
    with pytest.raises(WeightError) as told:
        unidl.load_weights(m, source, layout="torch")
    lines = told.value.attempted.splitlines()[1:]
    assert lines == [
        "  another shape: a.bias (4,), where a/bias is (3,)",
        "  missing: c/weight (3, 3)",
        "  missing: c/bias (3,)",
        "  extra: d.weight (3, 3)",
    ]
    assert all((m.weights()[path] == before[path]).all() for path in before)


def test_equal_shapes_are_never_mixed_by_their_order():
    from torch import nn

    m = unidl.Sequential([layers.Dense(3, name="a"), layers.Dense(3, name="b")]).build((3,), backend="torch")
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    with pytest.raises(WeightError, match=r"missing: a/weight(.|\n)*missing: b/bias(.|\n)*extra: 0\.weight"):
        unidl.load_weights(m, module.state_dict())
    with pytest.raises(WeightError, match=r"twice: a/weight, from 0\.weight, 1\.weight"):
        unidl.load_weights(m, module.state_dict(), names={"0": "a", "1": "a"})


def test_arguments_that_say_nothing():
    m = unidl.Sequential([layers.Dense(3)]).build((3,), backend="torch")
    source = {"dense.weight": np.zeros((3, 3)), "dense.bias": np.zeros(3)}
    with pytest.raises(ArgumentError, match="do not say in which framework's layout"):
        unidl.load_weights(m, source)
    with pytest.raises(ArgumentError, match="fits nothing in the source: 'dens'"):
        unidl.load_weights(m, source, layout="torch", names={"dens": "dense"})
    with pytest.raises(ArgumentError, match="nothing on the left stands for"):
        unidl.load_weights(m, source, layout="torch", names={"dense": "*"})
    with pytest.raises(ArgumentError, match=r"cannot read 'm.bin'"):
        unidl.load_weights(m, "m.bin")
    with pytest.raises(FileNotFoundError):
        unidl.load_weights(m, "m.pt")
    with pytest.raises(NotBuiltError, match="no place for weights"):
        unidl.load_weights(unidl.Sequential([layers.Dense(3)]), source)


# -- Keras -------------------------------------------------------------------------------------------------------------------


def keras_model():
    import keras

    keras.utils.set_random_seed(0)
    image, text = keras.Input((6, 5, 3), name="image"), keras.Input((7, 4), name="text")
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(6, name="inner")], name="body")(x)
    y = keras.layers.MultiHeadAttention(2, 3, name="look")(text, text)
    y = keras.layers.LSTM(6, name="rnn")(y)
    model = keras.Model([image, text], keras.layers.Dense(2, name="out")(keras.layers.Add()([x, y])))
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.1, 0.9, w.shape) for w in model.get_weights()])
    return model


def equivalent():
    image, text = unidl.Input((6, 5, 3)), unidl.Input((7, 4))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    x = layers.BatchNormalization(epsilon=1e-3, name="norm")(x)
    x = unidl.Sequential([layers.Flatten(), layers.Dense(6, name="inner")], name="body")(x)
    y = layers.LSTM(6, name="rnn")(layers.MultiHeadAttention(2, 3, name="look")(text))
    return unidl.Model([image, text], layers.Dense(2, name="out")(layers.Add()([x, y])))


PAIR = [RNG.normal(size=(3, 6, 5, 3)).astype("float32"), RNG.normal(size=(3, 7, 4)).astype("float32")]


@pytest.mark.parametrize("file", ["m.keras", "m.weights.h5", "m.h5"])
@pytest.mark.filterwarnings("ignore")  # Keras on the format of m.h5
def test_files_of_keras(file, backend, tmp_path):
    model = keras_model()
    (model.save_weights if file == "m.weights.h5" else model.save)(tmp_path / file)
    m = equivalent().build(backend=backend)
    unidl.load_weights(m, tmp_path / file)
    close(m, PAIR, unidl.to_numpy(model(PAIR)))


def test_a_file_that_unidl_exported_comes_back(tmp_path):
    m = equivalent().build(backend="keras", seed=3)
    unidl.export(m, "keras", tmp_path / "m.keras")
    twin = equivalent().build(backend="torch", seed=4)
    with pytest.raises(WeightError, match="missing: body/inner/kernel"):
        unidl.load_weights(twin, tmp_path / "m.keras")
    unidl.load_weights(twin, tmp_path / "m.keras", names={"body_inner": "body/inner"})
    close(twin, PAIR, unidl.to_numpy(m(PAIR)))


# -- TensorFlow ----------------------------------------------------------------------------------------------------------------


def test_a_checkpoint_of_tensorflow(backend, tmp_path):
    import tensorflow as tf

    class Layer(tf.Module):
        def __init__(self, inputs, units):
            super().__init__()
            self.kernel = tf.Variable(RNG.normal(size=(inputs, units)).astype("float32"))
            self.bias = tf.Variable(RNG.normal(size=(units,)).astype("float32"))

        def __call__(self, x):
            return x @ self.kernel + self.bias

    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = Layer(4, 6), Layer(6, 2)

        def __call__(self, x):
            return self.out(tf.nn.relu(self.hidden(x)))

    net = Net()
    prefix = tf.train.Checkpoint(model=net).save(str(tmp_path / "net"))
    m = unidl.Sequential([layers.Dense(6, "relu", name="hidden"), layers.Dense(2, name="out")]).build(
        (4,), backend=backend
    )
    unidl.load_weights(m, prefix, names={"model/hidden": "hidden", "model/out": "out"})
    x = RNG.normal(size=(3, 4)).astype("float32")
    close(m, x, net(x).numpy())
    with pytest.raises(WeightError, match="missing: hidden/kernel"):
        unidl.load_weights(m, f"{prefix}.index")


def test_a_checkpoint_of_a_keras_model(backend, tmp_path):
    import keras
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        pytest.skip("TensorFlow's checkpoints see Keras' variables on the engine tensorflow only")
    model = keras_model()
    prefix = tf.train.Checkpoint(model=model).write(str(tmp_path / "model"))
    m = equivalent().build(backend=backend)
    places = {layer.name: number for number, layer in enumerate(model.layers)}
    names = {f"model/_operations/{places[name]}": name for name in ("conv", "norm", "look", "rnn", "out")}
    names[f"model/_operations/{places['body']}/_functional/_operations/2"] = "body/inner"
    unidl.load_weights(m, prefix, names=names)
    close(m, PAIR, unidl.to_numpy(model(PAIR)))


# -- files made to harm --------------------------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def test_nothing_in_a_file_is_executed(tmp_path, capsys):
    import h5py
    import torch

    m = unidl.Sequential([layers.Dense(3)]).build((3,), backend="torch")
    torch.save({"dense.weight": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(FileError, match="runs no code of a file"):
        unidl.load_weights(m, tmp_path / "evil.pt")
    assert capsys.readouterr().out == ""
    torch.save({"state_dict": {"dense.weight": torch.zeros(3, 3)}, "epoch": 3}, tmp_path / "more.pt")
    with pytest.raises(FileError, match=r"holds more than a state_dict(.|\n)*state_dict, epoch"):
        unidl.load_weights(m, tmp_path / "more.pt")
    for name in ("a.pt", "a.keras", "a.h5", "a.safetensors", "a.index"):
        (tmp_path / name).write_bytes(b"no such thing")
        with pytest.raises(FileError):
            unidl.load_weights(m, tmp_path / name)
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.ones((3, 3))
    with h5py.File(tmp_path / "linked.weights.h5", "w") as file:
        file.create_group("layers/dense/vars")["0"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "kernel")
        file["layers/dense/vars"].create_dataset("1", shape=(10**12,), dtype="float64", chunks=True)
    with pytest.raises(
        WeightError, match=r"missing: dense/kernel(.|\n)*another shape: dense/vars/1 \(1000000000000,\)"
    ):
        unidl.load_weights(m, tmp_path / "linked.weights.h5")
    with h5py.File(tmp_path / "doubled.weights.h5", "w") as file:
        inner = file.create_group("g0")
        for number in range(1, 40):
            outer = file.create_group(f"g{number}")
            outer["a"], outer["b"] = inner, inner
            inner = outer
    with pytest.raises(FileError, match="more than 100,000 of them"):
        unidl.load_weights(m, tmp_path / "doubled.weights.h5")
