"""Models and trainings that are ejected, beside the conformance list."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import unidl
from tests.interchange import source_page
from tests.interchange.odd_names import ODD
from tests.models.tied import TIED
from unidl import layers, losses, metrics, ops, optimizers, schedules

RNG = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


# -- layers of one's own -----------------------------------------------------------------------------------------------------


class Residual(layers.Layer):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels: int) -> None:
        self.first = layers.Conv2D(channels, 3, padding="same", use_bias=False)
        self.norm = layers.BatchNormalization()
        self.second = layers.Conv2D(channels, 3, padding="same")

    def forward(self, x: Any) -> Any:
        return ops.relu(x + self.second(ops.relu(self.norm(self.first(x)))))


class Attention(layers.Layer):
    """One head, by hand."""

    def __init__(self, units: int) -> None:
        self.units = units
        self.query, self.key, self.value = (layers.Dense(units) for _ in range(3))

    def forward(self, x: Any) -> Any:
        scores = ops.matmul(self.query(x), ops.swapaxes(self.key(x), 1, 2)) / self.units**0.5
        return ops.matmul(ops.softmax(scores), self.value(x))


class Block(layers.Layer):
    """A transformer's block."""

    def __init__(self, units: int) -> None:
        self.norm = layers.LayerNormalization()
        self.attention = Attention(units)
        self.mlp = [layers.Dense(2 * units, "gelu"), layers.Dense(units)]
        self.drop = layers.Dropout(0.1)

    def forward(self, x: Any) -> Any:
        x = x + self.attention(self.norm(x))
        y = x
        for layer in self.mlp:
            y = layer(y)
        return x + self.drop(y)


class Transformer(unidl.Model):
    def __init__(self) -> None:
        self.tokens = layers.Embedding(20, 8)
        self.blocks = [Block(8) for _ in range(3)]
        self.heads = {"all": layers.Dense(2), "last": layers.Dense(3)}

    def setup(self, shape: Any) -> None:
        self.add_weight("places", (shape[-1], 8), "normal")

    def forward(self, x: Any) -> Any:
        x = self.tokens(x) + self.places
        for block in self.blocks:
            x = block(x)
        return {"all": self.heads["all"](x), "last": self.heads["last"](x[:, -1])}


class TwoInputs(unidl.Model):
    def __init__(self) -> None:
        self.lstm = layers.LSTM(4, return_sequences=True)
        self.last = layers.LSTM(3)

    def forward(self, x: Any, mask: Any) -> Any:
        return self.last(self.lstm(x, mask=mask))


class Running(layers.Layer):
    """A scan."""

    def setup(self, shape: Any) -> None:
        self.add_weight("decay", (shape[-1],))

    def forward(self, x: Any) -> Any:
        decay = self.decay
        start = ops.zeros((ops.shape(x)[0], x.shape[-1]), like=x)
        last, all_of_them = ops.scan(lambda c, v: (c * ops.sigmoid(decay) + v, c - v), start, x, axis=1)
        return all_of_them, last


class Deciding(layers.Layer):
    """Branches and loops that are ops."""

    def forward(self, x: Any) -> Any:
        y = ops.cond(ops.sum(x) > 0.0, lambda v: v * 2.0, lambda v: v - 1.0, (x,))
        count, z = ops.while_loop(lambda n, v: n < 3, lambda n, v: (n + 1, v * 0.5), (0, y))
        values, places = ops.top_k(z, 2)
        return values, places, ops.cast(count, "float32") + z


class Noisy(layers.Layer):
    """Something else in training."""

    def forward(self, x: Any) -> Any:
        return x + ops.random.normal(like=x) * 0.1 if self.training else x


class Borrower(layers.Layer):
    """Has a layer of somebody else's."""

    def __init__(self, shared: Any) -> None:
        self.shared = shared
        self.own = layers.Dense(3)

    def forward(self, x: Any) -> Any:
        return self.own(self.shared(x))


class Sharing(unidl.Model):
    def __init__(self) -> None:
        shared = layers.Dense(5)
        self.one, self.two = Borrower(shared), Borrower(shared)

    def forward(self, x: Any) -> Any:
        return self.one(x) + self.two(x)


