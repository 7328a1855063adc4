"""Training: one trace of the step, the fused kernels are the definition, and loss curves are those of torch."""

import numpy as np
import pytest
import tensorflow as tf

import unidl
from unidl import Sequential, layers, optimizers, schedules
from unidl.backends import tensorflow as backend
from unidl.backends.tensorflow.optimizers import NATIVE, Kernels, defined, readers
from unidl.backends.tensorflow.training import repeat

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 8))  # (examples, features): the last of three batches of 32 has 26
Y = (X[:, 0] > 0) + (X[:, 1] > 0)  # (examples,), three classes


def mlp():
    return Sequential([layers.Dense(16, activation="tanh"), layers.BatchNormalization(), layers.Dense(3)])


OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.1),
    "momentum": lambda: optimizers.SGD(schedules.Cosine(0.1, 20), momentum=0.9),
    "nesterov": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda: optimizers.Adam(schedules.Cosine(1e-2, 20), epsilon=1e-3),
    "adamw": lambda: optimizers.AdamW(1e-2, weight_decay=0.1, no_decay=("*bias",), clip_norm=0.5),
}


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_loss_curve_and_the_states_are_those_of_torch(name, precision):
    curves, weights = {}, {}
    for framework in ("torch", "tensorflow"):
        trainer = unidl.Trainer(
            mlp(),
            loss="cross_entropy",
            optimizer=OPTIMIZERS[name](),
            metrics=["accuracy"],
            backend=framework,
            precision=precision,
        )
        history = trainer.fit(X, Y, epochs=7, batch_size=32, validation_data=(X, Y), progress=False)
        curves[framework] = history.step_loss
        weights[framework] = trainer.model.weights()
        if framework == "tensorflow":
            kinds = [trace.kind for trace in trainer.model.native.traces]
            assert kinds == [
                "step",
                "step",
            ]  # one to train and one to evaluate: none for the last batch or the learning rate
            assert 7 * 2 <= trainer.model.native.runs <= 7 * (3 + 1)  # one run takes as many steps as time allows
    assert len(curves["torch"]) == 21
    assert curves["torch"][-1] < 0.9 * curves["torch"][0]
    exact = precision == "float64"
    np.testing.assert_allclose(curves["tensorflow"], curves["torch"], rtol=1e-9 if exact else 1e-4)
    for path, value in weights["torch"].items():  # the moving mean and variance among them
        np.testing.assert_allclose(
            weights["tensorflow"][path],
            value,
            rtol=1e-9 if exact else 1e-3,
            atol=1e-10 if exact else 1e-4,
            err_msg=path,
        )


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_fused_kernels_are_the_definition(name, precision):
    definition = OPTIMIZERS[name]()
    natives = []
    for move in (NATIVE[type(definition)], defined):
        model = mlp().build((8,), backend="tensorflow", precision=precision)
        stepper = Kernels(definition, model.trainable_slots(), move)
        generator = np.random.default_rng(1)
        for step in range(20):
            rate = definition.learning_rate(step)
            gradients = [tf.constant(generator.normal(size=v.shape), v.dtype) for v in stepper.wanted]
            stepper.apply(gradients, rate)
        natives.append([*model.native.variables, *stepper.variables])
    limit = 1e-12 if precision == "float64" else 2e-6
    for fused, plain in zip(*natives, strict=True):
        np.testing.assert_allclose(fused.numpy(), plain.numpy(), rtol=limit, atol=limit, err_msg=fused.name)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam"])
def test_a_weight_is_moved_once_nobody_works_with_its_value(name):
    """Else TensorFlow moves a copy of it, which costs memory and time."""
    model = Sequential([layers.Dense(16), layers.Dense(3)]).build((8,), backend="tensorflow")
    stepper = backend.optimizer(OPTIMIZERS[name](), model.trainable_slots())

    @tf.function(autograph=False)
    def step(x):
        def loss():
            return unidl.ops.mean(model.native(x) ** 2)

        stepper.apply(backend.value_and_grad(loss, (), {}, stepper.wanted)[1], 0.1)

    graph = step.get_concrete_function(tf.TensorSpec((4, 8))).graph
    moves = [op for op in graph.get_operations() if op.type.startswith("ResourceApply")]
    counts = []
    for move in moves:
        reads = [op for op in move.inputs[0].consumers() if op.type == "ReadVariableOp"]
        working = {op.name for read in reads for op in read.outputs[0].consumers()}
        assert working <= {op.name for op in move.control_inputs}, move.name
        counts.append(len(working))
    assert sorted(counts) == [1, 1, 1, 2]  # the second kernel: forward, and backward to the first layer


def test_who_works_with_a_weight_by_another_name_counts():
    variable = tf.Variable([1.0, 2.0])

    @tf.function(autograph=False)
    def look():
        product = tf.reshape(tf.identity(variable), (2, 1)) * 2.0
        after = product + 1.0  # of other memory
        assert product.op in readers(variable)
        assert after.op not in readers(variable)

    look()
    assert readers(variable) == []  # no graph


