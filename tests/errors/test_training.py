"""What a Trainer refuses, before anything is trained: the sentences, and that the model is as it was."""

import numpy as np
import pytest

import unidl
from unidl import Model, Sequential, callbacks, layers, losses, ops
from unidl.errors import ArgumentError, DataError, DtypeError, NonFiniteWarning, ShapeError, UnknownArgumentError

X = np.ones((8, 3), "float32")
Y = np.zeros(8, "int64")


def trainer(model, **settings):
    return unidl.Trainer(model, **{"loss": "cross_entropy", **settings})


def fit(model, x=X, y=Y, fitting=None, **settings):
    trainer(model, **settings).fit(x, y, progress=False, **(fitting or {}))


@pytest.mark.parametrize(
    ("ends", "name"),
    [
        (lambda: [layers.Dense(4, activation="softmax")], "softmax"),
        (lambda: [layers.Dense(4), layers.Softmax()], "softmax"),
        (lambda: [layers.Dense(4), layers.Activation("softmax")], "softmax"),
        (lambda: [layers.Dense(4), layers.Activation(ops.sigmoid)], "sigmoid"),
        (lambda: [Sequential([layers.Dense(4), layers.Activation("log_softmax")])], "log_softmax"),
    ],
)
def test_a_softmax_before_a_loss_that_reads_logits(backend, refused, ends, name):
    m = Sequential(ends()).build((3,), backend=backend)
    before = m.weights()
    refused(
        ArgumentError,
        f"CrossEntropy() reads logits, and Sequential 'sequential' ends with a {name}: the loss would apply it a second time, and "
        "training would be slow and end worse.\n"
        "Expected: a model that ends with logits, or a loss that reads probabilities\n"
        f"Fix: Take the {name} off the model's end"
        + (
            " (ops.softmax(model(x)) gives probabilities), or use unidl.losses.CrossEntropy(from_logits=False)."
            if name == "softmax"
            else "."
        ),
        fit,
        m,
    )
    for path, value in m.weights().items():
        np.testing.assert_array_equal(value, before[path])


def test_a_softmax_before_a_loss_that_reads_probabilities(backend):
    m = Sequential([layers.Dense(4, activation="softmax")]).build((3,), backend=backend)
    fit(m, loss=losses.CrossEntropy(from_logits=False))


@pytest.mark.parametrize(("labels", "received"), [(Y + 4, "4"), (Y - 1, "-1"), (Y - 100, "-100")])
def test_labels_out_of_range(model, refused, labels, received):
    text = (
        "Cross-entropy: a label is none of the classes.\n"
        "Expected: 0 to 3, for predictions with 4 classes\n"
        f"Received: {received}, of example 0\n"
        "Fix: Number the classes from 0, or end the model with a unit for each of them; ignore_index= names a label to leave out."
    )
    refused(DataError, text, fit, model, y=labels)
    refused(DataError, text, fit, model, fitting={"validation_data": (X, labels)})
    refused(DataError, text, trainer(model).evaluate, X, labels)
    refused(DataError, text, trainer(model).step, (X, labels))


def test_labels_of_another_kind(model, refused):
    text = (
        "Cross-entropy: targets of floats are probabilities of the classes and need the predictions' shape.\n"
        "Expected: (None, 4)\n"
        "Received: (8,)\n"
        'Fix: Integer labels are integers: targets.astype("int64").'
    )
    refused(ShapeError, text, fit, model, y=Y.astype("float32"))
    text = (
        "Cross-entropy: integer labels need the predictions' shape without the class axis.\n"
        "Expected: (None,), for predictions (None, 4)\n"
        "Received: {}\n"
        "Fix: {}"
    )
    one_hot = text.format("(8, 4)", 'One-hot targets are floats: targets.astype("float32").')
    refused(ShapeError, one_hot, fit, model, y=np.eye(4, dtype="int64")[Y])
    refused(ShapeError, text.format("(8, 1)", "targets[..., 0] takes the last axis away."), fit, model, y=Y[:, None])


def test_targets_are_not_broadcast(model, refused):
    text = (
        "MSE: targets and predictions have different shapes, and nothing is broadcast between them.\n"
        "Expected: targets of the predictions' shape (None, 4)\n"
        "Received: {}"
    )
    refused(ShapeError, text.format("(8, 1)"), fit, model, y=X[:, :1], loss="mse")
    refused(ShapeError, text.format("(8,)"), fit, model, y=X[:, 0], loss="mse")


