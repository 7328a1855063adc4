"""Trainer: one training loop for every backend."""

from __future__ import annotations

import copy
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import get_ident
from typing import Any, Self

import numpy as np

from unidl import arguments, metrics, optimizers
from unidl.backends import registry
from unidl.backends.contract import Purpose
from unidl.callbacks import Callback
from unidl.capture import told_arguments
from unidl.data import Arrays, Source
from unidl.data.source import parts_of
from unidl.description.layer import Layer
from unidl.errors import ArgumentError, ConcurrentUseError, NonFiniteWarning, NotSerializableError
from unidl.graph.node import map_nest
from unidl.interchange import convert
from unidl.models import saving
from unidl.models.build import build_once
from unidl.models.calling import changing, reading
from unidl.models.door import inspect
from unidl.models.model import Model, in_training_step
from unidl.subclass import check_methods, check_signatures
from unidl.table import Table
from unidl.training import showing, state
from unidl.training.bar import Bar
from unidl.training.beginning import begin
from unidl.training.checks import check_precision, check_run, check_watched
from unidl.training.compiling import Choice
from unidl.training.control import Interruption
from unidl.training.engine import Engine, arguments_of
from unidl.training.feed import Feed
from unidl.training.fitting import Fit
from unidl.training.given import (
    check_build_arguments,
    checked_jit,
    evaluated_source,
    held_out,
    optimizers_of,
    source_of,
    unpacked,
)
from unidl.training.history import History
from unidl.training.hooks import Hooks
from unidl.training.objective import Objective
from unidl.training.observing import OBSERVERS
from unidl.training.options import Options
from unidl.training.predicting import as_inputs, predict
from unidl.training.progress import ASKED, Progress


