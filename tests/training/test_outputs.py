"""A loss and metrics for each output, their weights and names; losses that layers add."""

import numpy as np
import pytest

import unidl
from unidl import Input, Model, Sequential, callbacks, layers, losses, ops
from unidl.errors import ArgumentError, DataError, NotPortableError, ShapeError, SourceError
from unidl.optimizers import SGD, Adam

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 5)).astype("float32")
KIND = RNG.integers(0, 3, 20)
BOX = RNG.normal(size=(20, 2)).astype("float32")
BOTH = {"class": KIND, "box": BOX}
QUIET = {"progress": False, "batch_size": 8, "shuffle": False}


def distance(targets, predictions):
    return ops.abs(targets - predictions)


class Heads(Model):
    """Two outputs, in a dict or a list."""

    def __init__(self, listed=False):
        self.listed = listed
        self.hidden = layers.Dense(6, activation="relu")
        self.kind, self.box = layers.Dense(3), layers.Dense(2)

    def forward(self, x):
        h = self.hidden(x)
        kind, box = self.kind(h), self.box(h)
        return [kind, box] if self.listed else {"class": kind, "box": box}


def functional(listed=False):
    x = Input((5,))
    h = layers.Dense(6, activation="relu")(x)
    kind, box = layers.Dense(3, name="class")(h), layers.Dense(2, name="box")(h)
    return Model(x, [kind, box] if listed else {"class": kind, "box": box})


def made(backend, model=None, **given):
    built = (model or Heads()).build((5,), backend=backend)
    settings = {"loss": {"class": "cross_entropy", "box": distance}, "optimizer": SGD(0.0), **given}
    return unidl.Trainer(built, **settings)


def numbers(history):
    return {name: value for name, value in history.epochs[-1].items() if name not in ("seconds", "learning_rate")}


def expected(t, weight=0.5):
    """The parts and metrics, in float64."""
    predicted = t.predict(X)
    kind, box = (predicted["class"], predicted["box"]) if isinstance(predicted, dict) else predicted
    kind = kind.astype("float64")
    log_p = kind - np.log(np.exp(kind).sum(-1, keepdims=True))
    parts = {"class_loss": -log_p[np.arange(20), KIND].mean(), "box_loss": np.abs(box - BOX).mean()}
    total = parts["class_loss"] + weight * parts["box_loss"]
    return {"loss": total, **parts, "class_accuracy": (kind.argmax(-1) == KIND).mean()}


@pytest.mark.parametrize("make", [Heads, functional])
def test_a_loss_for_each_output(backend, make):
    t = made(backend, make(), loss_weights={"box": 0.5}, metrics={"class": ["accuracy"]})
    history = t.fit(X, BOTH, validation_data=(X, BOTH), **QUIET)
    wanted = expected(t)
    both = {**wanted, **{f"val_{name}": value for name, value in wanted.items()}}
    assert numbers(history) == pytest.approx(both, rel=1e-5)
    assert history.step_loss.shape == (3,)
    assert t.evaluate(X, BOTH) == pytest.approx(wanted, rel=1e-5)
    assert dict(t.step((X, BOTH))) == pytest.approx(wanted, rel=1e-5)


def test_in_lists(backend):
    t = made(
        backend, functional(True), loss=["cross_entropy", distance], loss_weights=[1.0, 0.5], metrics=[["accuracy"], []]
    )
    wanted = expected(t)
    assert numbers(t.fit(X, [KIND, BOX], **QUIET)) == pytest.approx(wanted, rel=1e-5)
    assert t.evaluate(X, BOTH) == pytest.approx(wanted, rel=1e-5)  # by the names of the layers
    unnamed = made(backend, Heads(True), loss=[None, "mse"])
    assert list(numbers(unnamed.fit(X, [KIND, BOX], **QUIET))) == ["loss"]
    two = made(backend, Heads(True), loss=["cross_entropy", "mse"])
    assert list(numbers(two.fit(X, [KIND, BOX], **QUIET))) == ["loss", "output_loss", "output_2_loss"]


def test_an_output_without_a_loss(backend):
    t = made(backend, loss={"class": "cross_entropy"}, optimizer=SGD(0.1))
    before = t.model.weights()["box/kernel"]
    history = t.fit(X, KIND, **QUIET)  # one array, for only one output has a loss
    assert history["loss"][0] == pytest.approx(
        made(backend, loss={"class": "cross_entropy"}, optimizer=SGD(0.1)).fit(X, {"class": KIND}, **QUIET)["loss"][0]
    )
    np.testing.assert_array_equal(t.model.weights()["box/kernel"], before)