def test_the_rate_is_there_before_the_batch():
    """Else TensorFlow may leave it to the step's end, and all gradients wait until then in memory."""

    def step(batch, states, rates):
        return states, {"loss": tf.reduce_sum(batch) * rates["rate"]}

    @tf.function(autograph=False)
    def run(data, order, rate):
        return repeat(step)(data, order, 0, 2, tf.constant(2, tf.int64), (), {"rate": rate})

    specs = (tf.TensorSpec((6, 3)), tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None,)))
    library = run.get_concrete_function(*specs).graph.as_graph_def().library
    (body,) = [function for function in library.function if "body" in function.signature.name]
    nodes = {node.name: node for node in body.node_def}
    (read,) = [name for name, node in nodes.items() if node.op == "TensorListGetItem"]
    (places,) = [node for node in body.node_def if any(name.startswith(f"{read}:") for name in node.input)]
    waits = [name[1:] for name in places.input if name.startswith("^")]
    assert [nodes[name].op for name in waits] == ["GatherV2"]


def test_a_subclass_of_an_optimizer_is_stepped_by_its_definition():
    class Signed(optimizers.SGD):
        def update(self, weight, gradient, state, learning_rate, step):
            return weight - learning_rate * unidl.ops.sign(gradient), {}

    model = mlp().build((8,), backend="tensorflow")
    stepper = backend.optimizer(Signed(0.5), model.trainable_slots())
    before = model.weights()
    stepper.apply([tf.fill(v.shape, 3.0) for v in stepper.wanted], 0.5)
    for path in model.trainable_slots():
        np.testing.assert_allclose(model.weights()[path], before[path] - 0.5, rtol=1e-6)


def test_the_optimizers_state_is_tracked(tmp_path):
    model = mlp().build((8,), backend="tensorflow")
    stepper = backend.optimizer(optimizers.Adam(), model.trainable_slots())
    stepper.apply([tf.ones(v.shape) for v in stepper.wanted], 0.1)
    saved = tf.train.Checkpoint(model=model.native, optimizer=stepper).save(str(tmp_path / "c"))
    other = mlp().build((8,), backend="tensorflow", seed=3)
    fresh = backend.optimizer(optimizers.Adam(), other.trainable_slots())
    tf.train.Checkpoint(model=other.native, optimizer=fresh).restore(saved).assert_consumed()
    assert int(fresh.steps) == 1
    for one in (stepper, fresh):
        one.apply([tf.ones(v.shape) * 2.0 for v in one.wanted], 0.1)
    for path, value in model.weights().items():
        np.testing.assert_array_equal(other.weights()[path], value)


@pytest.mark.parametrize("jit", [False, True])
def test_a_step_of_ones_own_is_one_graph(jit):
    class Two(unidl.Trainer):
        def training_step(self, batch):
            x, y = batch
            first = self.minimize(lambda: self.loss(y, self.model(x)), optimizer="a")
            second = self.minimize(lambda: self.loss(y, self.model.native(x)), optimizer="b")
            return {"first": first, "second": second}

    given = {"a": optimizers.SGD(0.1), "b": optimizers.Adam(schedules.Cosine(1e-2, 20))}
    curves = {}
    for framework, compiled in (("torch", False), ("tensorflow", jit)):
        trainer = Two(
            mlp(), loss="cross_entropy", optimizer=given, backend=framework, precision="float64", jit=compiled
        )
        curves[framework] = trainer.fit(X, Y, epochs=2, batch_size=32, progress=False)
    native = trainer.model.native
    # XLA compiles for batches of one size; the last one of 26 runs without it
    assert [trace.kind for trace in native.traces] == ["step"] * (2 if jit else 1)
    for name in ("first", "second"):
        np.testing.assert_allclose(curves["tensorflow"][name], curves["torch"][name], rtol=1e-9)


def test_a_seed_starts_the_same_dropout_again():
    def curve():
        model = Sequential([layers.Dense(16, activation="relu"), layers.Dropout(0.5), layers.Dense(3)])
        trainer = unidl.Trainer(model, loss="cross_entropy", backend="tensorflow", seed=3)
        return trainer.fit(X, Y, epochs=2, progress=False).step_loss

    np.testing.assert_array_equal(curve(), curve())


def test_freezing_between_two_fits_is_honoured():
    trainer = unidl.Trainer(mlp(), loss="cross_entropy", optimizer=optimizers.SGD(0.1), backend="tensorflow")
    trainer.fit(X, Y, progress=False)
    model = trainer.model
    model.freeze("batch_normalization")
    before = model.weights()
    trainer.fit(X, Y, progress=False)
    after = model.weights()
    assert (before["dense/kernel"] != after["dense/kernel"]).any()
    for name in ("moving_mean", "moving_variance"):
        np.testing.assert_array_equal(after[f"batch_normalization/{name}"], before[f"batch_normalization/{name}"])
