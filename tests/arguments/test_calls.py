"""Wrong arguments of what the walk over all parameters leaves out: graphs, shapes, steps, classes, the command line."""

import json
import math

import numpy as np
import pytest

import unidl
from unidl import Input, Model, layers, ops
from unidl.cli import main
from unidl.cli.exit_code import DONE

OBJECT = object()
X = np.ones((2, 3), "float32")


@pytest.mark.parametrize("wrong", [None, 3, "x", [], {}, OBJECT, X, math.nan, {"a": 3}, layers.Dense])
def test_a_graph_of_something_else(wrong):
    x = Input((3,))
    y = layers.Dense(2)(x)
    calls = [lambda: Model(wrong, y), lambda: Model(x, wrong)]
    if wrong is X or wrong not in ([], {}):  # beside others nothing is nothing
        calls += [lambda: Model([x, wrong], y), lambda: Model(x, {"y": y, "z": wrong})]
    for call in calls:
        with pytest.raises(unidl.UnidlError):
            call()


def test_a_graph_without_a_side():
    x = Input((3,))
    for call in (lambda: Model(), lambda: Model(x), lambda: Model(x, x, z=1)):
        with pytest.raises(unidl.errors.UnknownArgumentError, match=r"^Model "):
            call()


@pytest.mark.parametrize("wrong", [3, [], math.nan, OBJECT, X])
def test_what_is_no_class_is_not_registered(wrong):
    for call in (lambda: unidl.register(wrong), lambda: unidl.register("name")(wrong)):
        with pytest.raises(unidl.errors.ArgumentError):
            call()


@pytest.mark.parametrize("wrong", ["x", OBJECT, {1: "x"}, ["x"], b"x", 1j, {1, 2}])
def test_what_is_no_tensor(wrong):
    with pytest.raises(unidl.UnidlError):
        unidl.to_numpy(wrong)


@pytest.mark.parametrize("wrong", [None, 3, "x", [], {}, {"a": 1}, OBJECT])
def test_what_is_not_plotted(wrong):
    with pytest.raises(unidl.UnidlError):
        unidl.plot(wrong)


@pytest.mark.parametrize(
    "wrong", [(), ((None, "x"),), (3,), ((None, -3),), ((None, 2.5),), ("x",), (None,), ((None, 3), (None, 3))]
)
def test_what_is_no_shape(wrong):
    with pytest.raises(unidl.UnidlError):
        layers.Dense(2).output_shape(*wrong)


STEPS = {
    "no function": lambda t: t.minimize(3),
    "a number as part": lambda t: t.minimize(lambda: ops.mean(t.model(X)), part=0),
    "a text as part": lambda t: t.minimize(lambda: ops.mean(t.model(X)), part="x"),
    "a list as optimizer": lambda t: t.minimize(lambda: ops.mean(t.model(X)), optimizer=[]),
    "no such optimizer": lambda t: t.minimize(lambda: ops.mean(t.model(X)), optimizer="d"),
    "a loss with axes": lambda t: t.minimize(lambda: t.model(X)),
    "no loss": lambda t: t.minimize(lambda: None),
}


@pytest.fixture
def unchanged(backend):
    """A built model whose weights are at the end of the test as they were."""
    model = unidl.Sequential([layers.Dense(2)]).build((3,), backend=backend)
    before = model.weights()
    yield model
    for path, value in model.weights().items():
        np.testing.assert_array_equal(value, before[path])


@pytest.mark.parametrize("name", STEPS)
def test_a_step(name, unchanged):
    class Own(unidl.Trainer):
        def training_step(self, batch):
            return STEPS[name](self)

    with pytest.raises(unidl.UnidlError):
        Own(unchanged).step(X)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -1.0, "x", None, np.ones(2), 1j])
def test_a_schedule_that_returns_no_rate(wrong, unchanged):
    class Odd(unidl.schedules.Schedule):
        def __call__(self, step):
            return wrong

    trainer = unidl.Trainer(unchanged, "mse", unidl.optimizers.SGD(Odd()))
    with pytest.raises(unidl.errors.ArgumentError, match="Odd: invalid value for the rate of step 0"):
        trainer.step((X, X[:, :2]))


@pytest.mark.parametrize("pattern", ["*.bias", "layer_norm*", "dense", "*gain"])
def test_no_decay_that_fits_no_weight(pattern, unchanged):
    trainer = unidl.Trainer(unchanged, "mse", unidl.optimizers.AdamW(1e-2, no_decay=[pattern]))
    with pytest.raises(unidl.errors.ArgumentError, match="no_decay has what fits nothing") as told:
        trainer.fit(X, X[:, :2], progress=False)
    assert "dense/kernel, dense/bias" in str(told.value)