class Skip(unidl.Model):
    """Joins images along their channels; two outputs."""

    def __init__(self) -> None:
        self.down = layers.Conv2D(4, 3, padding="same", activation="relu")
        self.deep = layers.Conv2D(4, 3, padding="same")
        self.out = layers.Conv2D(1, 1)
        self.top = layers.GlobalMaxPooling2D()

    def forward(self, x: Any) -> Any:
        a = self.down(x)
        return self.out(ops.concatenate([a, self.deep(a)], axis=-1)), self.top(a)


class Widths(unidl.Model):
    """A list of unequal layers."""

    def __init__(self) -> None:
        self.hidden = [layers.Dense(units, "relu") for units in (8, 16, 4)]

    def forward(self, x: Any) -> Any:
        for layer in self.hidden:
            x = layer(x)
        return x


# -- models ------------------------------------------------------------------------------------------------------------------


def functional() -> unidl.Model:
    left, right = unidl.Input((4,), name="left"), unidl.Input((6,), name="right")
    a, shared = layers.Dense(6)(left), layers.Dense(5, name="shared")
    total = shared(a) + shared(right)
    joined = layers.Concatenate()([total, a])
    return unidl.Model([left, right], {"out": layers.Dense(2)(joined), "share": ops.sigmoid(total)})


def of_a_dict() -> unidl.Model:
    left, right = unidl.Input((4,), name="left"), unidl.Input((4,), name="right")
    return unidl.Model({"left": left, "right": right}, [layers.Add()([left, right]), left * right])


def twins() -> unidl.Model:
    encoder = unidl.Sequential([layers.Dense(8, activation="relu"), layers.Dense(4)])
    x, y = unidl.Input((6,)), unidl.Input((6,))
    return unidl.Model([x, y], ops.sum(ops.square(encoder(x) - encoder(y)), axis=-1))


