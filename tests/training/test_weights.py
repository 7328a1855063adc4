"""Weights of examples, of time steps and of classes, and masks: in losses, metrics, epochs and evaluation."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import unidl
from unidl import Sequential, callbacks, data, layers, losses, metrics, ops
from unidl.errors import ArgumentError, DataError, ShapeError
from unidl.optimizers import SGD, Adam

RNG = np.random.default_rng(0)
X = RNG.normal(size=(22, 5)).astype("float32")
Y = RNG.integers(0, 3, 22)
W = RNG.integers(0, 4, 22).astype("float32")
SERIES = RNG.normal(size=(14, 6, 2)).astype("float32")
TAGS = RNG.integers(0, 3, (14, 6))
QUIET = {"progress": False, "batch_size": 8, "shuffle": False}


def still(backend, units=3, loss="cross_entropy", metrics=("accuracy",), shape=(5,), **given):
    """A Trainer that moves nothing, so that an epoch's numbers are those of the data."""
    model = Sequential([layers.Dense(units)]).build(shape, backend=backend)
    return unidl.Trainer(model, loss=loss, optimizer=SGD(0.0), metrics=list(metrics), **given)


def negative_log(trainer, x, y):
    """The cross-entropy of each position in float64, and whether it is a hit."""
    logits = trainer.predict(x).astype("float64")
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -np.take_along_axis(log_p, y[..., None], -1)[..., 0], logits.argmax(-1) == y


# -- a loss and a metric alone -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "weighted_mean"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_a_loss_divides_by_what_counts(backend, reduction, weighted, masked):
    w = RNG.random(14).astype("float32") if weighted else None  # of series, whose time steps share it
    m = RNG.random((14, 6)) > 0.4 if masked else None
    p = RNG.normal(size=(14, 6, 3)).astype("float32")
    for loss, targets, predictions in (
        (losses.CrossEntropy(reduction=reduction), TAGS, p),
        (losses.BinaryCrossEntropy(reduction=reduction), (p > 0.3).astype("float32"), p),
        (losses.MSE(reduction=reduction), p[::-1], p),
    ):
        with unidl.using(backend):
            each = unidl.to_numpy(loss.per_example(targets, predictions)).astype("float64")
            found = float(unidl.to_numpy(loss(targets, predictions, sample_weight=w, mask=m)))
        behind = (1,) * (each.ndim - 1)
        weights = np.broadcast_to(1.0 if w is None else w.reshape(-1, *behind), each.shape)
        counts = np.broadcast_to(1.0 if m is None else m.reshape(m.shape + (1,) * (each.ndim - 2)), each.shape)
        divisor = counts.sum() if reduction == "mean" else (weights * counts).sum()
        assert found == pytest.approx((weights * counts * each).sum() / divisor, rel=1e-5)


def test_a_batch_that_is_left_out_whole_is_0(backend):
    with unidl.using(backend):
        for reduction in losses.loss.REDUCTIONS:
            loss, p = losses.CrossEntropy(reduction=reduction), RNG.normal(size=(4, 3)).astype("float32")
            nothing = np.zeros(4, bool)
            assert float(unidl.to_numpy(loss(np.full(4, 99), p, mask=nothing))) == 0.0  # padding may be anything
            assert float(unidl.to_numpy(loss(Y[:4], p, sample_weight=np.zeros(4, "float32")))) == 0.0


def test_booleans_are_a_mask(backend):
    with unidl.using(backend):
        p, keep = RNG.normal(size=(22, 3)).astype("float32"), W > 1
        loss = losses.CrossEntropy()
        masked, kept = loss(Y, p, sample_weight=keep), loss(Y[keep], p[keep])
        assert float(unidl.to_numpy(masked)) == pytest.approx(float(unidl.to_numpy(kept)), rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "shape", "weights", "expected"),
    [
        (losses.MSE(), (6, 2), (6, 1), "[..., 0]"),
        (losses.MSE(), (6, 2), (2,), "(6,) or (6, 2)"),
        (losses.CrossEntropy(), (6, 2), (6, 2), "(6,)"),
        (losses.get(lambda t, p: ops.mean(ops.square(t - p))), (6, 2), (6,), "a value for each example"),
    ],
)
def test_weights_that_do_not_fit(backend, loss, shape, weights, expected):
    p = np.zeros(shape, "float32")
    targets = np.zeros(6, "int64") if isinstance(loss, losses.CrossEntropy) else p
    with unidl.using(backend), pytest.raises(ShapeError) as error:
        loss(targets, p, sample_weight=np.ones(weights, "float32"))
    assert expected in str(error.value)