class Trainer:
    """Trains a model on arrays.

    Layers may be frozen and unfrozen between epochs. The optimizer's state belongs to the weights that are trained: it starts anew
    when they are others, and goes on where it was when they are the same again.

    Args:
        model: The model. One that is not built is built by the first `fit`, for the inputs it sees.
        loss: Name of a loss, one of unidl.losses, or a function(targets, predictions). For a model with several outputs a dict
            {output: loss}, or a list of losses in the outputs' order, None for one that has none.
        optimizer: Name of an optimizer, one of unidl.optimizers, or a dict of them for a `training_step` of your own.
        metrics: Names, or objects of unidl.metrics, or functions(targets, predictions), in a list. For a model with several outputs a
            dict {output: metrics}, or a list of lists.
        jit: Whether the framework's compiler compiles the step (XLA, torch.compile). "auto" measures a few steps of each, takes
            them back, and keeps the faster over the steps still to come, compiling included; `jit_choice` says why.
        loss_weights: Factors of the losses of several outputs in their sum, given as they are; None is 1 for each.
        backend: For a model that is not built yet; None is the one in force where the Trainer is made.
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
        metrics: Sequence[Any] | Mapping[str, Any] = (),
        jit: bool | str = False,
        *,
        loss_weights: Any = None,
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
        self.model = model
        self.objective = Objective(loss, loss_weights, metrics)
        given = optimizers_of(optimizer, own_step=type(self).training_step is not Trainer.training_step)
        self.optimizers: dict[str, optimizers.Optimizer] = {name: optimizers.get(o) for name, o in given.items()}
        self.jit = checked_jit("Trainer", jit)
        check_build_arguments(backend, device, precision, random)
        if backend is None and not model.is_built:
            backend = registry.in_force().value  # of where the Trainer is made, wherever `fit` is called
        self._given = {"backend": backend, "device": device, "precision": precision, "random": random}
        self.seed = 0 if seed is None else arguments.seed("Trainer", "seed", seed)
        self.epoch = 0  # epochs done, over all calls of fit
        self.steps_taken = 0  # optimizer steps, over all calls of fit and step
        self.progress: Progress | None = None  # of the last call of fit
        self.callbacks: list[Callback] = []  # of the last call of fit
        self.resuming = False  # whether that call goes on with a run
        self.engine = Engine(self)
        self._stop: str | None = None
        self._bar: Bar | None = None  # while a fit runs
        self._trial: Callable[[np.ndarray, float], np.ndarray] | None = None  # likewise
        self._runs: tuple[int, str] | None = None  # the thread that trains now, and by what
        if model.is_built:
            self._check_built()

    def _check_built(self) -> None:
        random = self.model._need_built().random
        built = {"backend": self.model.backend, "precision": self.model.precision, "random": random}
        for name, value in built.items():
            if self._given[name] is not None and self._given[name] != value:
                raise ArgumentError(
                    f"The model is built already, with {name}={value!r}; the Trainer asks for {self._given[name]!r}.",
                    fix=f"Leave {name}= out, or make a new model with model.copy(backend=…).",
                )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_methods(cls, Trainer, hooks="on_")
        check_signatures(cls, Trainer, dict.fromkeys(("training_step", "validation_step", "predict_step"), ("batch",)))

    # -- what a subclass may write ---------------------------------------------------------------------------------------

    def training_step(self, batch: Any) -> Any:
        """One step on one batch; returns the loss, or a dict of numbers that are logged.

        A subclass may write its own with `minimize`. It runs once for each optimizer step in torch, and is traced into a graph
        by TensorFlow, so it is written with unidl.ops.

        Args:
            batch: What `fit` was given, cut to the batch: (x, y, sample_weight), (x, y), or x alone.
        """
        x, y, weights = unpacked(batch)

        def loss() -> tuple[Any, Any]:
            predictions = self.engine.predictions(x)
            value, numbers = self.engine.loss(y, predictions, weights)
            return value, (predictions, numbers) if numbers else (predictions,)

        value, (predictions, *numbers) = self.minimize(loss)
        if numbers:
            self.engine.log(numbers[0])
        self.engine.measure(y, predictions, weights)
        return value

    def validation_step(self, batch: Any) -> Any:
        """The evaluation of one batch, for `validation_data` and `evaluate`; returns the loss, or a dict of numbers that are logged.

        A subclass may write its own, in inference mode, as a training_step without `minimize`; `measure` adds to the metrics.

        Args:
            batch: As in `training_step`.
        """
        return self.engine.validation(batch)

    def predict_step(self, batch: Any) -> Any:
        """The outputs for one batch of inputs, for `predict`; a subclass may write its own, in inference mode.

        Args:
            batch: Inputs; a tuple for a forward of several arguments.
        """
        return self.model(*arguments_of(batch))

    @told_arguments
    def log(self, name: str, value: Any) -> None:
        """Log a number of the step that is being taken: as if `training_step` or `validation_step` returned it in its dict.

        Args:
            name: Its name in the history; of a validation_step "val_" stands before it.
            value: A scalar tensor, or a Python number.
        """
        self.engine.log_once(arguments.text("Trainer.log", "name", name), value)

    def measure(self, targets: Any, predictions: Any, sample_weight: Any = None) -> None:
        """Add a batch to the metrics; inside `training_step`, which else leaves them out of the epoch's numbers.

        Args:
            targets: As the metrics take them.
            predictions: Likewise; with no gradient, as `minimize` gives them back.
            sample_weight: Weights or a mask of the examples, or None.
        """
        self.engine.measure(targets, predictions, sample_weight)

    @property
    def metrics(self) -> list[metrics.Metric]:
        """The metrics that the Trainer was given, those of all outputs in one list."""
        return [measure.metric for measure in self.objective.measures]

    @property
    def loss(self) -> Any:
        """The loss that the Trainer was given; of losses by output their weighted sum, a function(targets, predictions)."""
        return self.objective.loss

    @told_arguments
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
        if not isinstance(optimizer, str) or optimizer not in self.optimizers:
            raise ArgumentError(
                f"The Trainer has no optimizer {optimizer!r}.",
                expected=f"one of {', '.join(self.optimizers)}",
                fix="Trainer(model, optimizer={'d': …, 'g': …}).",
            )
        arguments.function("Trainer.minimize", "function", function, " that returns the loss")
        if part is not None:
            arguments.instance("Trainer.minimize", "part", part, Model, "the Trainer's model, or a model inside it")
        return self.engine.minimize(function, self.model if part is None else part, optimizer)

    # -- the loop --------------------------------------------------------------------------------------------------------

    @told_arguments
    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int | None = None,
        batch_size: int = 32,
        validation_data: Any = None,
        validation_split: float = 0.0,
        validation_freq: int = 1,
        steps_per_epoch: int | None = None,
        max_steps: int | None = None,
        max_time: float | timedelta | None = None,
        fast_dev_run: bool | int = False,
        overfit_batches: float = 0,
        class_weight: Mapping[Any, Any] | None = None,
        sample_weight: Any = None,
        shuffle: bool = True,
        callbacks: Sequence[Callback] = (),
        progress: bool = True,
        resume: bool = False,
        on_nonfinite: str = "stop",
    ) -> History:
        """Train for some epochs.

        Args:
            x: Inputs, with examples along the first axis: an array, a list or dict of them for a forward that takes one nest, a
                tuple for a forward of several arguments. Or what has the targets too: a torch Dataset or DataLoader, a tf.data.Dataset,
                a keras.utils.PyDataset, a Hugging Face Dataset, a generator, a function that gives batches, a list of
                batches (x, y), a unidl.data.Stream.
            y: Targets, likewise; None for a training_step that needs none.
            epochs: Epochs of this call; with `resume` those of the whole run. None is 1, or until `max_steps` or `max_time` is reached.
            batch_size: Examples in a batch; the last batch may have fewer.
            validation_data: What to evaluate on after each epoch: (x, y), (x, y, sample_weight), or a source of batches.
            validation_split: The fraction of the arrays, their last examples before any shuffling, that is evaluated on instead.
            validation_freq: Epochs between two evaluations: 2 evaluates every second one.
            steps_per_epoch: Batches in an epoch, for a source that never ends, or epochs that are shorter or longer than the data: the
                batches are those of the run without it, in their order, cut into epochs elsewhere.
            max_steps: Optimizer steps of this call, with `resume` of the whole run, after which it ends.
            max_time: Seconds, or a datetime.timedelta, after which this call ends, at the next control. An epoch that `max_steps` or
                `max_time` cuts short is evaluated and in the history; `resume=True` goes on within it.
            fast_dev_run: True or a number: one epoch of so many batches, and as many to evaluate on, to see that all of it runs;
                callbacks that write files or stop a run are left out.
            overfit_batches: Train on the first so many batches alone (a float from 0 to 1: that fraction), in one order: a model that
                cannot learn them by heart has a fault.
            class_weight: {class: weight}, the weights of examples by their class in the loss; 1 for a class that is not named. For
                losses by output {output: {class: weight}}. Metrics, and the evaluation, do not take it.
            sample_weight: Weights from 0 up, (batch,), or of each time step, (batch, time); or booleans, a mask: False leaves the
                position out. Metrics take them too. For several outputs one array for all, or nested as the targets. A source of
                batches gives them as the third of (x, y, sample_weight).
            shuffle: Whether each epoch has its own order, drawn from (seed, epoch).
            callbacks: See unidl.callbacks. Those that declare `every_steps` get control so often; otherwise the loop runs on for
                about 0.2 seconds, after which Ctrl-C is heeded and the loss looked at.
            progress: Whether to show a live bar.
            resume: Go on with the run where it stood when it was stopped or killed: from the newest checkpoint of the
                `callbacks.Checkpoint` given, or from this Trainer itself. Where there is neither yet, it begins.
            on_nonfinite: "stop" ends the run within about 0.2 seconds of a loss or weight that is NaN or infinite, with a
                NonFiniteWarning that names the first of them; "go on" only warns.

        Returns:
            The numbers of each epoch, and the loss of each step (NaN where a training_step of your own returns none).

        Raises:
            DataError: The data cannot be used as it is; nothing was trained then.
            ArgumentError: The loss reads logits and the model ends with a softmax.
            TrainingInterrupted: Ctrl-C. The step was taken whole, and checkpoints are written; it is a KeyboardInterrupt.
            TrainingTerminated: SIGTERM or SIGHUP, likewise; it is a SystemExit.
            ConcurrentUseError: Another thread trains the model, or it was called inside a run of this Trainer.
            CheckpointError: Checkpoints cannot be written there.
        """
        self._refuse_inside("fit")
        check_run(callbacks, on_nonfinite)
        options = Options.checked(
            epochs=epochs,
            max_steps=max_steps,
            max_time=max_time,
            validation_freq=validation_freq,
            validation_split=validation_split,
            steps_per_epoch=steps_per_epoch,
            fast_dev_run=fast_dev_run,
            overfit_batches=overfit_batches,
        )
        callbacks = options.called(callbacks)
        for name, value in (("shuffle", shuffle), ("progress", progress), ("resume", resume)):
            arguments.flag("Trainer.fit", name, value)
        arguments.positive("Trainer.fit", "batch_size", batch_size)
        source = source_of(x, y, sample_weight, batch_size, shuffle, self.seed)
        validation = (
            None
            if validation_data is None
            else held_out(validation_data, max(batch_size, 256), self.engine.validates_own())
        )
        source, validation = options.sources(source, validation)
        self._build_for(source)
        with _training(self, "fit"):
            self._prepare(source)
            self._weigh_classes(class_weight)
            if validation is not None:
                self._check_data(validation.sample(), self._compares(training=False))
            own_step = not self.engine.takes_own_step()
            check_watched(
                callbacks,
                self.objective.names(),
                own_step,
                not self.engine.validates_own(),
                validated=validation is not None,
            )
            self._stop = None
            for observer in OBSERVERS:
                observer.begins(self, source)
            run = begin(self, source, callbacks, resume and not options.fast_dev_run)
            hooks = Hooks(self, callbacks)
            with Bar(progress) as bar, hooks.shown_by(bar):
                with Interruption() as interruption, self.engine.drawing():
                    evaluated = None if validation is None else self._feed(validation, training=False)
                    feed = self._feed(source, training=True)
                    fit = Fit(self, feed, evaluated, options, hooks, bar, interruption, on_nonfinite == "stop")
                    fit.run(run)
                hooks.end()
            history = run.history(fit.unfinished)
            for observer in OBSERVERS:
                observer.ends(self, history)
        return history

    @told_arguments
    def evaluate(self, x: Any, y: Any = None, batch_size: int = 256, sample_weight: Any = None) -> dict[str, float]:
        """Loss and metrics on data, without training.

        Args:
            x: Inputs, or what has the targets too (see `fit`).
            y: Targets.
            batch_size: Examples in a batch.
            sample_weight: Weights or a mask, as in `fit`.
        """
        arguments.positive("Trainer.evaluate", "batch_size", batch_size)
        source = evaluated_source(x, y, sample_weight, batch_size, self.engine.validates_own())
        self._build_for(source)
        with (
            reading(self.model._need_built(), "Trainer.evaluate"),
            ambient(self.model, "Trainer.evaluate", "evaluation"),
        ):
            self._prepare(source, training=False)
            found = self.engine.weights.look(must=True)
            if found is not None:
                warnings.warn(NonFiniteWarning(f"{found}; a fused kernel may hide it from the loss."), stacklevel=2)
            return self.engine.evaluate(self._feed(source, training=False))

    @told_arguments
    def predict(self, *inputs: Any, batch_size: int = 256) -> Any:
        """Outputs, as arrays.

        Args:
            *inputs: Arrays of any length, as forward takes them; or one source of batches (see `fit`), whose targets are left out.
            batch_size: Examples at a time.
        """
        arguments.positive("Trainer.predict", "batch_size", batch_size)
        given = as_inputs(inputs, batch_size)
        if isinstance(given, Source):
            self._build_for(given)
        elif not self.model.is_built:
            self._build(
                tuple(np.asarray(a) if not isinstance(a, (list, dict)) else map_nest(np.asarray, a) for a in given)
            )
        own = type(self).predict_step is not Trainer.predict_step
        if own or isinstance(given, Source):
            return predict(self, given, batch_size, own)
        return self.model.predict(*given, batch_size=batch_size)

    @told_arguments
    def step(self, batch: Any) -> Mapping[str, float]:
        """One optimizer step on one batch, for people with a loop of their own.

        Args:
            batch: (x, y, sample_weight), (x, y), or x alone; arrays.

        Returns:
            The numbers of this batch. They stay on the device until one is looked at: a loop that looks seldom does not wait.
        """
        self._refuse_inside("step")
        source = Arrays(*parts_of(batch), batch_size=arguments.LARGEST_SIZE)
        self._build_for(source)
        with _training(self, "step"):
            self._prepare(source)
            self.engine.weigh_classes(None)
            for observer in OBSERVERS:
                observer.steps(self, source)
            started = time.perf_counter()
            numbers = self.engine.step(source)
            for observer in OBSERVERS:
                observer.stepped(self, source, numbers, time.perf_counter() - started)
        return numbers

    def _refuse_inside(self, what: str) -> None:
        """Refuse what moves the run that is being made.

        Raises:
            ConcurrentUseError: This thread is inside a `fit` or `step` of this Trainer.
        """
        if self._runs is not None and self._runs[0] == get_ident():
            raise ConcurrentUseError(
                f"Trainer.{what} was called inside Trainer.{self._runs[1]} of the same Trainer.",
                expected="evaluate, predict, state and save in callbacks, and stop() to end the run",
                fix="Train another copy there: unidl.Trainer(trainer.model.copy(), …); or call it after the run.",
            )

    @told_arguments
    def stop(self, reason: str = "") -> None:
        """End the run, after this step or this epoch; for callbacks. `fit(…, resume=True)` does not go on with a run that ended so.

        Args:
            reason: Shown below the progress bar, and in `History.stopped`.
        """
        arguments.instance("Trainer.stop", "reason", reason, str, "a text")
        self._stop = f"{ASKED}: {reason}" if reason else ASKED

    def _say(self, text: str) -> None:
        """Show a line below the progress bar; nothing where `fit(…, progress=False)`."""
        if self._bar is not None:
            self._bar.say(text)

    @property
    def jit_choice(self) -> Choice | None:
        """What jit="auto" measured and chose; None before it did."""
        return self.engine.choice

    def asked_to_stop(self) -> str | None:
        """What a callback called `stop` for; None where none did."""
        return self._stop

    # -- going on --------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that training resumes from: weights, optimizers, counters, generators, the run's progress, as arrays and plain data.

        It knows no backend: another Trainer, of the same model on another one, may resume from it.
        """
        with reading(self.model._need_built(), "Trainer.state"):
            return state.read(self)

    @told_arguments
    def restore(self, saved: Mapping[str, Any] | str | os.PathLike[str]) -> None:
        """Resume from what `state` gave, or `save` or a Checkpoint wrote: whole or not at all.

        Everything is checked before anything is replaced. After an error weights, optimizers, counters and generators are as
        they were.

        Args:
            saved: The state, or the file.

        Raises:
            WeightError: It is of another model.
            ArgumentError: It is of other optimizers or metrics.
            FileError: The file is damaged or foreign, or holds a model alone.
            NotBuiltError: The model is not built yet.
        """
        self._refuse_inside("restore")
        with changing(self.model._need_built(), "Trainer.restore"):
            if isinstance(saved, Mapping):
                state.write(self, saved)
            else:
                with saving.opened_training(saved, "trainer.restore") as held:
                    state.write(self, held)

    @told_arguments
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model and all that training goes on from to a file; `restore` and, for the model alone, `unidl.load` read it.

        Args:
            path: The file, "m.unidl", written aside and renamed.

        Raises:
            NotBuiltError: The model is not built yet.
            NotSerializableError: A callback's state is no plain data.
        """
        with reading(self.model._need_built(), "Trainer.save"):
            saving.save(self.model, path, state.read(self, lazily=True), "trainer.save")

    @told_arguments
    def converted(self, backend: str, device: str | None = None, precision: str | None = None) -> Self:
        """The same training on another backend (see unidl.convert). Parts of the model that a subclass keeps are those of the old one."""
        new: Self = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new.model = convert(self.model, backend, device, precision)
        new.callbacks, new._runs, new.objective = [], None, copy.copy(self.objective)
        new._bar = new._trial = None
        new.engine = Engine(new)
        new.restore({**self.state(), "callbacks": [], "choice": None})
        return new

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        new = memo[id(self)] = self.converted(self.model.backend) if self.model.is_built else self._unbuilt()
        return new

    def _unbuilt(self) -> Self:
        new: Self = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new.model, new.callbacks, new.engine = copy.deepcopy(self.model), [], Engine(new)
        new._runs, new.objective = None, copy.copy(self.objective)
        return new

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise NotSerializableError(
            "A Trainer cannot be pickled: it holds the framework's own objects.",
            fix="trainer.save(path) and trainer.restore(path) keep all of it; unidl.convert(trainer, backend) and copy.deepcopy copy it.",
        )

    def __repr__(self) -> str:
        return showing.line(self)

    def __rich__(self) -> Table:
        """For rich's print: the model's table, and how it is trained."""
        return showing.table(self)

    def _repr_html_(self) -> str:
        """The same, for a notebook."""
        return showing.table(self)._repr_html_()

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _build_for(self, source: Source) -> None:
        """Build the model if need be."""
        if not self.model.is_built:
            self._build(source.sample()[0])

    def _build(self, x: Any) -> None:
        model = self.model
        build_once(
            model,
            lambda: model.build(
                *(model.inputs() or map_nest(lambda a: a[:1], arguments_of(x))),
                backend=self._given["backend"],
                device=self._given["device"],
                precision=self._given["precision"] or "float32",
                seed=self.seed,
                random=self._given["random"] or "native",
            ),
        )

    def _prepare(self, source: Source, training: bool = True) -> None:
        """Refuse data that does not fit, before anything is computed."""
        check_precision(self.model)
        self.engine.look_at_model()
        self.objective.check_model(self.model._need_built().plan)
        self._check_data(source.sample(), self._compares(training))

    def _weigh_classes(self, given: Any) -> None:
        """Weights of classes for the Trainer's own steps.

        Raises:
            ArgumentError: They are none, or a training_step of the user's own takes the steps.
        """
        if given is not None and not self.engine.takes_own_step():
            raise ArgumentError(
                "class_weight weighs the Trainer's own loss, and this Trainer has a training_step of its own.",
                fix="Give weights of examples, sample_weight=, which training_step gets as the third of its batch.",
            )
        self.engine.weigh_classes(self.objective.class_tables(given))

    def _compares(self, training: bool) -> bool:
        """Whether targets reach the loss and the metrics as they are given: a training_step of the user's own may change them."""
        return self.engine.takes_own_step() if training else self.engine.validates_own()

    def _check_data(self, parts: tuple[Any, ...], compared: bool) -> None:
        if compared:  # else the inputs and targets may be for anything
            inspect(self.model._need_built(), arguments_of(parts[0]))
            if len(parts) > 1:
                self.objective.check(parts)

    def _feed(self, source: Source, training: bool) -> Feed:
        compared = self._compares(training)

        def look(batch: tuple[Any, ...]) -> None:
            if compared and len(batch) > 1:
                self.objective.check(batch)

        return self.engine.feed(source, training, look)