def images() -> unidl.Model:
    return unidl.Sequential(
        [
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            Residual(8),
            Residual(8),
            layers.MaxPooling2D(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )


def of_any_size() -> unidl.Model:
    return unidl.Sequential(
        [
            layers.Conv2D(4, 3, padding="same", strides=2, activation="relu"),
            layers.MaxPooling2D(3, 2, "same"),
            layers.AveragePooling2D(3, 2, "same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )


def unet() -> unidl.Model:
    """Down and up again, past what was before: the one way up with weights, the other without."""
    image = unidl.Input((None, None, 3))
    a = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    b = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D()(a))
    c = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(b))
    up = layers.Conv2DTranspose(6, 3, strides=2, padding="same", activation="relu")(c)
    d = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.Concatenate()([up, b]))
    e = layers.Concatenate()([layers.UpSampling2D(interpolation="bilinear")(d), a])
    return unidl.Model(image, layers.Conv2D(2, 1)(e))


# name -> the description, what it is built for, and its inputs
MODELS: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "images": (images, [(8, 8, 3)], [floats(2, 8, 8, 3)]),
    "images of any size": (of_any_size, [(None, None, 3)], [floats(2, 13, 9, 3)]),
    # numbers of its own: those of RNG go on into the trainings
    "a U-Net": (unet, [], [np.random.default_rng(1).normal(size=(2, 8, 12, 3))]),
    "a list of inputs": (functional, [], [[floats(3, 4), floats(3, 6)]]),
    "a dict of inputs": (of_a_dict, [], [{"left": floats(3, 4), "right": floats(3, 4)}]),
    "a model twice": (twins, [], [[floats(3, 6), floats(3, 6)]]),
    "a transformer": (Transformer, [unidl.Input((7,), dtype="int64")], [RNG.integers(0, 20, (2, 7))]),
    "several inputs": (
        TwoInputs,
        [(5, 3), unidl.Input((5,), dtype="bool")],
        [floats(2, 5, 3), RNG.integers(0, 2, (2, 5)).astype(bool)],
    ),
    "a scan": (lambda: unidl.Sequential([Running()]), [(5, 3)], [floats(2, 5, 3)]),
    "branches and loops": (lambda: unidl.Sequential([Deciding()]), [(5,)], [floats(2, 5)]),
    "noise in training": (
        lambda: unidl.Sequential([layers.Dense(4), Noisy(), layers.Dense(2)]),
        [(3,)],
        [floats(2, 3)],
    ),
    "a shared layer": (Sharing, [(4,)], [floats(2, 4)]),
    "a skip over images": (Skip, [(6, 6, 2)], [floats(2, 6, 6, 2)]),
    "the page's": (source_page.model, [], [floats(2, 28, 28, 1)]),
    "unequal layers": (Widths, [(5,)], [floats(2, 5)]),
    **ODD,
    **{
        f"tied weights, {name}": (
            tied.make,
            [unidl.Input(tied.x.shape[1:], "int64" if tied.x.dtype.kind == "i" else None)],
            [tied.x],
        )
        for name, tied in TIED.items()
        if name != "nested"
    },
}


# -- trainings ---------------------------------------------------------------------------------------------------------------


class Tagger(unidl.Model):
    def __init__(self) -> None:
        self.lstm, self.classes = layers.LSTM(4, return_sequences=True), layers.Dense(3)

    def forward(self, x: Any) -> Any:
        return self.classes(self.lstm(x))


class Sum(unidl.Model):
    def __init__(self) -> None:
        self.a, self.b, self.out = layers.Dense(4), layers.Dense(4), layers.Dense(2)

    def forward(self, x: Any, y: Any) -> Any:
        return self.out(ops.tanh(self.a(x) + self.b(y)))


def absolute(targets: Any, predictions: Any) -> Any:
    return ops.abs(targets - predictions)


def half(targets: Any, predictions: Any) -> Any:
    return ops.square(targets - predictions) * 0.5


class Lion(optimizers.Optimizer):
    """Lion: the sign of a momentum."""

    state_names = ("momentum",)

    def __init__(self, learning_rate: Any = 1e-4, beta_1: float = 0.9, beta_2: float = 0.99, **more: Any) -> None:
        super().__init__(learning_rate, **more)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def update(self, weight: Any, gradient: Any, state: Any, learning_rate: Any, step: Any) -> Any:
        momentum = state["momentum"]
        direction = ops.sign(momentum * self.beta_1 + gradient * (1 - self.beta_1))
        return weight - learning_rate * direction, {"momentum": momentum * self.beta_2 + gradient * (1 - self.beta_2)}


class Rowwise(optimizers.Optimizer):
    """Computes with a weight's last axis and its first, so its layout counts; states change places, and the step counts."""

    state_names = ("before", "now")

    def __init__(self, learning_rate: Any = 1e-2, **more: Any) -> None:
        super().__init__(learning_rate, **more)

    def update(self, weight: Any, gradient: Any, state: Any, learning_rate: Any, step: Any) -> Any:
        now = state["now"] * 0.5 + gradient / ops.sqrt(step)
        size = ops.sqrt(ops.mean(ops.square(now), axis=-1, keepdims=True)) + 1e-3
        if len(weight.shape) > 1:
            size = size + ops.max(ops.abs(state["before"]), axis=0, keepdims=True)
        return weight - learning_rate * now / size, {"before": state["now"], "now": now}


class Plain(optimizers.Optimizer):
    """Has no state, and remembers nothing."""

    def __init__(self, learning_rate: Any = 0.1) -> None:
        super().__init__(learning_rate)

    def update(self, weight: Any, gradient: Any, state: Any, learning_rate: Any, step: Any) -> Any:
        return weight - learning_rate * gradient / ops.sqrt(1.0 + ops.square(gradient)), {}


class Remembering(optimizers.Optimizer):
    """Keeps the weight as it was."""

    state_names = ("last weight", "step")

    def __init__(self, learning_rate: Any = 0.1) -> None:
        super().__init__(learning_rate)

    def update(self, weight: Any, gradient: Any, state: Any, learning_rate: Any, step: Any) -> Any:
        return weight - learning_rate * gradient + 0.1 * (weight - state["last weight"]) * state["step"], {
            "last weight": weight,
            "step": ops.zeros_like(weight) + 0.5,
        }


class Halving(schedules.Schedule):
    def __init__(self, rate: float, every: int) -> None:
        self.rate, self.every = rate, every

    def __call__(self, step: int) -> float:
        return self.rate * 0.5 ** (step // self.every)


def eased(x: float) -> float:
    return 1 / (1 + math.exp(-x))


class Warmed(schedules.Schedule):
    """Another schedule after a warm-up, with floors by a table."""

    def __init__(self, after: schedules.Schedule, steps: int, floors: dict[int, float]) -> None:
        self.after, self.steps, self.floors = after, steps, floors

    def __call__(self, step: int) -> float:
        if step < self.steps:
            return float(self.after(0) * eased(6 * (step / self.steps) - 3))
        floor = 0.0
        for start, value in self.floors.items():
            if step >= start:
                floor = value
        return max(self.after(int(step) - self.steps), floor)


class F1(metrics.Metric):
    """Harmonic mean of precision and recall."""

    def initial(self) -> dict[str, np.ndarray]:
        return {name: np.zeros((), "int64") for name in ("true", "false", "missed")}

    def update(self, state: Any, targets: Any, predictions: Any) -> Any:
        yes, right = ops.greater(predictions, 0.0), ops.greater(targets, 0.5)

        def count(one: Any, other: Any) -> Any:
            return ops.sum(ops.cast(ops.logical_and(one, other), "int64"))

        return {
            "true": state["true"] + count(yes, right),
            "false": state["false"] + count(yes, ops.logical_not(right)),
            "missed": state["missed"] + count(ops.logical_not(yes), right),
        }

    def result(self, state: Any) -> float:
        if state["true"] == 0:
            return 0.0
        precision = state["true"] / (state["true"] + state["false"])
        recall = state["true"] / (state["true"] + state["missed"])
        return float(2 * precision * recall / (precision + recall))


class IoU(metrics.Metric):
    """Mean over classes of intersection by union, from a table of counts."""

    def __init__(self, classes: int) -> None:
        self.classes = classes

    def initial(self) -> dict[str, np.ndarray]:
        return {"table": np.full((self.classes, self.classes), 1e-3)}  # float64, as NumPy makes it

    def update(self, state: Any, targets: Any, predictions: Any) -> Any:
        rows = ops.one_hot(targets, self.classes)
        columns = ops.one_hot(ops.argmax(predictions, axis=-1), self.classes)
        return {"table": state["table"] + ops.matmul(ops.transpose(rows), columns)}

    def result(self, state: Any) -> float:
        table = state["table"]
        both = [table[i, i] for i in range(len(table))]
        either = table.sum(axis=0) + table.sum(axis=1)
        return float(np.mean([both[i] / (either[i] - both[i]) for i in range(self.classes)]))


class Focal(losses.Loss):
    def __init__(self, gamma: float = 2.0) -> None:
        self.gamma = gamma

    def per_example(self, targets: Any, predictions: Any) -> Any:
        loss = ops.softmax_cross_entropy(predictions, targets)
        return (1.0 - ops.exp(-loss)) ** self.gamma * loss


class Attending(unidl.Model):
    def __init__(self) -> None:
        self.attention = layers.MultiHeadAttention(2, 2)
        self.lstm, self.classes = layers.LSTM(4), layers.Dense(3)

    def forward(self, x: Any) -> Any:
        return self.classes(self.lstm(self.attention(x, x)))


def small() -> unidl.Model:
    return unidl.Sequential(
        [layers.Dense(8, "tanh", name="first"), layers.LayerNormalization(), layers.Dense(2, name="last")]
    )


def convolutions() -> unidl.Model:
    return unidl.Sequential(
        [layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten(), layers.Dense(3)]
    )


IMAGES, CLASSES = floats(48, 6, 6, 2), RNG.integers(0, 3, 48)
ROWS, NUMBERS = floats(40, 5), floats(40, 2)
SERIES, TAGS = floats(24, 5, 3), RNG.integers(0, 3, (24, 5))
# each series has as many labels that count: frameworks take the mean of a batch, and of an epoch's batches, apart
SOME_TAGS = np.where(np.arange(5) < 3, TAGS, -1)
ANSWERS = (NUMBERS > 0).astype("float32")

# name -> the description, its inputs and targets, the Trainer's arguments, and the layers that rest
TRAININGS: dict[str, tuple[Any, Any, Any, dict[str, Any], tuple[str, ...]]] = {
    "Adam": (convolutions, IMAGES, CLASSES, {"loss": "cross_entropy", "metrics": ["accuracy"]}, ()),
    "SGD, decay, smoothing": (
        convolutions,
        IMAGES,
        CLASSES,
        {
            "loss": losses.CrossEntropy(label_smoothing=0.1),
            "optimizer": optimizers.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
            "metrics": ["accuracy"],
        },
        (),
    ),
    "AdamW, warm-up, clipping": (
        small,
        ROWS,
        NUMBERS,
        {
            "loss": "mse",
            "optimizer": optimizers.AdamW(
                schedules.Cosine(0.02, steps=20, warmup=3),
                weight_decay=0.1,
                no_decay=("*bias", "*gamma", "*beta"),
                clip_norm=0.5,
            ),
            "metrics": [absolute],
        },
        (),
    ),
    "a loss of one's own": (
        small,
        ROWS,
        NUMBERS,
        {"loss": half, "optimizer": optimizers.SGD(schedules.Cosine(0.1, steps=30, floor=0.01))},
        (),
    ),
    "frozen": (
        small,
        ROWS,
        NUMBERS,
        {"loss": "mse", "optimizer": optimizers.SGD(0.1, weight_decay=0.01, no_decay=("*bias",))},
        ("first",),
    ),
    "series": (
        Tagger,
        SERIES,
        TAGS,
        {"loss": "cross_entropy", "optimizer": optimizers.Adam(0.01, epsilon=1e-6), "metrics": ["accuracy"]},
        (),
    ),
    "labels left out": (
        Tagger,
        SERIES,
        SOME_TAGS,
        {
            "loss": losses.CrossEntropy(ignore_index=-1),
            "optimizer": optimizers.SGD(0.1),
            "metrics": [metrics.Accuracy(ignore_index=-1)],
        },
        (),
    ),
    "labels left out, smoothed": (
        Tagger,
        SERIES,
        SOME_TAGS,
        {"loss": losses.CrossEntropy(ignore_index=-1, label_smoothing=0.2), "optimizer": optimizers.SGD(0.1)},
        (),
    ),
    "yes or no": (
        small,
        ROWS,
        ANSWERS,
        {
            "loss": losses.BinaryCrossEntropy(label_smoothing=0.1),
            "optimizer": optimizers.SGD(0.1),
            "metrics": [metrics.BinaryAccuracy(threshold=0.4)],
        },
        (),
    ),
    "an optimizer, a schedule and a metric of one's own": (
        small,
        ROWS,
        ANSWERS,
        {
            "loss": "binary_cross_entropy",
            "optimizer": Lion(Halving(0.01, 4), weight_decay=0.1, no_decay=("*bias",), clip_norm=0.5),
            "metrics": [F1(), F1(name="again"), "binary_accuracy"],
        },
        (),
    ),
    "a loss, a schedule and a metric of one's own, of labels": (
        convolutions,
        IMAGES,
        CLASSES,
        {
            "loss": Focal(),
            "optimizer": optimizers.SGD(Warmed(Halving(0.1, 4), 3, {8: 0.02, 12: 0.01}), momentum=0.9),
            "metrics": [IoU(3), metrics.Mean(Focal().per_example, name="focal loss")],
        },
        (),
    ),
    "an optimizer that looks at axes": (
        convolutions,
        IMAGES,
        CLASSES,
        {"loss": "cross_entropy", "optimizer": Rowwise(schedules.Cosine(0.02, 20, 4), weight_decay=0.1)},
        (),
    ),
    "an optimizer that looks at axes, packed weights": (
        Attending,
        SERIES,
        TAGS[:, 0],
        {"loss": "cross_entropy", "optimizer": Rowwise(0.01)},
        (),
    ),
    "an optimizer without state": (small, ROWS, NUMBERS, {"loss": "mse", "optimizer": Plain()}, ("first",)),
    "an optimizer that remembers": (small, ROWS, NUMBERS, {"loss": "mse", "optimizer": Remembering(0.01)}, ()),
    "several inputs": (Sum, (ROWS, ROWS[:, :3]), NUMBERS, {"loss": "mse", "optimizer": optimizers.SGD(0.1)}, ()),
}