def test_two_losses_move_the_weights_as_their_sum(backend):
    t = made(backend, loss_weights={"box": 0.3}, optimizer=SGD(0.5))

    class Sum(unidl.Trainer):
        def training_step(self, batch):
            x, y = batch

            def loss():
                p = self.model(x)
                first = losses.CrossEntropy()(y["class"], p["class"])
                return first + 0.3 * losses.get(distance)(y["box"], p["box"])

            return self.minimize(loss)

    by_hand = Sum(Heads().build((5,), backend=backend), optimizer=SGD(0.5))
    a, b = t.fit(X, BOTH, epochs=3, **QUIET), by_hand.fit(X, BOTH, epochs=3, **QUIET)
    np.testing.assert_allclose(a.step_loss, b.step_loss, rtol=1e-5)
    for path, value in by_hand.model.weights().items():
        np.testing.assert_allclose(t.model.weights()[path], value, rtol=1e-4, atol=1e-6)


def test_weights_by_output(backend):
    w, keep = RNG.random(20).astype("float32"), RNG.random(20) > 0.5
    t = made(backend, loss={"class": "cross_entropy", "box": "mse"}, metrics={"class": "accuracy", "box": distance})
    found = numbers(t.fit(X, BOTH, sample_weight={"class": keep, "box": w}, class_weight={"class": {1: 3.0}}, **QUIET))
    p = t.predict(X)
    logits = p["class"].astype("float64")
    loss = np.log(np.exp(logits).sum(-1)) - logits[np.arange(20), KIND]
    of_class = np.where(KIND == 1, 3.0, 1.0)
    square = np.square(p["box"] - BOX)
    away = np.abs(p["box"] - BOX)
    wanted = {
        "class_loss": (keep * of_class * loss).sum() / keep.sum(),
        "box_loss": (w[:, None] * square).sum() / square.size,
        "class_accuracy": (keep * (logits.argmax(-1) == KIND)).sum() / keep.sum(),
        "box_distance": (w[:, None] * away).sum() / (2 * w.sum()),
    }
    assert found == pytest.approx({"loss": wanted["class_loss"] + wanted["box_loss"], **wanted}, rel=1e-5)
    shared = numbers(t.fit(X, BOTH, sample_weight=w, **QUIET))
    assert shared["box_loss"] == pytest.approx(wanted["box_loss"], rel=1e-5)
    assert shared["class_accuracy"] == pytest.approx((w * (logits.argmax(-1) == KIND)).sum() / w.sum(), rel=1e-5)


def test_names(backend):
    t = made(backend, Sequential([layers.Dense(2)]), loss=distance)
    history = t.fit(X, BOX, validation_data=(X, BOX), **QUIET)
    assert list(history.epochs[0]) == ["loss", "distance", "learning_rate", "seconds", "val_loss", "val_distance"]
    assert history["distance"] == history["loss"]
    stopping = callbacks.EarlyStopping(monitor="val_box_loss", patience=0)
    t = made(backend)
    assert len(t.fit(X, BOTH, epochs=5, validation_data=(X, BOTH), callbacks=[stopping], **QUIET).epochs) == 2
    assert "'class': CrossEntropy()" in repr(t)
    decaying = made(backend, optimizer=SGD(unidl.schedules.Cosine(0.1, steps=6)))
    rates = decaying.fit(X, BOTH, epochs=2, **QUIET)["learning_rate"]
    assert rates == [decaying.optimizers["main"].learning_rate(step) for step in (2, 5)]