def test_no_decay_of_a_part(backend):
    """Patterns are relative to the part; one optimizer may move several, and a pattern fit in one of them."""

    class Two(unidl.Model):
        def __init__(self):
            self.a = unidl.Sequential([layers.Dense(1)])
            self.b = unidl.Sequential([layers.LayerNormalization()])

        def forward(self, x):
            return self.b(x) * self.a(x)

    class Own(unidl.Trainer):
        def training_step(self, batch):
            x = batch
            self.minimize(lambda: ops.mean(self.model(x)), part=self.model.a)
            return self.minimize(lambda: ops.mean(self.model(x)), part=self.model.b)

    for pattern, right in (("*gamma", True), ("dense/bias", True), ("*gain", False)):
        trainer = Own(Two().build((3,), backend=backend), optimizer=unidl.optimizers.AdamW(1e-2, no_decay=[pattern]))
        if right:
            trainer.step(X)
        else:
            with pytest.raises(unidl.errors.ArgumentError, match="no_decay has what fits nothing"):
                trainer.step(X)


def test_a_rate_that_is_set_later(backend):
    model = unidl.Sequential([layers.Dense(1)]).build((3,), backend=backend)
    trainer = unidl.Trainer(model, loss="mse", optimizer=unidl.optimizers.SGD(0.1))
    trainer.fit(X, X[:, :1], progress=False)
    before = model.weights()["dense/kernel"]
    optimizer = trainer.optimizers["main"]
    optimizer.learning_rate = 0
    trainer.fit(X, X[:, :1] + 1, progress=False)
    np.testing.assert_array_equal(model.weights()["dense/kernel"], before)
    assert repr(optimizer) == "SGD(learning_rate=0)"
    optimizer.learning_rate = unidl.schedules.Constant(0.1)
    trainer.fit(X, X[:, :1] + 1, progress=False)
    assert (model.weights()["dense/kernel"] != before).all()
    for wrong in ("fast", -1, math.nan, math.inf, None, [0.1]):
        with pytest.raises(unidl.errors.ArgumentError):
            optimizer.learning_rate = wrong
    for name in ("momentum", "weight_decay", "clip_norm", "no_decay"):
        with pytest.raises(unidl.errors.ArgumentError, match=rf"SGD\.{name} cannot be set after construction"):
            setattr(optimizer, name, 0.5)


def test_weights_that_no_machine_holds(backend):
    for model, shape in (
        (unidl.Sequential([layers.Dense(2**31 - 1)]), (10**6,)),
        (unidl.Sequential([Input((3,), dtype="int32"), layers.Embedding(2**31 - 1, 2**20)]), None),
    ):
        with pytest.raises(unidl.errors.WeightError, match="do not fit into memory"):
            model.build(*([] if shape is None else [shape]), backend=backend)
        assert not model.is_built


def test_a_layer_s_path_and_the_mode_of_a_call(unchanged):
    for wrong in (3, [], None, {}, "x"):
        with pytest.raises(unidl.errors.LayerPathError):
            unchanged.layers[wrong]
    for wrong in ("yes", 1.0, 3, []):
        with pytest.raises(unidl.errors.ArgumentError, match="invalid value for training"):
            unchanged(X, training=wrong)


# -- the command ---------------------------------------------------------------------------------------------------------------

COMMANDS = [
    ["backends", "extra"],
    ["run", "nothing.py"],
    ["run", "train.py", "--backend", "pytorch"],
    ["run", "train.py", "--device", "gpuu"],
    ["compare", "nothing.py"],
    ["compare", "train.py", "--rounds", "x"],
    ["compare", "train.py", "--rounds", "0"],
    ["compare", "train.py", "--rounds", "-1"],
    ["compare", "train.py", "--timeout", "nan"],
    ["compare", "train.py", "--timeout", "-1"],
    ["compare", "train.py", "--backends", "pytorch"],
    ["compare", "train.py", "--threads", "0"],
    ["compare", "train.py", "--without", "nothing"],
    ["inspect", "nothing.unidl"],
    ["source", "nothing.unidl"],
    ["source", "m.unidl", "--backend", "pytorch"],
    ["export", "nothing.unidl", "onnx", "m.onnx"],
    ["export", "m.unidl", "nothing", "m.onnx"],
    ["export", "m.unidl", "onnx", "m.pt"],
    ["nothing"],
    ["--nothing"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_command(words, tmp_path, monkeypatch, capsys):
    """A wrong word ends with an exit code and a sentence, never with a traceback."""
    unidl.Sequential([layers.Dense(1)]).build((3,), backend="torch").save(tmp_path / "m.unidl")
    (tmp_path / "train.py").write_text("print('ran')\n")
    monkeypatch.chdir(tmp_path)
    try:
        code = main(words)
    except SystemExit as ended:
        code = ended.code
    told = capsys.readouterr()
    assert code not in (DONE, None), told
    assert "Traceback" not in told.err
    assert told.err.strip()
    assert "ran" not in told.out


@pytest.mark.parametrize(
    ("name", "value"),
    [("UNIDL_BACKEND", "pytorch"), ("UNIDL_BACKEND", "3"), ("UNIDL_DEVICE", "gpuu"), ("UNIDL_DEVICE", "3")],
)
def test_a_variable(name, value, fresh):
    code = """
        import json, unidl
        try:
            unidl.Sequential([unidl.layers.Dense(1)]).build((3,))
        except unidl.UnidlError as error:
            print(json.dumps(str(error)))
    """
    told = json.loads(fresh(code, env={name: value}).stdout)
    assert f"{value!r} (from the environment variable {name})" in told