def test_a_reduction_that_there_is_not():
    with pytest.raises(ArgumentError, match="'mean', 'weighted_mean'"):
        losses.CrossEntropy(reduction="sum")


# -- in a Trainer ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "weighted_mean"])
@pytest.mark.parametrize("kind", ["arrays", "stream", "lists"])
def test_an_epoch_adds_both_sums(backend, reduction, kind):
    t = still(backend, loss=losses.CrossEntropy(reduction=reduction))
    if kind == "arrays":
        history = t.fit(X, Y, sample_weight=W, validation_data=(X, Y, W), **QUIET)
    else:
        whole = [(X[i : i + 8], Y[i : i + 8], W[i : i + 8]) for i in (0, 8, 16)]
        source = data.Stream(whole if kind == "stream" else [list(batch) for batch in whole])
        history = t.fit(source, validation_data=source, progress=False)
    loss, hits = negative_log(t, X, Y)
    wanted = (W * loss).sum() / (len(W) if reduction == "mean" else W.sum())
    numbers = history.epochs[0]
    assert numbers["loss"] == pytest.approx(wanted, rel=1e-5)
    assert numbers["accuracy"] == pytest.approx((W * hits).sum() / W.sum(), rel=1e-6)
    assert numbers["val_loss"] == pytest.approx(wanted, rel=1e-5)
    assert numbers["val_accuracy"] == pytest.approx(numbers["accuracy"], rel=1e-6)
    assert t.evaluate(X, Y, sample_weight=W) == pytest.approx(
        {"loss": wanted, "accuracy": numbers["accuracy"]}, rel=1e-5
    )
    assert "val_accuracy" in t.fit(X, Y, validation_data=(X, Y), **QUIET).epochs[0]  # and then without


def test_batches_of_other_lengths_count_by_positions(backend):
    """A batch of long series weighs more than one of short ones, as its positions do."""
    batches = [(SERIES[:8, :2], TAGS[:8, :2]), (SERIES[8:], TAGS[8:])]  # 8 series of 2 steps, 6 of 6
    model = Sequential([layers.Dense(3)]).build(unidl.Input((None, 2)), backend=backend)
    t = unidl.Trainer(model, loss="cross_entropy", optimizer=SGD(0.0))
    numbers = t.fit(data.Stream(batches), validation_data=data.Stream(batches), progress=False).epochs[0]
    wanted = np.concatenate([negative_log(t, x, y)[0].ravel() for x, y in batches]).mean()
    assert numbers["loss"] == pytest.approx(wanted, rel=1e-5)
    assert numbers["val_loss"] == pytest.approx(wanted, rel=1e-5)


def test_weights_of_time_steps(backend):
    w = RNG.random((14, 6)).astype("float32") * (np.arange(6) < RNG.integers(1, 7, (14, 1)))
    t = still(backend, shape=(6, 2), loss=losses.CrossEntropy(reduction="weighted_mean"))
    numbers = t.fit(SERIES, TAGS, sample_weight=w, **QUIET).epochs[0]
    loss, hits = negative_log(t, SERIES, TAGS)
    assert numbers["loss"] == pytest.approx((w * loss).sum() / w.sum(), rel=1e-5)
    assert numbers["accuracy"] == pytest.approx((w * hits).sum() / w.sum(), rel=1e-5)