class _training(changing):  # noqa: N801  # used as `with _training(…)`; entering a generator would cost each step more
    """Inside, this thread trains the Trainer's model, and what other threads ask of the model is refused.

    Args:
        trainer: The Trainer.
        what: Its method.
    """

    def __init__(self, trainer: Trainer, what: str) -> None:
        super().__init__(trainer.model._need_built(), f"Trainer.{what}", refuses=True)
        self._trainer, self._method = trainer, what

    def __enter__(self) -> None:
        super().__enter__()
        try:
            self._ambient = ambient(self._trainer.model, f"Trainer.{self._method}", "training")
            self._ambient.__enter__()
        except BaseException:
            super().__exit__()
            raise
        self._trainer._runs = get_ident(), self._method

    def __exit__(self, *error: Any) -> None:
        self._trainer._runs = None
        self._ambient.__exit__(*error)
        super().__exit__(*error)


for _own in (Trainer.training_step, Trainer.validation_step):
    _own.of_trainer = True  # type: ignore[attr-defined]  # a subclass' own has no such mark


def ambient(model: Model, what: str, purpose: Purpose) -> AbstractContextManager[object]:
    """Inside, contexts of the framework that stand around change nothing (see the backends' contract)."""
    built = model._need_built()
    return built.backend.ambient(what, built.device, purpose)