def test_data_that_cannot_be_used(model, refused):
    text = "There is no example.\nExpected: at least one along the first axis\nReceived: (0, 3), (0,)"
    refused(DataError, text, fit, model, X[:0], Y[:0])
    text = "The arrays have different numbers of examples.\nExpected: one length along the first axis\nReceived: (8, 3), (5,)"
    refused(DataError, text, fit, model, X, Y[:5])
    text = (
        "The data is no array of numbers with examples along its first axis.\n"
        "Expected: a NumPy array of bool, integers or floats\n"
        "Received: ndarray of dtype <U1, shape (8,)"
    )
    refused(DataError, text, fit, model, X, np.array(["a"] * 8))
    refused(
        ArgumentError,
        "Trainer.fit: invalid value for batch_size.\nExpected: a positive integer\nReceived: 0",
        fit,
        model,
        fitting={"batch_size": 0},
    )


def test_inputs_that_do_not_fit_the_model(backend, model, refused):
    text = "Sequential 'sequential', input 1: the data does not have the shape that the model was built for.\nExpected: (None, 3) …"
    refused(ShapeError, text, fit, model, X[:, :2])
    refused(ShapeError, text, fit, model, fitting={"validation_data": (X[:, :2], Y)})
    refused(ShapeError, text, trainer(model).evaluate, X[:, :2], Y)
    words = Sequential([unidl.Input((3,), dtype="int64"), layers.Embedding(5, 2), layers.Flatten(), layers.Dense(4)])
    text = "…the model takes int64, and floating numbers would have to be cut.\nExpected: int64\nReceived: float32\n…"
    refused(DtypeError, text, fit, words.build(backend=backend))


def test_validation_data_of_another_kind(model, refused):
    text = "validation_data is a pair.\nExpected: (x, y), (x, y, sample_weight), or a source of batches\nReceived: ndarray\nFix: unidl.data.Stream…"
    refused(DataError, text, fit, model, fitting={"validation_data": X})
    text = "The arrays have different numbers of examples.\n…Received: (8, 3), (3,)"
    refused(DataError, text, fit, model, fitting={"validation_data": (X, Y[:3])})


def test_unknown_names(model, refused):
    text = "There is no {} {!r}.\nExpected: one of {}, an object of unidl.{}, or a function(targets, predictions)\nReceived: {!r}{}"
    losses_, fix = "'binary_cross_entropy', …, 'squared_hinge'", "\nFix: Write 'cross_entropy'."
    word = "sparse_categorical_crossentropy"
    refused(ArgumentError, text.format("loss", word, losses_, "losses", word, fix), trainer, model, loss=word)
    refused(ArgumentError, text.format("loss", "foo", losses_, "losses", "foo", ""), trainer, model, loss="foo")
    refused(
        ArgumentError,
        text.format("metric", "acc", "'accuracy', 'binary_accuracy'", "metrics", "acc", "\nFix: Write 'accuracy'."),
        trainer,
        model,
        metrics=["acc"],
    )
    text = "There is no optimizer 'Addam'.\nExpected: one of …, or an object of unidl.optimizers\nReceived: 'Addam'\nFix: Write 'adam'."
    refused(ArgumentError, text, trainer, model, optimizer="Addam")
    refused(
        ArgumentError,
        "metrics is a list.\nReceived: 'accuracy'\nFix: metrics=['accuracy']",
        trainer,
        model,
        metrics="accuracy",
    )
    refused(
        ArgumentError,
        "The loss is the class CrossEntropy.\nFix: Call it: CrossEntropy().",
        trainer,
        model,
        loss=losses.CrossEntropy,
    )


def test_no_loss(model, refused):
    text = 'This Trainer has no loss.\nFix: Trainer(model, loss="cross_entropy"), or write training_step.'
    refused(ArgumentError, text, fit, model, loss=None)


def test_no_targets(model, refused):
    text = "The Trainer's own step needs inputs and targets.\nFix: fit(x, y), or write training_step."
    refused(DataError, text, fit, model, y=None)


def test_everything_is_frozen(model, refused):
    model.freeze()
    refused(
        ArgumentError,
        "There is no weight to train: every layer is frozen or has none.\nFix: model.unfreeze().",
        fit,
        model,
    )


