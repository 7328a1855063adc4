"""What targets are beside predictions: nothing is broadcast, labels are classes, rows are distributions; everywhere they enter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import unidl
from unidl import Input, Model, Sequential, data, layers, losses, metrics, ops
from unidl.backends import registry
from unidl.errors import ArgumentError, DataError, DtypeError, NonFiniteWarning, ShapeError
from unidl.optimizers import SGD

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3)).astype("float32")
Y = RNG.integers(0, 4, 12)
QUIET = {"progress": False, "batch_size": 4, "shuffle": False}


def still(backend, units=4, axes=(3,), loss="cross_entropy", metrics=(), **given):
    """A Trainer that moves nothing."""
    model = Sequential([layers.Dense(units)]).build(axes, backend=backend)
    return unidl.Trainer(model, loss=loss, optimizer=SGD(0.0), metrics=metrics, **given)


def native(backend, array):
    return registry.load(backend).to_tensor(array)


def measured(metric, backend, targets, predictions):
    """A metric of one batch."""
    state = {key: native(backend, value) for key, value in metric.initial().items()}
    state = metric.update(state, targets, predictions)
    return metric.result({key: unidl.to_numpy(value) for key, value in state.items()})


class Own(unidl.Trainer):
    """A step of the user's own, which hands targets on as they are."""

    def training_step(self, batch):
        x, y = batch

        def loss():
            predictions = self.model(x)
            return losses.get(self.used)(y, predictions), predictions

        value, predictions = self.minimize(loss)
        self.measure(y, predictions)
        return value


def own(backend, used, units=4, metrics=()):
    model = Sequential([layers.Dense(units)]).build((3,), backend=backend)
    trainer = Own(model, optimizer=SGD(0.0), metrics=metrics)
    trainer.used = used
    return trainer


# -- nothing is broadcast ----------------------------------------------------------------------------------------------------

P = RNG.normal(size=(6, 4)).astype("float32")
COLUMN, FLAT, LABELS = P[:, :1], P[:, 0], np.arange(6) % 4
ANSWERS = (COLUMN > 0).astype("float32")

