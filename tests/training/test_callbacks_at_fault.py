"""Callbacks that cannot do their work: told at the beginning where that can be known, else with how to go on."""

import numpy as np
import pytest

import unidl
from unidl import callbacks, layers, ops
from unidl.errors import ArgumentError

X, Y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")


def _trainer(backend="torch", kind=unidl.Trainer, **arguments):
    model = unidl.Sequential([layers.Dense(1)]).build((3,), backend=backend)
    return kind(model, loss="mse", **arguments)


class OwnStep(unidl.Trainer):
    def training_step(self, batch):
        x, y = batch
        loss = self.minimize(lambda: ops.mean(ops.square(self.model(x) - y)))
        return {"loss": loss, "twice": loss * 2.0}


@pytest.mark.parametrize(
    ("monitor", "fitting", "told"),
    [
        ("val_loss", {}, "watches 'val_loss', which this run does not have"),
        ("lss", {"validation_data": (X, Y)}, "Expected: one of loss, near, learning_rate, seconds, val_loss, val_near"),
        ("near", {}, "cannot know whether more or less of 'near' is better"),
    ],
)
def test_a_number_that_no_epoch_will_have_is_refused_before_a_step(monitor, fitting, told):
    def near(targets, predictions):
        return ops.cast(ops.abs(targets - predictions) < 0.1, "float32")

    trainer = _trainer(metrics=[near])
    with pytest.raises(ArgumentError, match=told):
        trainer.fit(X, Y, callbacks=[callbacks.EarlyStopping(monitor)], progress=False, **fitting)
    assert trainer.steps_taken == 0


def test_what_a_step_of_ones_own_gives_is_not_known_beforehand():
    trainer = _trainer(kind=OwnStep)
    stopping = callbacks.EarlyStopping("twice", mode="min")
    assert len(trainer.fit(X, Y, epochs=2, callbacks=[stopping], progress=False).epochs) == 2
    with pytest.raises(ArgumentError, match="watches 'thrice', which this run does not have"):
        trainer.fit(X, Y, callbacks=[callbacks.EarlyStopping("thrice", mode="min")], progress=False)
    taken = trainer.steps_taken
    with pytest.raises(ArgumentError, match="watches 'val_loss', which this run does not have"):
        trainer.fit(X, Y, callbacks=[callbacks.EarlyStopping("val_loss")], progress=False)
    assert trainer.steps_taken == taken


class Fails(callbacks.Callback):
    def __init__(self, at, method):
        self.at, self.method = at, method
        self.every_steps = 1 if method == "on_steps" else None

    def _fail(self, trainer):
        if trainer.steps_taken == self.at:
            raise ZeroDivisionError("planted")

    def on_steps(self, trainer, numbers):
        self._fail(trainer)

    def on_epoch_end(self, trainer, numbers):
        self._fail(trainer)


@pytest.mark.parametrize(("method", "at"), [("on_steps", 3), ("on_epoch_end", 2)])
def test_a_callback_that_raises_says_how_to_go_on(method, at, tmp_path):
    whole = _trainer()
    whole.fit(X, Y, epochs=3, batch_size=4, progress=False)
    trainer, keep = _trainer(), callbacks.Checkpoint(tmp_path)
    with pytest.raises(ZeroDivisionError, match="planted") as caught:
        trainer.fit(X, Y, epochs=3, batch_size=4, callbacks=[Fails(at, method), keep], progress=False)
    assert caught.value.__notes__ == [
        f"Fails.{method} raised it after step {at}, which was taken whole. fit(…, resume=True) on this Trainer goes on from there; "
        f"in another process, from the newest checkpoint in {str(tmp_path)!r}."
    ]
    trainer.fit(X, Y, epochs=3, batch_size=4, progress=False, resume=True)  # as the note says
    for path, value in whole.model.weights().items():
        np.testing.assert_array_equal(trainer.model.weights()[path], value)


def test_the_checkpoint_s_own_failure_does_not_point_to_it(tmp_path, monkeypatch):
    keep = callbacks.Checkpoint(tmp_path)
    monkeypatch.setattr(keep, "on_epoch_end", lambda trainer, numbers: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        _trainer().fit(X, Y, callbacks=[keep], progress=False)
    assert "checkpoint in" not in caught.value.__notes__[0]


def _counted(update, backend, value, times):
    """The metric's number after some batches of one example, behind 2^24 examples of 1."""
    metric = unidl.metrics.Mean(lambda targets, predictions: predictions)
    many = 2**24
    state = {
        **metric.initial(),
        "total": np.array(many, "float32"),
        "count": np.array(many, metric.initial()["count"].dtype),
    }
    with unidl.using(backend):
        held = {name: ops.cast(ops.stack([array]), array.dtype.name)[0] for name, array in state.items()}
        batch = ops.cast(ops.stack([np.array(value, "float32")]), "float32")
        step = update(lambda held, batch: metric.update(held, batch, batch))
        for _ in range(times):
            held = step(held, batch)
    return metric.result({name: unidl.to_numpy(tensor) for name, tensor in held.items()}), many


def _exact(result, many):
    return result == pytest.approx((many + 200 * (1e5 + 1)) / (many + 200), rel=1e-7)


def test_a_mean_goes_on_counting_behind_16_million_examples(backend):
    assert _exact(*_counted(lambda step: step, backend, 1e5 + 1, 200))


def test_xla_does_not_reorder_what_makes_it_exact():
    assert _exact(
        *_counted(unidl.jit, "tensorflow", 1e5 + 1, 200)
    )  # torch.compile does not either; here it would take a minute


def test_a_mean_of_many_small_numbers(backend):
    result, many = _counted(lambda step: step, backend, 0.25, 100)
    assert result == pytest.approx((many + 25) / (many + 100), rel=1e-9)


class Forgets(unidl.metrics.Mean):
    """Whose update keeps less than initial() began with."""

    def update(self, state, targets, predictions):
        new = super().update(state, targets, predictions)
        return {name: new[name] for name in ("total", "count")}


def test_a_metric_that_forgets_part_of_its_state(backend):
    model = unidl.Sequential([unidl.layers.Dense(1)])
    metric = Forgets(lambda targets, predictions: unidl.ops.mean(predictions))
    trainer = unidl.Trainer(model, "mse", metrics=[metric], backend=backend)
    with pytest.raises(ArgumentError, match="does not keep its state"):
        trainer.fit(np.ones((4, 2), "float32"), np.ones((4, 1), "float32"), progress=False)