def test_arguments_from_habit(model, refused):
    signature = "Expected: Trainer.fit(x, y=None, epochs=None, batch_size=32, validation_data=None, …)\n"
    refused(
        UnknownArgumentError,
        f"Trainer.fit has no argument 'verbose'.\n{signature}Received: …verbose=1\nFix: Use `progress=` instead of `verbose=`.",
        fit,
        model,
        fitting={"verbose": 1},
    )
    refused(
        UnknownArgumentError,
        f"Trainer.fit has no argument 'limit_train_batches'.\n{signature}…\nFix: Use `steps_per_epoch=` instead of `limit_train_batches=`.",
        fit,
        model,
        fitting={"limit_train_batches": 2},
    )
    text = "Trainer has no argument 'lr'.\nExpected: Trainer(model, loss=None, …)\n…Fix: Use `optimizer=unidl.optimizers.Adam(learning_rate)` instead of `lr=`."
    refused(UnknownArgumentError, text, trainer, model, lr=0.1)


def test_epochs_and_callbacks(model, refused):
    text = "Trainer.fit: invalid value for epochs.\nExpected: a non-negative integer\nReceived: '3'\nFix: Use epochs=3."
    refused(ArgumentError, text, fit, model, fitting={"epochs": "3"})
    text = "callbacks is a list.\nReceived: EarlyStopping\nFix: callbacks=[EarlyStopping(…)]"
    refused(ArgumentError, text, fit, model, fitting={"callbacks": callbacks.EarlyStopping()})
    text = "Something in the list of callbacks is no callback.\n…Received: <class '…EarlyStopping'>\nFix: Call it: EarlyStopping()."
    refused(ArgumentError, text, fit, model, fitting={"callbacks": [callbacks.EarlyStopping]})


def test_a_number_that_nobody_logs(backend, refused):
    m = Sequential([layers.Dense(4)]).build((3,), backend=backend)
    text = (
        "EarlyStopping watches 'val_loss', which this run does not have.\n"
        "Expected: one of loss, learning_rate, seconds\n"
        "Fix: Give validation_data for a val_ number, or name another one."
    )
    refused(ArgumentError, text, fit, m, fitting={"callbacks": [callbacks.EarlyStopping("val_loss")]})


def test_what_is_no_model(model, refused):
    text = "A Trainer trains a model.\nExpected: an unidl.Sequential, an unidl.Model or a subclass of it\nReceived: {}\nFix: {}"
    refused(
        ArgumentError, text.format("Dense", "Wrap a layer: unidl.Sequential([layer])."), unidl.Trainer, layers.Dense(1)
    )
    native = text.format("…", "Give the unidl model itself, not model.native.")
    refused(ArgumentError, native, unidl.Trainer, model.native)


def test_another_backend_than_the_model_has(model, backend, refused):
    wanted = "tensorflow" if backend == "torch" else "torch"
    text = (
        f"The model is built already, with backend={backend!r}; the Trainer asks for {wanted!r}.\n"
        "Fix: Leave backend= out, or make a new model with model.copy(backend=…)."
    )
    refused(ArgumentError, text, trainer, model, backend=wanted)


class Vector(unidl.Trainer):
    def training_step(self, batch):
        x, _ = batch
        return self.minimize(lambda: ops.sum(self.model(x), axis=-1))


def test_a_loss_with_axes(model, refused):
    text = "The function given to minimize returned a tensor with axes.\nExpected: the loss, a scalar: ()\nReceived: (…,)\nFix: ops.mean(loss)."
    refused(ShapeError, text, Vector(model).step, (X, Y))


def test_minimize_outside_a_step(model, refused):
    text = "minimize was called outside a training step.\nExpected: a call in training_step of a subclass of unidl.Trainer\n…"
    refused(ArgumentError, text, trainer(model).minimize, lambda: None)


def test_nan_ends_the_run_with_a_warning_and_no_error(backend):
    """It shows in the numbers; the weights are the user's to look at."""
    m = Sequential([layers.Dense(4)]).build((3,), backend=backend)
    with pytest.warns(NonFiniteWarning, match=r"'loss' is nan at step 1 \(epoch 1\)"):
        history = trainer(m).fit(X * np.nan, Y, progress=False)
    assert np.isnan(history.step_loss[0])
    assert history.stopped == "'loss' is nan at step 1"


def test_several_inputs_given_as_one(backend, refused):
    class Sum(Model):
        def __init__(self):
            self.out = layers.Dense(4)

        def forward(self, a, b):
            return self.out(a + b)

    m = Sum().build((3,), (3,), backend=backend)
    text = "Sum 'sum' was called with inputs that its forward does not take: missing a required argument: 'b'.\n…"
    refused(ArgumentError, text, fit, m)