# name -> loss or metric, targets, predictions, what the fix says
UNFIT = {
    "mse, a last axis missing": (losses.MSE(), FLAT, COLUMN, "targets[..., None]"),
    "mse, a last axis extra": (losses.MSE(), COLUMN, FLAT, "targets[..., 0]"),
    "mse, one column for four": (losses.MSE(), COLUMN, P, None),
    "mse, of images": (losses.MSE(), P[:, :, None], P, "targets[..., 0]"),
    "binary, a last axis missing": (losses.BinaryCrossEntropy(), ANSWERS[:, 0], COLUMN, "targets[..., None]"),
    "binary, a last axis extra": (losses.BinaryCrossEntropy(), ANSWERS, FLAT, "targets[..., 0]"),
    "labels with a last axis": (losses.CrossEntropy(), LABELS[:, None], P, "targets[..., 0]"),
    "labels as floats": (losses.CrossEntropy(), LABELS.astype("float32"), P, 'targets.astype("int64")'),
    "one-hot as integers": (losses.CrossEntropy(), np.eye(4, dtype="int64")[LABELS], P, 'targets.astype("float32")'),
    "one class": (losses.CrossEntropy(), LABELS * 0, COLUMN, "losses.BinaryCrossEntropy()"),
    "no class axis": (losses.CrossEntropy(), LABELS, FLAT, "losses.BinaryCrossEntropy()"),
    "accuracy of one column": (metrics.Accuracy(), LABELS * 0, COLUMN, "metrics.BinaryAccuracy()"),
    "accuracy of one column, floats": (metrics.Accuracy(), ANSWERS, COLUMN, "metrics.BinaryAccuracy()"),
    "accuracy of no column": (metrics.Accuracy(), LABELS, FLAT, "metrics.BinaryAccuracy()"),
    "accuracy, labels with a last axis": (metrics.Accuracy(), LABELS[:, None], P, "targets[..., 0]"),
    "accuracy, one-hot integers": (metrics.Accuracy(), np.eye(4, dtype="int64")[LABELS], P, 'astype("float32")'),
    "binary accuracy, a last axis missing": (metrics.BinaryAccuracy(), ANSWERS[:, 0], COLUMN, "targets[..., None]"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_shapes_that_do_not_fit(name, backend):
    reader, targets, predictions, fix = UNFIT[name]

    def call(targets, predictions):
        if isinstance(reader, losses.Loss):
            return reader(targets, predictions)
        return measured(reader, backend, targets, predictions)

    texts = []
    for convert in (lambda a: a, lambda a: native(backend, a)):
        with unidl.using(backend), pytest.raises(ShapeError) as caught:
            call(convert(targets), convert(predictions))
        texts.append(str(caught.value))
    assert texts[0] == texts[1]
    assert fix is None or fix in caught.value.fix


@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy", lambda t, p: ops.abs(t - p)])
def test_a_missing_last_axis_is_an_error_wherever_targets_enter(loss, backend):
    flat = (X[:, 0] > 0).astype("float32")
    trainer = still(backend, units=1, loss=loss)
    stream = data.Stream(lambda: iter([(X[:4], flat[:4, None]), (X[4:8], flat[4:8])]))
    for enter in (
        lambda: trainer.fit(X, flat, **QUIET),
        lambda: trainer.fit(X, flat[:, None], validation_data=(X, flat), **QUIET),
        lambda: trainer.fit(stream, **QUIET),
        lambda: trainer.evaluate(X, flat),
        lambda: trainer.step((X, flat)),
        lambda: own(backend, loss, units=1).fit(X, flat, **QUIET),
    ):
        with pytest.raises(ShapeError):
            enter()
    assert trainer.fit(X, flat[:, None], **QUIET).stopped is None


def test_behind_a_free_axis(backend):
    model = Sequential([layers.Dense(1)]).build(Input((None, 3)), backend=backend)
    x = np.repeat(X[:, None], 5, 1)  # (12, 5, 3)
    trainer = unidl.Trainer(model, loss="mse", optimizer=SGD(0.0))
    for unfit in (np.zeros((12, 5)), np.zeros((12, 1)), np.zeros((12, 1, 1)), np.zeros(12)):
        with pytest.raises(ShapeError):
            trainer.fit(x, unfit.astype("float32"), **QUIET)
    model = Sequential([layers.Dense(1), layers.Reshape((-1,))]).build(Input((None, 3)), backend=backend)
    trainer = unidl.Trainer(model, loss="mse", optimizer=SGD(0.0))  # (batch, times)
    for unfit in (np.zeros((12, 1)), np.zeros((12, 5, 1)), np.zeros(12)):
        with pytest.raises(ShapeError):
            trainer.fit(x, unfit.astype("float32"), **QUIET)
    assert trainer.fit(x, np.zeros((12, 5), "float32"), **QUIET).stopped is None


def test_in_a_dict_of_outputs(backend):
    class Two(Model):
        def __init__(self):
            self.a, self.b = layers.Dense(1), layers.Dense(4)

        def forward(self, x):
            return {"size": self.a(x), "kind": self.b(x)}

    def loss(targets, predictions):
        kind = losses.CrossEntropy()(targets["kind"], predictions["kind"])
        return kind + losses.MSE()(targets["size"], predictions["size"])

    def error(targets, predictions):
        return ops.abs(targets["size"] - predictions["size"])

    model = Two().build((3,), backend=backend)
    trainer = unidl.Trainer(model, loss=loss, optimizer=SGD(0.0), metrics=[error])
    history = trainer.fit(X, {"kind": Y, "size": X[:, :1]}, **QUIET)
    assert history["error"][0] == pytest.approx(np.abs(X[:, :1] - trainer.predict(X)["size"]).mean(), rel=1e-5)
    with pytest.raises(ShapeError):
        trainer.fit(X, {"kind": Y, "size": X[:, 0]}, **QUIET)
    for single in ({"loss": "mse"}, {"loss": loss, "metrics": ["accuracy"]}):
        with pytest.raises(ArgumentError, match="several outputs"):
            unidl.Trainer(model, optimizer=SGD(0.0), **single).fit(X, {"kind": Y, "size": X[:, :1]}, **QUIET)


lengths = st.lists(st.integers(1, 3), min_size=1, max_size=3)


@settings(max_examples=40)
@given(shape=lengths, extra=st.booleans(), loss=st.sampled_from([losses.MSE(), losses.BinaryCrossEntropy()]))
def test_one_axis_of_length_1_more_or_less(shape, extra, loss):
    """On specs alone: it is the same code for tensors."""
    short, long = np.zeros(shape, "float32"), np.zeros((*shape, 1), "float32")
    targets, predictions = (long, short) if extra else (short, long)
    spec = unidl.graph.spec.TensorSpec((None, *predictions.shape[1:]))
    for check in (lambda: loss.check(targets, spec), lambda: loss(targets, predictions)):
        with pytest.raises(ShapeError) as caught:
            check()
        assert caught.value.fix == ("targets[..., 0]" if extra else "targets[..., None]") + (
            " takes the last axis away." if extra else " adds the last axis."
        )


@settings(max_examples=100)
@given(
    one=st.lists(st.sampled_from([1, 2, 3]), max_size=3),
    other=st.lists(st.sampled_from([1, 2, 3]), max_size=3),
    between=st.sampled_from(
        [ops.subtract, ops.multiply, ops.maximum, ops.equal, lambda t, p: ops.where(ops.greater(p, t), p, t)]
    ),
)
def test_a_function_broadcasts_behind_the_examples_only(one, other, between):
    """As NumPy says for shapes with the examples on one axis; never with them on two."""
    targets, predictions = np.zeros((7, *one), "float32"), unidl.graph.spec.TensorSpec((None, *other))
    try:
        np.broadcast_shapes(tuple(one), tuple(other))
        right = len(one) == len(other)
    except ValueError:
        right = False
    for reader in (losses.get(between), metrics.get(between)):
        if right:
            reader.check(targets, predictions)
            continue
        try:
            reader.check(targets, predictions)
        except ShapeError:
            continue
        # not traced to the end: the op itself refuses it, with these very lengths
        with pytest.raises(ShapeError):
            unidl.graph.shape.broadcast((7, *one), (7, *other))


@settings(max_examples=100)
@given(
    labels=arrays.arrays(
        st.sampled_from(["int8", "uint8", "int32", "int64"]),
        arrays.array_shapes(max_dims=3, max_side=3),
        elements=st.integers(0, 6),
    ),
    shift=st.integers(-2, 2),
    classes=st.integers(2, 6),
    ignore_index=st.sampled_from([None, -1, 255, 0, 5]),
)
def test_any_labels(labels, shift, classes, ignore_index):
    """An error names the first that is neither a class nor left out, and there is none where all are."""
    labels = labels + np.asarray(shift).astype(labels.dtype)
    given_ = [int(label) for label in labels.flat]
    wrong = [i for i, label in enumerate(given_) if not 0 <= label < classes and label != ignore_index]
    spec = unidl.graph.spec.TensorSpec((None, *labels.shape[1:], classes))
    for reader in (losses.CrossEntropy(ignore_index=ignore_index), metrics.Accuracy(ignore_index=ignore_index)):
        if not wrong:
            reader.check(labels, spec)
            continue
        with pytest.raises(DataError) as caught:
            reader.check(labels, spec)
        example = int(np.unravel_index(wrong[0], labels.shape)[0])
        assert f"Received: {given_[wrong[0]]}, of example {example}" in str(caught.value)


def test_integer_predictions_cut_no_targets(backend):
    with unidl.using(backend):
        assert float(unidl.to_numpy(losses.MSE()(np.array([0.5]), np.array([1])))) == 0.25


# -- functions ---------------------------------------------------------------------------------------------------------------


def picked(targets, predictions):
    return -ops.take_along_axis(ops.log_softmax(predictions), ops.expand_dims(targets, -1), axis=-1)


def pairs(targets, predictions):
    """Every example with every other, on purpose: both sides come from the predictions."""
    p = predictions[:, 0]
    return ops.mean(ops.square(ops.expand_dims(p, 0) - ops.expand_dims(p, 1)), axis=1)


def branches(targets, predictions):
    return ops.abs(targets - predictions) if ops.max(predictions) > 0 else ops.square(targets - predictions)


def gathered(targets, predictions):
    return ops.abs(ops.sum(targets, axis=-1) - predictions)


# name -> function, targets, predictions, whether it is right
FUNCTIONS = {
    "equal shapes": (lambda t, p: ops.abs(t - p), COLUMN, COLUMN, True),
    "flat against a column": (lambda t, p: ops.abs(t - p), FLAT, COLUMN, False),
    "a column against flat": (lambda t, p: ops.abs(t - p), COLUMN, FLAT, False),
    "flat against four columns": (lambda t, p: ops.abs(t - p), FLAT, P, False),
    "integers against a column": (
        lambda t, p: ops.softplus(-p * ops.cast(2 * t - 1, "float32")),
        LABELS,
        COLUMN,
        False,
    ),
    "its own column": (lambda t, p: ops.square(t - p[:, 0]), FLAT, COLUMN, True),
    "a column for four": (lambda t, p: ops.square(t - p), COLUMN, P, True),
    "integer labels": (picked, LABELS, P, True),
    "a mean of the targets": (lambda t, p: ops.square(p - ops.mean(t)), FLAT, P, True),
    "inside mean_squared_error": (lambda t, p: ops.mean_squared_error(p, t), FLAT, COLUMN, False),
    "among the predictions": (pairs, FLAT, COLUMN, True),
    "behind a branch": (branches, FLAT, COLUMN, False),
    "after a sum": (gathered, P, COLUMN, False),
    "a condition": (lambda t, p: ops.where(ops.greater(t, 0.0), p, -p), FLAT, COLUMN, False),
    "a constant beside": (lambda t, p: ops.mean(ops.subtract(p, np.ones(1, "float32"))), FLAT, COLUMN, True),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_looked_at(name, backend):
    function, targets, predictions, right = FUNCTIONS[name]
    spec = unidl.graph.spec.TensorSpec((None, *predictions.shape[1:]))
    given_targets, made = native(backend, targets), native(backend, predictions)
    for reader in (losses.get(function), metrics.get(function)):
        calls = [lambda r=reader: r.check(targets, spec)]
        if name != "behind a branch" or backend != "tensorflow":  # a branch needs a graph's conversion there
            if isinstance(reader, losses.Loss):
                calls.append(lambda r=reader: r(given_targets, made))
            else:
                calls.append(lambda r=reader: measured(r, backend, given_targets, made))
        for call in calls:
            if right:
                call()
                continue
            with pytest.raises(ShapeError, match="broadcasts targets against predictions"):
                call()


def test_a_function_of_nested_targets_is_looked_at(backend):
    def sizes(targets, predictions):
        return ops.abs(targets["size"] - predictions["size"])

    flat, column = native(backend, FLAT), native(backend, COLUMN)
    for reader in (losses.get(sizes), metrics.get(sizes)):
        call = reader if isinstance(reader, losses.Loss) else lambda t, p, r=reader: measured(r, backend, t, p)
        call({"size": column, "kind": flat}, {"size": column})
        with pytest.raises(ShapeError, match="broadcasts targets against predictions"):
            call({"size": flat, "kind": flat}, {"size": column})


def test_labels_of_an_op(backend):
    scores = native(backend, P)
    for name in ("softmax_cross_entropy", "negative_log_likelihood"):
        op = getattr(ops, name)
        with pytest.raises(ShapeError):
            op(scores, native(backend, LABELS[:, None]))
        with pytest.raises(DtypeError):
            op(scores, native(backend, LABELS.astype("float32")))


def test_a_label_at_a_position_of_an_own_step(backend):
    model = Sequential([layers.Dense(4)]).build((5, 3), backend=backend)
    t = Own(model, optimizer=SGD(0.0))
    labels = RNG.integers(0, 4, (6, 5))
    labels[2, 3] = 9
    for t.used in ("cross_entropy", losses.CrossEntropy(label_smoothing=0.1)):
        with pytest.raises(DataError, match=r"Received: 9, of example 2 at \(3,\)"):
            t.fit(RNG.normal(size=(6, 5, 3)), labels, batch_size=6, shuffle=False, progress=False)


def test_a_frameworks_own_function(backend):
    """It cannot be looked into: what differs by a last axis of length 1 is refused."""
    framework = registry.load(backend).OPS["subtract"]

    def function(targets, predictions):
        if not hasattr(targets, "numpy"):
            raise TypeError("no tensor of a framework")
        return framework(targets, predictions)

    with pytest.raises(ShapeError):
        losses.get(function)(native(backend, FLAT), native(backend, COLUMN))
    assert losses.get(function)(native(backend, COLUMN), native(backend, COLUMN)) is not None


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (lambda t, p: ops.mean(p, axis=0), ShapeError),  # a value for each column
        (lambda t, p: ops.stack([ops.mean(p), ops.mean(t)]), ShapeError),
        (lambda t, p: None, ArgumentError),
        (lambda t, p: {"loss": ops.mean(p)}, ArgumentError),
    ],
)
def test_a_function_that_returns_something_else(function, error, backend):
    with pytest.raises(error, match="a value for each example"):
        still(backend, units=5, loss=function).fit(X, RNG.normal(size=(12, 5)), **QUIET)
    with pytest.raises(error, match="a value for each example"):
        still(backend, units=5, loss="mse", metrics=[function]).fit(X, RNG.normal(size=(12, 5)), **QUIET)


def test_a_class_whose_call_returns_a_vector(backend):
    class Odd(losses.Loss):
        def __call__(self, targets, predictions):
            return ops.sum(predictions, axis=-1)

    with pytest.raises(ShapeError, match="returned no single number"):
        still(backend, loss=Odd()).fit(X, Y, **QUIET)


# -- labels ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [-1, -100, 4, 2**31, -(2**63)])
def test_a_label_that_is_none_of_the_classes(label, backend):
    bad = Y.copy()
    bad[7] = label
    expected = f"Received: {label}, of example "
    loss = losses.CrossEntropy()
    trainer = still(backend)
    batches = [(X[i : i + 4], bad[i : i + 4]) for i in range(0, 12, 4)]
    predictions = trainer.predict(X)

    def told(call, example=None):
        with unidl.using(backend), pytest.raises(DataError, match="a label is none of the classes") as caught:
            call()
        assert expected + ("" if example is None else str(example)) in str(caught.value)
        assert "0 to 3, for predictions with 4 classes" in str(caught.value)

    told(lambda: trainer.fit(X, bad, **QUIET), 7)
    told(lambda: trainer.fit(X, Y, validation_data=(X, bad), **QUIET), 7)
    told(lambda: trainer.fit(data.Stream(batches), **QUIET), 3)
    told(lambda: trainer.evaluate(X, bad), 7)
    told(lambda: trainer.evaluate(data.Stream(batches)), 3)
    told(lambda: trainer.step((X, bad)), 7)
    told(lambda: loss(bad, predictions), 7)
    told(lambda: loss(native(backend, bad), native(backend, predictions)), 7)
    told(lambda: measured(metrics.Accuracy(), backend, bad, predictions), 7)
    told(lambda: measured(metrics.Accuracy(), backend, native(backend, bad), native(backend, predictions)), 7)
    told(lambda: ops.softmax_cross_entropy(native(backend, predictions), native(backend, bad)), 7)
    told(lambda: own(backend, "cross_entropy").fit(X, bad, **QUIET), 3)
    told(lambda: own(backend, losses.CrossEntropy(label_smoothing=0.1)).fit(X, bad, **QUIET), 3)


def test_a_label_in_a_metric_of_an_own_step(backend):
    """Nothing looks there for free: the count says it when the epoch is read, without waiting for the device before."""
    bad = Y.copy()
    bad[7] = 9

    def loss(targets, predictions):
        return ops.mean(ops.square(predictions))

    assert own(backend, loss, metrics=["accuracy"]).fit(X, Y, **QUIET)["accuracy"][0] <= 1
    with pytest.raises(DataError, match="a label is none of the classes"):
        own(backend, loss, metrics=["accuracy"]).fit(X, bad, **QUIET)


def test_rows_that_are_no_distribution(backend):
    several = (RNG.uniform(size=(12, 4)) > 0.5).astype("float32")
    several[0], several[1] = 1.0, 0.0
    trainer = still(backend)
    soft = np.full((4, 4), 0.25, "float32")
    for enter in (
        lambda y: trainer.fit(X, y, **QUIET),
        lambda y: trainer.evaluate(X, y),
        lambda y: trainer.fit(data.Stream([(X[:4], soft), (X[:4], y[:4])]), **QUIET),
        lambda y: losses.CrossEntropy()(y, trainer.predict(X)),
        lambda y: still(backend, loss=lambda t, p: ops.mean(p), metrics=["accuracy"]).fit(X, y, **QUIET),
    ):
        with pytest.raises(DataError, match=r"a row that sums to 4, of example 0: \[1, 1, 1, 1\]"):
            enter(several)
    trainer.fit(X, np.repeat(soft, 3, 0).astype("float16"), **QUIET)
    history = still(backend, loss="binary_cross_entropy", metrics=["binary_accuracy"]).fit(X, several, **QUIET)
    assert 0 <= history["binary_accuracy"][0] <= 1
    for unfit in (several * 2, several - 1, several * np.nan):
        with pytest.raises(DataError, match="no probability"):
            still(backend, loss="binary_cross_entropy").fit(X, unfit, **QUIET)
    with pytest.raises(DataError, match="neither 0 nor 1"):
        still(backend, loss="binary_cross_entropy", metrics=["binary_accuracy"]).fit(X, several * 0.5, **QUIET)


def test_a_sigmoid_before_a_metric_that_reads_logits(backend):
    model = Sequential([layers.Dense(1, "sigmoid")]).build((3,), backend=backend)
    answers = (X[:, :1] > 0).astype("int64")
    for reads_logits, fix in (
        ({"loss": "mse", "metrics": ["binary_accuracy"]}, "unidl.metrics.BinaryAccuracy(from_logits=False)"),
        ({"loss": "binary_cross_entropy"}, "unidl.losses.BinaryCrossEntropy(from_logits=False)"),
    ):
        with pytest.raises(ArgumentError) as caught:
            unidl.Trainer(model, optimizer=SGD(0.0), **reads_logits).fit(X, answers, **QUIET)
        assert fix in caught.value.fix
    loss, metric = losses.BinaryCrossEntropy(from_logits=False), metrics.BinaryAccuracy(from_logits=False)
    trainer = unidl.Trainer(model, loss=loss, metrics=[metric], optimizer=SGD(0.0))
    history = trainer.fit(X, answers, **QUIET)
    assert history["binary_accuracy"][0] == ((trainer.predict(X) > 0.5) == answers).mean()


# -- labels left out ---------------------------------------------------------------------------------------------------------


def test_the_mean_is_over_the_labels_that_count(backend):
    """Batches with unequal numbers of them: both sums are added, and one divided by the other."""
    some = Y.copy()
    some[:5] = -1  # the first batch has none that counts
    loss = losses.CrossEntropy(ignore_index=-1)
    trainer = still(backend, loss=loss, metrics=[metrics.Accuracy(ignore_index=-1)])
    history = trainer.fit(X, some, **QUIET)
    predictions = trainer.predict(X).astype("float64")
    each = np.log(np.exp(predictions).sum(-1)) - predictions[np.arange(12), Y]
    assert history.step_loss[0] == 0
    assert history["loss"][0] == pytest.approx(each[5:].mean(), rel=1e-5)
    assert trainer.evaluate(X, some, batch_size=4)["loss"] == pytest.approx(each[5:].mean(), rel=1e-5)
    assert history["accuracy"][0] == pytest.approx((predictions.argmax(-1) == Y)[5:].mean())
    assert list(history.epochs[0]) == ["loss", "accuracy", "learning_rate", "seconds"]
    assert sorted(trainer.step((X, some))) == ["accuracy", "loss"]
    with pytest.warns(NonFiniteWarning, match="'accuracy' is nan after epoch"):
        nothing = trainer.fit(X, np.full(12, -1), **QUIET)
    assert nothing["loss"] == [0.0]
    assert np.isnan(nothing["accuracy"]).all()  # of no position it is not defined
    assert nothing.stopped is None
    with pytest.raises(DataError, match="Received: 5"):
        trainer.fit(X, np.where(some < 0, 5, some), **QUIET)
    with pytest.raises(DataError, match="Accuracy: a label is none"):
        still(backend, loss=loss, metrics=["accuracy"]).fit(X, some, **QUIET)
    with pytest.raises(ArgumentError, match="ignore_index"):
        trainer.fit(X, np.eye(4, dtype="float32")[Y], **QUIET)


def test_sums_are_kept_apart(backend):
    """Two batches' sums added are those of both together."""
    targets, predictions = np.where(LABELS == 3, 255, LABELS).astype("uint8"), P
    for loss in (losses.CrossEntropy(), losses.CrossEntropy(ignore_index=255, label_smoothing=0.1), losses.MSE()):
        y = P[::-1].copy() if isinstance(loss, losses.MSE) else LABELS if loss.ignore_index is None else targets
        with unidl.using(backend):
            whole, first, rest = (
                [float(unidl.to_numpy(n)) for n in loss.sums(y[part], predictions[part])]
                for part in (slice(None), slice(0, 2), slice(2, 6))
            )
            np.testing.assert_allclose(np.add(first, rest), whole, rtol=1e-5)
            assert float(unidl.to_numpy(loss(y, predictions))) == pytest.approx(whole[0] / whole[1], rel=1e-5)