def test_a_mask_reaches_loss_and_metrics(backend):
    mask = np.arange(6) < RNG.integers(0, 7, (14, 1))
    mask[:8] = False  # the first batch counts nothing
    padded = np.where(mask, TAGS, -7)
    t = still(backend, shape=(6, 2), metrics=["accuracy", miss])
    history = t.fit(SERIES, padded, sample_weight=mask, validation_data=(SERIES, padded, mask), **QUIET)
    loss, hits = negative_log(t, SERIES, TAGS)
    numbers = history.epochs[0]
    assert history.step_loss[0] == 0.0
    assert numbers["loss"] == pytest.approx((mask * loss).sum() / mask.sum(), rel=1e-5)
    assert numbers["val_loss"] == pytest.approx(numbers["loss"], rel=1e-5)
    assert numbers["accuracy"] == pytest.approx((mask * hits).sum() / mask.sum(), rel=1e-6)
    assert numbers["miss"] == pytest.approx(1 - numbers["accuracy"], rel=1e-6)


def miss(targets, predictions):
    return ops.cast(ops.not_equal(targets, ops.argmax(predictions, axis=-1)), "float32")


def test_weights_of_classes(backend):
    table = {0: 2.0, 2: 0.5}  # class 1 keeps 1
    weights = np.array([2.0, 1.0, 0.5])[Y]
    for reduction, divisor in (("mean", len(Y)), ("weighted_mean", weights.sum())):
        t = still(backend, loss=losses.CrossEntropy(reduction=reduction))
        numbers = t.fit(X, Y, class_weight=table, validation_data=(X, Y), **QUIET).epochs[0]
        loss, hits = negative_log(t, X, Y)
        assert numbers["loss"] == pytest.approx((weights * loss).sum() / divisor, rel=1e-5)
        assert numbers["accuracy"] == pytest.approx(
            hits.mean(), rel=1e-6
        )  # metrics and evaluation take no class weights
        assert numbers["val_loss"] == pytest.approx(loss.mean(), rel=1e-5)
        both = t.fit(X, Y, class_weight=table, sample_weight=W, **QUIET).epochs[0]
        total = len(Y) if reduction == "mean" else (W * weights).sum()
        assert both["loss"] == pytest.approx((W * weights * loss).sum() / total, rel=1e-5)
        assert t.fit(X, Y, **QUIET).epochs[0]["loss"] == pytest.approx(loss.mean(), rel=1e-5)  # and not for ever


def test_weights_of_classes_for_other_targets(backend):
    t = still(backend)
    labels = t.fit(X, Y, class_weight={0: 3.0}, **QUIET).epochs[0]["loss"]
    one_hot = np.eye(3, dtype="float32")[Y]
    assert t.fit(X, one_hot, class_weight={0: 3.0}, **QUIET).epochs[0]["loss"] == pytest.approx(labels, rel=1e-5)
    answers = (X[:, :1] > 0).astype("float32")
    t = still(backend, units=1, loss="binary_cross_entropy", metrics=())
    found = t.fit(X, answers, class_weight={1: 4.0}, **QUIET).epochs[0]["loss"]
    same = t.fit(X, answers, sample_weight=1 + 3 * answers, **QUIET).epochs[0]["loss"]
    assert found == pytest.approx(same, rel=1e-6)


@given(st.lists(st.integers(0, 4), min_size=12, max_size=12).filter(any), st.integers(1, 12))
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])  # the backend is only a name
def test_weights_equal_repeated_examples(backend, times, batch_size):
    """In one step with the gradient too, under "weighted_mean"; over an epoch in its numbers, however it is cut into batches."""
    times, x, y = np.array(times), X[:12], Y[:12]

    def trained(rate):
        model = Sequential([layers.Dense(3)]).build((5,), backend=backend)
        loss = losses.CrossEntropy(reduction="weighted_mean")
        return unidl.Trainer(model, loss=loss, optimizer=SGD(rate), metrics=["accuracy", miss])

    repeated = (np.repeat(x, times, 0), np.repeat(y, times, 0))
    weighted, plain = trained(0.5), trained(0.5)
    a = dict(weighted.step((x, y, times.astype("float32"))))
    b = dict(plain.step(repeated))
    assert a == pytest.approx(b, rel=1e-5, abs=1e-6)
    for path, value in plain.model.weights().items():
        np.testing.assert_allclose(weighted.model.weights()[path], value, rtol=1e-4, atol=1e-6)
    t = trained(0.0)
    quiet = {"progress": False, "batch_size": batch_size}
    a = t.fit(x, y, sample_weight=times.astype("float32"), **quiet).epochs[0]
    b = t.fit(*repeated, **quiet).epochs[0]
    for name in ("loss", "accuracy", "miss"):
        assert a[name] == pytest.approx(b[name], rel=1e-5, abs=1e-6)