REFUSED = {
    "an output that is none": ({"loss": {"classes": "mse"}}, ArgumentError, "'class', 'box'"),
    "a list that is too long": ({"loss": ["mse"] * 3}, ArgumentError, "has fewer"),
    "a weight without its loss": (
        {"loss": {"box": "mse"}, "loss_weights": {"class": 1.0}},
        ArgumentError,
        "has no loss",
    ),
    "a weight that is none": ({"loss_weights": {"box": "much"}}, ArgumentError, "loss_weights"),
    "weights of one loss": ({"loss": "mse", "loss_weights": [1.0]}, ArgumentError, "several outputs"),
    "a metric of no output": ({"metrics": {"classes": ["accuracy"]}}, ArgumentError, "'class', 'box'"),
    "no loss at all": ({"loss": {}}, ArgumentError, "there is none in it"),
    "a softmax": ({"loss": {"class": "cross_entropy"}, "model": "softmax"}, ArgumentError, "ends with a softmax"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(backend, case):
    given, kind, text = REFUSED[case]
    given = dict(given)
    if given.pop("model", None):
        x = Input((5,))
        given["model"] = Model(x, {"class": layers.Dense(3, activation="softmax")(x), "box": layers.Dense(2)(x)})
    with pytest.raises(kind) as error:
        made(backend, **given).fit(X, BOTH, **QUIET)
    assert text in str(error.value)


@pytest.mark.parametrize("targets", [KIND, {"class": KIND}, {**BOTH, "more": KIND}, [KIND], [KIND, BOX, KIND]])
def test_targets_that_do_not_fit(backend, targets):
    with pytest.raises(DataError, match="output"):
        made(backend).fit(X, targets, **QUIET)


def test_a_step_with_all_of_it_is_inspected(backend):
    t = made(backend, loss_weights={"box": 0.5}, metrics={"class": ["accuracy"]})
    before = t.model.weights()
    seen = unidl.inspect(t, (X, BOTH, np.ones(20, "float32")), times=False)
    assert seen.graphs
    for path, value in before.items():
        np.testing.assert_array_equal(t.model.weights()[path], value)


# -- what layers add ---------------------------------------------------------------------------------------------------------


class Penalized(unidl.Layer):
    """Scales its input, at a price: of the activity, divided by the batch, and of its weight."""

    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), initializer="ones")

    def forward(self, x):
        y = x * self.gain
        self.add_loss(0.1 * ops.mean(ops.sum(ops.square(y), axis=-1)))
        self.add_loss(0.2 * ops.sum(ops.square(self.gain)))
        return y


class Net(Model):
    """A model that adds a loss of a layer's weight itself."""

    def __init__(self):
        self.first, self.price, self.last = layers.Dense(4), Penalized(), layers.Dense(2)

    def forward(self, x):
        h = self.first(x)
        self.add_loss(0.3 * ops.sum(ops.abs(self.first.kernel)))
        return self.last(self.price(h))


def price(t, whole):
    """What the layers add for all of X."""
    w = t.model.weights()
    first, gain = ("first", "price") if whole else ("dense", "penalized")
    h = (X @ w[f"{first}/kernel"] + w[f"{first}/bias"]) * w[f"{gain}/gain"]
    found = 0.1 * np.square(h).sum(-1).mean() + 0.2 * np.square(w[f"{gain}/gain"]).sum()
    return found + (0.3 * np.abs(w["first/kernel"]).sum() if whole else 0.0)


def adding(backend, whole, **given):
    model = Net() if whole else Sequential([layers.Dense(4), Penalized(), layers.Dense(2)])
    return unidl.Trainer(model.build((5,), backend=backend), loss="mse", **{"optimizer": SGD(0.0), **given})


@pytest.mark.parametrize("whole", [False, True])
def test_losses_of_layers(backend, whole):
    t = adding(backend, whole)
    error = np.square(t.predict(X) - BOX).mean()
    wanted = {"loss": error + price(t, whole), "mse": error, "added_loss": price(t, whole)}
    history = t.fit(X, BOX, validation_data=(X, BOX), **QUIET)
    assert numbers(history) == pytest.approx({**wanted, **{f"val_{k}": v for k, v in wanted.items()}}, rel=1e-5)
    assert t.evaluate(X, BOX) == pytest.approx(wanted, rel=1e-5)


def test_losses_of_layers_move_weights(backend):
    """As if the price were part of the loss."""

    class Priced(Model):
        def __init__(self):
            self.first, self.last = layers.Dense(4), layers.Dense(2)

        def forward(self, x):
            h = self.first(x)
            return {
                "y": self.last(h),
                "price": 0.3 * ops.sum(ops.abs(self.first.kernel)) + 0.1 * ops.mean(ops.square(h)),
            }

    class Adds(Model):
        def __init__(self):
            self.first, self.last = layers.Dense(4), layers.Dense(2)

        def forward(self, x):
            h = self.first(x)
            self.add_loss(0.3 * ops.sum(ops.abs(self.first.kernel)) + 0.1 * ops.mean(ops.square(h)))
            return self.last(h)

    class ByHand(unidl.Trainer):
        def training_step(self, batch):
            x, y = batch

            def loss():
                p = self.model(x)
                return losses.MSE()(y, p["y"]) + p["price"]

            return self.minimize(loss)

    a = unidl.Trainer(Adds().build((5,), backend=backend), loss="mse", optimizer=Adam(0.05))
    b = ByHand(Priced().build((5,), backend=backend), optimizer=Adam(0.05))
    np.testing.assert_allclose(
        a.fit(X, BOX, epochs=3, **QUIET).step_loss, b.fit(X, BOX, epochs=3, **QUIET).step_loss, rtol=1e-5
    )
    for path, value in b.model.weights().items():
        np.testing.assert_allclose(a.model.weights()[path], value, rtol=1e-4, atol=1e-6)


