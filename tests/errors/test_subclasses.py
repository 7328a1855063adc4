"""Classes of the user's that define what unidl never calls, or that take other arguments than unidl gives: refused when they are made."""

import numpy as np
import pytest

import unidl
from unidl import callbacks, habits, layers, losses, metrics, optimizers, schedules
from unidl.errors import ArgumentError, ForeignNameError

BASES = {
    "Layer": unidl.Layer,
    "Callback": callbacks.Callback,
    "Trainer": unidl.Trainer,
    "Loss": losses.Loss,
    "Metric": metrics.Metric,
    "Optimizer": optimizers.Optimizer,
    "Schedule": schedules.Schedule,
}


def method(*_, **__):
    return None


def made(base, **methods):
    return type("Mine", (BASES[base],), methods)


def test_every_table_has_its_class():
    assert set(habits.METHODS) == set(BASES)


@pytest.mark.parametrize(("base", "name"), [(base, name) for base, table in habits.METHODS.items() for name in table])
def test_a_method_that_is_never_called(base, name):
    assert not hasattr(BASES[base], name), f"{base} has {name!r}: its row in unidl/habits/method.py is stale"
    with pytest.raises(
        ForeignNameError, match=f"Mine defines '{name}', which unidl never calls.\nFix: In unidl this is "
    ) as told:
        made(base, **{name: method})
    assert habits.METHODS[base][name] in str(told.value)


def test_a_method_of_a_class_that_is_mixed_in():
    class Mixed:
        def on_train_epoch_start(self, trainer, pl_module): ...

    with pytest.raises(ForeignNameError, match="defines 'on_train_epoch_start'"):

        class Mine(Mixed, callbacks.Callback): ...


def test_a_hook_that_nobody_has():
    with pytest.raises(ForeignNameError, match=r"Fix: Did you mean 'on_epoch_end'\?"):
        made("Callback", on_epoch_ends=method)
    with pytest.raises(ForeignNameError, match=r"Fix: Give a method of your own another name: _on_plateau\."):
        made("Callback", on_plateau=method)


SIGNATURES = {
    "Keras' epoch": ("Callback", {"on_epoch_end": lambda self, epoch, logs=None: None}, "on_epoch_end(self, trainer, numbers)"),
    "Lightning's module": ("Callback", {"on_epoch_end": lambda self, trainer, pl_module: None}, "on_epoch_end(self, trainer, numbers)"),
    "Keras' epoch at its begin": ("Callback", {"on_epoch_begin": lambda self, epoch, logs=None: None}, "on_epoch_begin(self, trainer)"),
    "Lightning's validation": ("Callback", {"on_validation_end": lambda self, trainer, pl_module: None}, "on_validation_end(self, trainer, numbers)"),
    "Lightning's exception": ("Callback", {"on_exception": lambda self, trainer, pl_module, exception: None}, "on_exception(self, trainer, error)"),
    "batches one by one": ("Callback", {"on_batches": lambda self, batch, logs=None: None}, "on_batches(self, trainer, logs)"),
    "an argument too few": ("Callback", {"on_steps": lambda self, trainer: None}, "on_steps(self, trainer, numbers)"),
    "an argument too many": ("Callback", {"on_end": lambda self, trainer, numbers: None}, "on_end(self, trainer)"),
    "Hugging Face's": ("Callback", {"on_epoch_end": lambda self, args, state, control, **kwargs: None}, "on_epoch_end(self, trainer, numbers)"),
    "Lightning's step": ("Trainer", {"training_step": lambda self, batch, batch_idx: None}, "training_step(self, batch)"),
    "Lightning's validation step": ("Trainer", {"validation_step": lambda self, batch, batch_idx: None}, "validation_step(self, batch)"),
    "a loss of one argument": ("Loss", {"per_example": lambda self, predictions: None}, "per_example(self, targets, predictions)"),
    "a metric without state": ("Metric", {"update": lambda self, y, p: None}, "update(self, state, targets, predictions)"),
    "an optimizer of gradients": ("Optimizer", {"update": lambda self, gradients, variables: None}, "update(self, weight, gradient, state"),
    "a schedule of nothing": ("Schedule", {"__call__": lambda self: 0.1}, "__call__(self, step)"),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNATURES)
def test_other_arguments_than_unidl_gives(name):
    base, methods, expected = SIGNATURES[name]
    with pytest.raises(ForeignNameError) as told:
        made(base, **methods)
    assert "takes other arguments than unidl gives it" in str(told.value)
    assert f"Expected: {expected}" in str(told.value)


RIGHT = {
    "own names": ("Callback", {"on_epoch_end": lambda self, t, logs: None, "on_start": lambda self, t: None}),
    "a helper": ("Callback", {"_on_plateau": method, "report": method, "best": property(method)}),
    "more with defaults": ("Callback", {"on_epoch_end": lambda self, trainer, numbers, shown=3: None}),
    "anything": ("Callback", {"on_epoch_end": lambda self, *args, **kwargs: None}),
    "a step": ("Trainer", {"training_step": lambda self, data: None}),
    "a metric": ("Metric", {"update": lambda self, state, y, p: state}),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_left_alone(name):
    base, methods = RIGHT[name]
    made(base, **methods)


def test_a_hook_on_the_object(backend):
    seen = []
    callback = callbacks.Callback()
    callback.on_epoch_end = lambda trainer, numbers: seen.append(numbers["loss"])
    trainer = unidl.Trainer(unidl.Sequential([layers.Dense(1)]), loss="mse", backend=backend)
    trainer.fit(np.ones((4, 2)), np.ones((4, 1)), callbacks=[callback], progress=False)
    assert len(seen) == 1
    callback.on_epoch_begin = lambda epoch, logs: None
    with pytest.raises(
        ForeignNameError, match=r"on_epoch_begin takes other arguments .*\nExpected: on_epoch_begin\(trainer\)"
    ):
        trainer.fit(np.ones((4, 2)), np.ones((4, 1)), callbacks=[callback], progress=False)
    del callback.on_epoch_begin
    callback.on_train_epoch_start = lambda epoch, logs: None
    with pytest.raises(ForeignNameError, match="Callback defines 'on_train_epoch_start', which unidl never calls"):
        trainer.fit(np.ones((4, 2)), np.ones((4, 1)), callbacks=[callback], progress=False)


def test_another_framework_s_callback(backend):
    class Theirs:
        def on_train_begin(self, logs=None): ...

    trainer = unidl.Trainer(unidl.Sequential([layers.Dense(1)]), loss="mse", backend=backend)
    with pytest.raises(ArgumentError, match="Another framework's callbacks are not called: write a subclass of"):
        trainer.fit(np.ones((4, 2)), np.ones((4, 1)), callbacks=[Theirs()], progress=False)