def test_a_run_with_weights_goes_on_to_the_bit(backend, tmp_path):
    def made():
        model = Sequential([layers.Dense(6, activation="relu"), layers.Dropout(0.3), layers.Dense(3)])
        return unidl.Trainer(
            model,
            loss=losses.CrossEntropy(reduction="weighted_mean"),
            optimizer=Adam(1e-2),
            metrics=["accuracy"],
            backend=backend,
        )

    def fit(t, **given):
        return t.fit(X, Y, sample_weight=W, class_weight={1: 2.0}, epochs=3, batch_size=4, progress=False, **given)

    class Stop(callbacks.Callback):
        every_steps = 9

        def on_steps(self, trainer, numbers):
            raise KeyError("killed")

    whole = made()
    history = fit(whole)
    killed = made()
    with pytest.raises(KeyError):
        fit(killed, callbacks=[callbacks.Checkpoint(tmp_path, every_steps=1), Stop()])
    resumed = made()
    again = fit(resumed, callbacks=[callbacks.Checkpoint(tmp_path, every_steps=1)], resume=True)
    for path, value in whole.model.weights().items():
        np.testing.assert_array_equal(resumed.model.weights()[path], value)
    for one, other in zip(history.epochs, again.epochs, strict=True):
        assert {k: v for k, v in one.items() if k != "seconds"} == {k: v for k, v in other.items() if k != "seconds"}


def test_a_training_step_of_ones_own_gets_the_weights(backend):
    class Own(unidl.Trainer):
        def training_step(self, batch):
            x, y, w = batch

            def loss():
                predictions = self.model(x)
                return self.loss(y, predictions, sample_weight=w), predictions

            value, p = self.minimize(loss)
            self.measure(y, p, sample_weight=w)
            return value

    t = still(backend)
    own = Own(t.model, loss="cross_entropy", optimizer=SGD(0.0), metrics=["accuracy"])
    quiet = {**QUIET, "batch_size": 22}
    a, b = (one.fit(X, Y, sample_weight=W, **quiet).epochs[0] for one in (own, t))
    assert a["loss"] == pytest.approx(b["loss"], rel=1e-6)
    assert a["accuracy"] == pytest.approx(b["accuracy"], rel=1e-6)
    with pytest.raises(ArgumentError, match="training_step of its own"):
        own.fit(X, Y, sample_weight=W, class_weight={0: 1.0}, **quiet)


class Longest(metrics.Metric):
    """A metric of the user's, which takes no weights."""

    def initial(self):
        return {"most": np.zeros((), "float32")}

    def update(self, state, targets, predictions):
        return {"most": ops.maximum(state["most"], ops.max(predictions))}

    def result(self, state):
        return float(state["most"])


class Weighed(Longest):
    """Likewise, which does."""

    def update(self, state, targets, predictions, sample_weight=None):
        weight = 1.0 if sample_weight is None else ops.sum(ops.cast(sample_weight, "float32"))
        return {"most": ops.add(state["most"], weight)}


def test_a_metric_of_ones_own(backend):
    with pytest.raises(ArgumentError, match="takes no weights"):
        still(backend, metrics=[Longest()]).fit(X, Y, sample_weight=W, **QUIET)
    assert still(backend, metrics=[Weighed()]).fit(X, Y, sample_weight=W, **QUIET)["weighed"] == [W.sum()]