def test_minimize_adds_the_losses_of_its_part_alone(backend):
    class Two(Model):
        def __init__(self):
            self.a, self.b = Part(1.0), Part(10.0)

        def forward(self, x):
            return self.a(x) + self.b(x)

    class Part(Model):
        def __init__(self, price):
            self.price, self.dense = price, layers.Dense(1)

        def forward(self, x):
            y = self.dense(x)
            self.add_loss(self.price * ops.sum(ops.square(self.dense.kernel)))
            return y

    class Step(unidl.Trainer):
        def training_step(self, batch):
            both = {"a": self.model.a, "b": self.model.b, "all": self.model}
            return {
                name: self.minimize(lambda: 0.0 * ops.mean(self.model(batch)), part=part, optimizer=name)
                for name, part in both.items()
            }

    model = Two().build((5,), backend=backend)
    t = Step(model, optimizer={name: SGD(0.0) for name in ("a", "b", "all")})
    found = t.step(X)
    a, b = (np.square(model.weights()[f"{part}/dense/kernel"]).sum() for part in "ab")
    assert [found[name] for name in ("a", "b", "all")] == pytest.approx([a, 10 * b, a + 10 * b], rel=1e-5)


def test_a_run_with_added_losses_goes_on_to_the_bit(backend, tmp_path):
    def fit(t, **given):
        t.fit(X, BOX, epochs=3, batch_size=4, progress=False, **given)
        return t.model.weights()

    class Stop(callbacks.Callback):
        every_steps = 7

        def on_steps(self, trainer, numbers):
            raise KeyError("killed")

    whole = fit(adding(backend, True, optimizer=Adam(1e-2)))
    with pytest.raises(KeyError):
        fit(
            adding(backend, True, optimizer=Adam(1e-2)),
            callbacks=[callbacks.Checkpoint(tmp_path, every_steps=1), Stop()],
        )
    kept = callbacks.Checkpoint(tmp_path, every_steps=1)
    again = fit(adding(backend, True, optimizer=Adam(1e-2)), callbacks=[kept], resume=True)
    for path, value in whole.items():
        np.testing.assert_array_equal(again[path], value)


class Wrong(unidl.Layer):
    """Adds what cannot be added."""

    def __init__(self, what):
        self.what = what

    def forward(self, x):
        total = ops.sum(x)
        if self.what == "vector":
            self.add_loss(ops.sum(x, axis=0))
        elif self.what == "number":
            self.add_loss(1.0)
        elif self.what == "branch":
            if total > 0:
                self.add_loss(total)
        else:
            return ops.cond(total > 0, lambda: self._added(x), lambda: x)
        return x

    def _added(self, x):
        self.add_loss(ops.sum(x))
        return x


@pytest.mark.parametrize(
    ("what", "kind", "text"),
    [
        ("vector", ShapeError, "ops.mean(value)"),
        ("number", ArgumentError, "a tensor of shape ()"),
        ("branch", NotPortableError, "ops.where"),
        ("op", NotPortableError, "ops.cond"),
    ],
)
def test_what_cannot_be_added(backend, what, kind, text):
    with pytest.raises(kind) as error:
        Sequential([Wrong(what)]).build((3,), backend=backend)
    assert text in str(error.value)


def test_a_loop_with_added_losses_is_not_written(tmp_path):
    with pytest.raises(SourceError, match="adds a loss"):
        unidl.eject(adding("torch", False), "torch", tmp_path / "code")


def test_nothing_is_gathered_where_no_layer_adds(backend):
    t = unidl.Trainer(Sequential([layers.Dense(2)]).build((5,), backend=backend), loss="mse")
    t.fit(X, BOX, **QUIET)
    assert not t.objective.adds
    assert list(numbers(t.fit(X, BOX, **QUIET))) == ["loss"]
