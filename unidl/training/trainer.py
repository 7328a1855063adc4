"""Trainer: one training loop for every backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from unidl import losses, metrics, ops, optimizers
from unidl.backends.contract import Backend
from unidl.callbacks import Callback
from unidl.capture import told_arguments
from unidl.data import Arrays
from unidl.description.layer import Layer
from unidl.errors import ArgumentError, DataError
from unidl.graph.node import leaves, map_nest
from unidl.graph.spec import TensorSpec
from unidl.models.door import inspect
from unidl.models.model import Model, in_training_step, training_step
from unidl.ops.op import running
from unidl.ops.stream import step_of
from unidl.training.checks import check_precision, check_run, check_targets, refuse_softmax, scalar
from unidl.training.history import History
from unidl.training.progress import Bar


class Trainer:
    """Trains a model on arrays.

    Layers may be frozen and unfrozen between epochs. The optimizer's state belongs to the weights that are trained: it starts anew
    when they are others, and goes on where it was when they are the same again.

    Args:
        model: The model. One that is not built is built by the first `fit`, for the inputs it sees.
        loss: Name of a loss, one of unidl.losses, or a function(targets, predictions).
        optimizer: Name of an optimizer, one of unidl.optimizers, or a dict of them for a `training_step` of your own.
        metrics: Names, or objects of unidl.metrics, or functions(targets, predictions).
        jit: Whether the framework's compiler compiles the step (XLA, torch.compile).
        backend: For a model that is not built yet; None is the one in force.
        device: For a model that is not built yet.
        precision: For a model that is not built yet; None is "float32".
        seed: Of batch order and random ops, and of a model that is not built yet.
        random: For a model that is not built yet: "portable" draws the same random numbers on every backend; None is "native".

    Example:
        >>> import numpy, unidl
        >>> x = numpy.random.default_rng(0).normal(size=(64, 3)).astype("float32")
        >>> m = unidl.Sequential([unidl.layers.Dense(1)])
        >>> t = unidl.Trainer(m, loss="mse", optimizer=unidl.optimizers.SGD(0.1))
        >>> h = t.fit(x, x.sum(1, keepdims=True), epochs=20, batch_size=16, progress=False)
        >>> h["loss"][-1] < 1e-3
        True
    """

    @told_arguments
    def __init__(
        self,
        model: Model,
        loss: Any = None,
        optimizer: Any = "adam",
        metrics: Sequence[Any] = (),
        jit: bool = False,
        *,
        backend: str | None = None,
        device: str | None = None,
        precision: str | None = None,
        seed: int | None = None,
        random: str | None = None,
    ) -> None:
        if not isinstance(model, Model):
            raise ArgumentError(
                "A Trainer trains a model.",
                expected="an unidl.Sequential, an unidl.Model or a subclass of it",
                received=type(model).__name__,
                fix="Wrap a layer: unidl.Sequential([layer])."
                if isinstance(model, Layer)
                else "Give the unidl model itself, not model.native.",
            )
        if isinstance(metrics, str):
            raise ArgumentError("metrics is a list.", received=repr(metrics), fix=f"metrics=[{metrics!r}]")
        self.model = model
        self._loss = None if loss is None else losses.get(loss)
        given = optimizer if isinstance(optimizer, dict) else {"main": optimizer}
        self.optimizers: dict[str, optimizers.Optimizer] = {name: optimizers.get(o) for name, o in given.items()}
        self.metrics = [_metrics_get(metric) for metric in metrics]
        names = ["loss", *(metric.name for metric in self.metrics)]
        if len(set(names)) < len(names):
            raise ArgumentError(
                "Two numbers of the Trainer would have one name.",
                expected="a name for each metric, other than 'loss'",
                received=", ".join(names),
                fix="unidl.metrics.Mean(function, name=…) gives a function's mean another name.",
            )
        self.jit = jit
        self._given = {"backend": backend, "device": device, "precision": precision, "random": random}
        self.seed = 0 if seed is None else seed
        self.epoch = 0  # epochs done, over all calls of fit
        self._trained: tuple[str, ...] = ()  # paths of the weights that are not frozen now
        # the optimizer's name, the part whose weights move and those paths -> the backend's optimizer, made at its first use
        self._steppers: dict[tuple[str, int, tuple[str, ...]], Any] = {}
        self._steps: dict[str, int] = {}
        self._rates: dict[str, Any] = {}
        self._compiled: dict[Any, Callable[..., Any]] = {}
        self._native: Any = None  # the native object that both are of
        self._stop = False
        if model.is_built:
            self._check_built()

    def _check_built(self) -> None:
        is_so = self.model._need_built()
        built = {"backend": self.model.backend, "precision": self.model.precision, "random": is_so.random}
        for name, value in built.items():
            if self._given[name] is not None and self._given[name] != value:
                raise ArgumentError(
                    f"The model is built already, with {name}={value!r}; the Trainer asks for {self._given[name]!r}.",
                    fix=f"Leave {name}= out, or make a new model with model.copy(backend=…).",
                )

    # -- what a subclass may write ---------------------------------------------------------------------------------------

    def training_step(self, batch: Any) -> Any:
        """One step on one batch; returns the loss, or a dict of numbers that are logged.

        A subclass may write its own with `minimize`. It runs once for each optimizer step in torch, and is traced into a graph
        by TensorFlow, so it is written with unidl.ops.

        Args:
            batch: What `fit` was given, cut to the batch: (x, y), or x alone.
        """
        if not isinstance(batch, tuple) or len(batch) != 2:
            raise DataError(
                "The Trainer's own step needs inputs and targets.", fix="fit(x, y), or write training_step."
            )
        x, y = batch

        def loss() -> tuple[Any, Any]:
            predictions = self.model(*_arguments(x))
            return self.loss(y, predictions), predictions

        value, predictions = self.minimize(loss)
        self._measure(y, predictions)
        return value

    @property
    def loss(self) -> losses.Loss:
        """The loss that the Trainer was given."""
        if self._loss is None:
            raise ArgumentError(
                "This Trainer has no loss.", fix='Trainer(model, loss="cross_entropy"), or write training_step.'
            )
        return self._loss

    def minimize(self, function: Callable[[], Any], part: Model | None = None, optimizer: str = "main") -> Any:
        """One optimizer step that makes a loss smaller; inside `training_step` only.

        What the step needs of the inside of the function is returned by it, beside the loss: on Keras' engine jax a tensor that
        was put aside in a list is of no use outside.

        Args:
            function: Gives the loss, a scalar, or a pair (loss, aux) with any nest of tensors as aux; it is called once.
            part: The model whose weights move; None is the Trainer's model.
            optimizer: The name of the optimizer in the dict given to the Trainer.

        Returns:
            The loss before the step; (loss, aux) where the function gives that, with no gradient.
        """
        if not in_training_step():
            raise ArgumentError(
                "minimize was called outside a training step.",
                expected="a call in training_step of a subclass of unidl.Trainer",
                fix="unidl.value_and_grad(f, of=model) gives gradients anywhere; trainer.step(batch) takes one step.",
            )
        if optimizer not in self.optimizers:
            raise ArgumentError(
                f"The Trainer has no optimizer {optimizer!r}.",
                expected=f"one of {', '.join(self.optimizers)}",
                fix="Trainer(model, optimizer={'d': …, 'g': …}).",
            )
        target = part or self.model
        key = (optimizer, id(target), self._trained)
        stepper = self._steppers.get(key)
        if stepper is None:
            slots = target.trainable_slots()
            if not slots:
                raise ArgumentError(
                    "There is no weight to train: every layer is frozen or has none.", fix="model.unfreeze()."
                )
            stepper = self._backend.optimizer(self.optimizers[optimizer], slots)
            self._steppers[key] = stepper
        paired = False

        def loss_and_aux() -> tuple[Any, Any]:
            nonlocal paired
            returned = function()
            paired = isinstance(returned, tuple) and len(returned) == 2
            return (scalar(returned[0]), returned[1]) if paired else (scalar(returned), ())

        returned, gradients = self._backend.value_and_grad(loss_and_aux, (), {}, stepper.wanted, has_aux=True)
        loss, aux = map_nest(ops.stop_gradient, returned)
        stepper.apply(gradients, self._rates[optimizer])
        return (loss, aux) if paired else loss

    # -- the loop --------------------------------------------------------------------------------------------------------

    @told_arguments
    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: tuple[Any, Any] | None = None,
        shuffle: bool = True,
        callbacks: Sequence[Callback] = (),
        progress: bool = True,
    ) -> History:
        """Train for some epochs.

        Args:
            x: Inputs, with examples along the first axis: an array, a list or dict of them for a forward that takes one nest, a
                tuple for a forward of several arguments.
            y: Targets, likewise; None for a training_step that needs none.
            epochs: Epochs of this call.
            batch_size: Examples in a batch; the last batch may have fewer.
            validation_data: Inputs and targets to evaluate on after each epoch.
            shuffle: Whether each epoch has its own order, drawn from (seed, epoch).
            callbacks: See unidl.callbacks.
            progress: Whether to show a live bar.

        Returns:
            The numbers of each epoch, and the loss of each step (NaN where a training_step of your own returns none).

        Raises:
            DataError: The data cannot be used as it is; nothing was trained then.
            ArgumentError: The loss reads logits and the model ends with a softmax.
        """
        check_run(epochs, callbacks)
        parts = (x,) if y is None else (x, y)
        source = Arrays(*parts, batch_size=batch_size, shuffle=shuffle, seed=self.seed)
        validation = None
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
                raise DataError(
                    "validation_data is a pair.", expected="(x, y)", received=type(validation_data).__name__
                )
            validation = Arrays(*validation_data, batch_size=max(batch_size, 256))
        self._prepare(source.parts)
        if validation is not None:
            self._check_data(validation.parts)
        self._stop = False
        epochs_done: list[dict[str, float]] = []
        step_loss: list[np.ndarray] = []
        for callback in callbacks:
            callback.on_start(self)
        with Bar(progress) as bar, self._backend.random_state(self.seed + self.epoch, self.model.device):
            for number in range(1, epochs + 1):
                started = time.perf_counter()
                self._look_at_frozen()
                bar.begin(number, epochs, len(source))
                numbers, each = self._train_epoch(source, bar)
                step_loss.append(each)
                numbers["seconds"] = time.perf_counter() - started
                if validation is not None:
                    numbers |= {f"val_{k}": v for k, v in self._evaluate(validation).items()}
                self.epoch += 1
                epochs_done.append(numbers)
                bar.end(number, epochs, numbers)
                for callback in callbacks:
                    callback.on_epoch_end(self, numbers)
                if self._stop:
                    break
        for callback in callbacks:
            callback.on_end(self)
        return History(epochs_done, np.concatenate(step_loss) if step_loss else np.zeros(0))

    @told_arguments
    def evaluate(self, x: Any, y: Any, batch_size: int = 256) -> dict[str, float]:
        """Loss and metrics on data, without training."""
        source = Arrays(x, y, batch_size=batch_size)
        self._prepare(source.parts)
        return self._evaluate(source)

    @told_arguments
    def predict(self, *inputs: Any, batch_size: int = 256) -> Any:
        """Outputs for arrays of any length, as arrays."""
        if not self.model.is_built:
            self._build(
                tuple(np.asarray(a) if not isinstance(a, (list, dict)) else map_nest(np.asarray, a) for a in inputs)
            )
        return self.model.predict(*inputs, batch_size=batch_size)

    def step(self, batch: Any) -> dict[str, float]:
        """One optimizer step on one batch, for people with a loop of their own.

        Args:
            batch: (x, y), or x alone; arrays.

        Returns:
            The numbers of this batch.
        """
        source = Arrays(*(batch if isinstance(batch, tuple) else (batch,)), batch_size=2**31)
        self._prepare(source.parts)
        taken = max(self._steps.values(), default=0)
        seed = (self.seed * 1_000_003 + taken + 1) % 2**63  # each step draws anew, the same from one run to the next
        with self._backend.random_state(seed, self.model.device), self._backend.training_mode(self.model.native, True):
            states, logs = self._run_step(next(source.batches()), self._initial())
        return {name: float(v) for name, v in self._read(logs).items()} | self._results(states)

    def stop(self) -> None:
        """End `fit` after this epoch; for callbacks."""
        self._stop = True

    # -- inside ----------------------------------------------------------------------------------------------------------

    @property
    def _backend(self) -> Backend:
        return self.model._need_built().backend

    @property
    def _portable(self) -> bool:
        return self.model._need_built().random == "portable"

    def _build(self, x: Any) -> None:
        self.model.build(
            *map_nest(lambda a: a[:1], _arguments(x)),
            backend=self._given["backend"],
            device=self._given["device"],
            precision=self._given["precision"] or "float32",
            seed=self.seed,
            random=self._given["random"] or "native",
        )

    def _prepare(self, parts: tuple[Any, ...]) -> None:
        """Build the model if need be, and refuse data that does not fit, before anything is trained."""
        if not self.model.is_built:
            self._build(parts[0])
        check_precision(self.model)
        if self.model.native is not self._native:  # new, or made anew by model.replace
            self._native = self.model.native
            self._steppers.clear()
            self._compiled.clear()
        if self._loss is not None:
            refuse_softmax(self._loss, self.model)
        self._check_data(parts)
        self._look_at_frozen()

    def _look_at_frozen(self) -> None:
        """Layers may have been frozen or unfrozen since: then other weights are trained, by an optimizer that starts anew."""
        self._trained = tuple(self.model.trainable_slots())

    def _check_data(self, parts: tuple[Any, ...]) -> None:
        if type(self).training_step is Trainer.training_step:  # else the inputs may be for anything
            inspect(self.model._need_built(), _arguments(parts[0]))
        if self._loss is not None and len(parts) == 2:
            check_targets(self._loss, self.model, parts[1])

    def _train_epoch(self, source: Arrays, bar: Bar) -> tuple[dict[str, float], np.ndarray]:
        states = self._initial()
        logs: list[dict[str, Any]] = []
        weights: list[int] = []
        with self._backend.training_mode(self.model.native, True):
            for number, batch in enumerate(source.batches(self.epoch), 1):
                states, log = self._run_step(batch, states)
                logs.append(log)
                weights.append(len(next(iter(leaves(batch)))))
                bar.step(number, lambda: _text(self._read(logs[-1])))
        columns = {name: np.array([self._to_numpy(log[name]) for log in logs], "float64") for name in logs[0]}
        numbers = {name: float(np.average(column, weights=weights)) for name, column in columns.items()}
        each = columns.get("loss", np.full(len(logs), np.nan))
        return numbers | self._results(states), each

    def _run_step(self, batch: Any, states: Any) -> tuple[Any, dict[str, Any]]:
        if self._portable:
            self._backend.set_random_state(self.model.native, self.seed, max(self._steps.values(), default=0))
        rates = {name: o.learning_rate(self._steps.get(name, 0)) for name, o in self.optimizers.items()}
        result: tuple[Any, dict[str, Any]] = self._step("train", self._one_step, batch)(
            self._tensors(batch), states, rates
        )
        for name in self.optimizers:
            self._steps[name] = self._steps.get(name, 0) + 1
        return result

    def _one_step(self, batch: Any, states: Any, rates: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        self._states, self._rates = dict(states), rates
        state = self._backend.next_random_state(self.model.native) if self._portable else None
        # ops without a tensor are of the model's backend
        with training_step(), running(self._backend), step_of(state):
            result = self.training_step(
                batch[0] if len(batch) == 1 else batch
            )  # what fit was given: x alone, or (x, y)
        logs = result if isinstance(result, dict) else {"loss": result}
        return self._states, {name: ops.stop_gradient(value) for name, value in logs.items()}

    def _evaluate(self, source: Arrays) -> dict[str, float]:
        states = self._initial()
        values, weights = [], []
        with self._backend.training_mode(self.model.native, False):
            for batch in source.batches():
                states, log = self._step("evaluate", self._one_evaluation, batch)(self._tensors(batch), states, {})
                values.append(log)
                weights.append(len(next(iter(leaves(batch)))))
        numbers = {
            name: float(np.average([self._to_numpy(v[name]) for v in values], weights=weights)) for name in values[0]
        }
        return numbers | self._results(states)

    def _one_evaluation(self, batch: Any, states: Any, rates: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        x, y = batch
        self._states = dict(states)
        predictions = self.model(*_arguments(x))
        self._measure(y, predictions)
        return self._states, {"loss": self.loss(y, predictions)} if self._loss is not None else {}

    def _measure(self, targets: Any, predictions: Any) -> None:
        for i, metric in enumerate(self.metrics):
            state = metric.update(self._states[str(i)], targets, map_nest(ops.stop_gradient, predictions))
            self._states[str(i)] = {k: ops.stop_gradient(v) for k, v in state.items()}

    def _initial(self) -> dict[str, dict[str, Any]]:
        backend, device = self._backend, self.model.device
        return {
            str(i): {k: backend.to_tensor(v, device=device) for k, v in metric.initial().items()}
            for i, metric in enumerate(self.metrics)
        }

    def _results(self, states: dict[str, dict[str, Any]]) -> dict[str, float]:
        return {
            metric.name: metric.result({k: self._to_numpy(v) for k, v in states[str(i)].items()})
            for i, metric in enumerate(self.metrics)
        }

    def _step(self, kind: str, function: Callable[..., Any], batch: Any) -> Callable[..., Any]:
        """The compiled step; one for each structure of batch, whatever its length."""
        signature = map_nest(lambda a: TensorSpec((None, *a.shape[1:]), self._dtype(a)), batch)
        key = (kind, repr(signature), self._trained)
        if key not in self._compiled:
            self._compiled[key] = self._backend.compile_step(function, self.model.native, signature, self.jit)
        return self._compiled[key]

    def _dtype(self, array: np.ndarray) -> str:
        return self.model.precision if array.dtype.kind == "f" else array.dtype.name

    def _tensors(self, batch: Any) -> Any:
        backend, device = self._backend, self.model.device
        return map_nest(lambda a: backend.to_tensor(a, dtype=self._dtype(a), device=device), batch)

    def _to_numpy(self, value: Any) -> np.ndarray:
        return self._backend.to_numpy(value)

    def _read(self, logs: dict[str, Any]) -> dict[str, np.ndarray]:
        return {name: self._to_numpy(value) for name, value in logs.items()}


def _metrics_get(metric: Any) -> metrics.Metric:
    return metrics.get(metric)


def _arguments(x: Any) -> tuple[Any, ...]:
    """What forward is called with: a tuple is several arguments, anything else is one."""
    return x if isinstance(x, tuple) else (x,)


def _text(numbers: dict[str, np.ndarray]) -> str:
    return "  ".join(f"{name} {float(value):.4f}" for name, value in numbers.items())