REFUSED = {
    "negative": ({"sample_weight": -W}, DataError, "negative"),
    "not finite": ({"sample_weight": np.where(W > 2, np.nan, 1.0)}, DataError, "example"),
    "too few": ({"sample_weight": W[:5]}, DataError, "different numbers of examples"),
    "too many axes": ({"sample_weight": W[:, None]}, ShapeError, "[..., 0]"),
    "no classes": ({"class_weight": {}}, ArgumentError, "class -> weight"),
    "a list of classes": ({"class_weight": [1.0, 2.0]}, ArgumentError, "class -> weight"),
    "a class that is none": ({"class_weight": {-1: 1.0}}, ArgumentError, "a class of class_weight"),
    "a weight that is none": ({"class_weight": {0: "much"}}, ArgumentError, "class_weight[0]"),
    "an output that is none": ({"class_weight": {"class": {0: 1.0}}}, ArgumentError, "does not have"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_weight_is_refused(backend, case):
    given, kind, text = REFUSED[case]
    t = still(backend)
    before = t.model.weights()
    with pytest.raises(kind) as error:
        t.fit(X, Y, **given, **QUIET)
    assert text in str(error.value)
    assert t.steps_taken == 0
    for path, value in before.items():
        np.testing.assert_array_equal(t.model.weights()[path], value)


def test_weights_without_targets_or_beside_a_source(backend):
    t = still(backend)
    with pytest.raises(DataError, match="weigh targets"):
        t.fit(X, sample_weight=W, **QUIET)
    with pytest.raises(DataError, match="in its batches"):
        t.fit(data.Stream([(X, Y)]), sample_weight=W, progress=False)
    with pytest.raises(ArgumentError, match="goes by classes"):
        still(backend, loss="mse", metrics=()).fit(X, X[:, :3], class_weight={0: 1.0}, **QUIET)


def test_nothing_is_paid_where_nothing_is_weighed(backend):
    """The metrics' states, which a graph's loop carries, are those without weights; the steps log the loss alone."""
    t = still(backend)
    assert {len(state) for state in t.engine.initial_states(False).values()} == {2}
    history = t.fit(X, Y, **QUIET)
    assert list(history.epochs[0]) == ["loss", "accuracy", "learning_rate", "seconds"]
    assert t.progress.columns == {}


def test_a_source_of_pairs_keeps_its_meaning(backend):
    assert still(backend).fit(data.Stream([(X, Y)]), progress=False).step_loss.shape == (1,)


class Sparse(unidl.Layer):
    """Adds the price of its activity."""

    def forward(self, x):
        self.add_loss(0.1 * ops.mean(ops.sum(ops.abs(x), axis=-1)))
        return x


def test_the_same_numbers_everywhere():
    """Losses by output, weights, masks, classes and added losses at once, with dropout: one curve on every backend."""

    def curve(backend):
        x = unidl.Input((6, 2))
        h = layers.Dropout(0.2)(Sparse()(layers.Dense(8, activation="tanh")(x)))
        model = unidl.Model(x, {"tags": layers.Dense(3)(h), "next": layers.Dense(2)(h)})
        t = unidl.Trainer(
            model,
            loss={"tags": losses.CrossEntropy(reduction="weighted_mean"), "next": "mse"},
            loss_weights={"next": 0.5},
            metrics={"tags": ["accuracy"], "next": [gap]},
            optimizer=Adam(1e-2),
            backend=backend,
            precision="float64",
            random="portable",
        )
        mask = np.arange(6) < np.arange(14)[:, None] % 6 + 1
        weights = {"tags": mask, "next": np.arange(14) % 3 + 0.5}
        targets = {"tags": TAGS, "next": SERIES[:, ::-1]}
        given = {
            "sample_weight": weights,
            "class_weight": {"tags": {0: 3.0}},
            "validation_data": (SERIES, targets, weights),
        }
        h = t.fit(SERIES, targets, epochs=3, batch_size=4, progress=False, **given)
        return h.step_loss, [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in h.epochs]

    steps, epochs = curve("torch")
    for backend in ("tensorflow", "keras"):
        found, others = curve(backend)
        np.testing.assert_allclose(found, steps, rtol=1e-9)
        for one, other in zip(epochs, others, strict=True):
            assert other == pytest.approx(one, rel=1e-6)


def gap(targets, predictions):
    return ops.abs(targets - predictions)
