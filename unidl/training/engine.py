"""The engine of a Trainer: it takes steps on the model's backend, many in one call, and reads numbers when somebody looks."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.backends.contract import Backend, Generator, Slot, Stepper, Steps
from unidl.capture import Record
from unidl.data import Arrays, Source
from unidl.data.reading import Reading
from unidl.errors import ArgumentError, FileError, ShapeError
from unidl.graph.node import map_nest
from unidl.graph.spec import TensorSpec
from unidl.models.build import weight_path
from unidl.models.calling import calling, raise_meant
from unidl.models.door import admit
from unidl.models.model import Model, in_training_step, training_step
from unidl.ops.stream import step_of
from unidl.targets import labels
from unidl.training.added import adding_layers, gathered, plus
from unidl.training.allocation import keep_freed_memory
from unidl.training.checks import scalar
from unidl.training.compiling import Choice
from unidl.training.control import Pace, Uninterrupted
from unidl.training.feed import Feed, Load, fits, is_weighted, part_of
from unidl.training.gradient_norms import gradient_norms
from unidl.training.nonfinite import Weights
from unidl.training.numbers import Numbers, is_shown
from unidl.training.objective import ADDED, Objective
from unidl.training.outputs import Key as Output
from unidl.training.progress import Progress
from unidl.training.rates import rates_of
from unidl.training.restorable import check_optimizer
from unidl.training.saved import Key

if TYPE_CHECKING:
    from unidl.training.trainer import Trainer


class _Now(threading.local):
    """The step that this thread takes, or evaluates."""

    def __init__(self) -> None:
        self.states: dict[str, Any] = {}  # of the metrics
        self.rates: dict[str, Any] = {}  # by optimizer
        self.numbers: dict[str, Any] = {}  # what the Trainer's own step logs beside the loss
        self.norms: dict[str, Any] = {}  # of gradients
        self.by_hand: set[str] = set()  # the names of those that somebody's step logged
        self.is_taken = False  # whether a step is being taken or evaluated now, which may log
        self.admitted = False  # whether its inputs came through the model's door


class Engine:
    """Takes a Trainer's steps.

    Args:
        trainer: What it works for.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.steps_of: dict[str, int] = {}  # an optimizer's name -> steps it took, which its learning rate depends on
        self.steppers: dict[Key, Stepper] = {}  # made at their first use
        self.waiting: dict[Key, Any] = {}  # states for those that are not made yet
        # (id of a part, optimizer) -> the records of its layers, which of them were frozen then, the stepper, and the part
        self._at_work: dict[tuple[int, str], tuple[list[Record], list[bool], Stepper, Model]] = {}
        self._own: tuple[Any, Generator] | None = None  # the Trainer's generator, and its backend and device
        self.generator: Generator | None = None  # likewise, while a fit draws from it
        self.drawn: Mapping[str, np.ndarray] | None = None  # a generator's state to go on from
        self.choice: Choice | None = None  # what jit="auto" found
        self.pace = Pace()  # known from one fit to the next
        self.weights = Weights(self)  # looks at them; what that costs is known likewise
        self._trained: tuple[str, ...] = ()  # paths of the weights that are not frozen now
        self._now = _Now()
        self._changing = threading.RLock()  # evaluations may run in several threads
        self._names: list[str] | None = None  # of the numbers that a training step gives
        self.logs_gradient_norms = False  # while a callback wants them
        self.measured = False  # whether a training step has added a batch to the metrics
        self.validated = False  # likewise a validation_step
        self.class_weights: dict[Output, Any] | None = None  # weights by class, on the device, while a fit has some
        self._weighing: Any = None  # what tells them apart from others
        self._programs: dict[Any, Steps] = {}
        self._native: Any = None  # the native object that all these are of
        self._records: list[Record] = []  # of its layers
        self._resting: list[bool] = []  # which of these are frozen

    @property
    def model(self) -> Model:
        """The Trainer's model."""
        return self.trainer.model

    @property
    def objective(self) -> Objective:
        """The Trainer's losses and metrics."""
        return self.trainer.objective

    @property
    def backend(self) -> Backend:
        """The model's backend."""
        return self.model._need_built().backend

    @property
    def on_cpu(self) -> bool:
        """Whether the model's memory is the process' own."""
        return "cpu" in str(self.model.device).lower()  # "cpu" in torch, "CPU:0" in TensorFlow, "cpu:0" in Keras

    def look_at_model(self) -> None:
        """The native object may be new, or made anew by model.replace; layers may have been frozen or unfrozen since."""
        with self._changing:
            self._look_at_model()

    def _look_at_model(self) -> None:
        built = self.model._need_built()
        known = built.native is self._native
        records = self._records if known else [plan.layer._unidl for plan in built.plan.walk()]
        resting = [record.frozen for record in records]
        if known and resting == self._resting:
            return
        self._records, self._resting = records, resting
        if not known:
            self.objective.resolve(built.plan, adds=bool(adding_layers(self.model)))
            self._native = built.native
            if self.on_cpu:
                keep_freed_memory()
            self.steppers.clear()
            self._at_work.clear()
            self._programs.clear()
            self._names = None
            self.pace = Pace()
        # where other weights are trained, it is by an optimizer that starts anew
        self._trained = tuple(self.model.trainable_slots())

    # -- one step --------------------------------------------------------------------------------------------------------

    def minimize(self, function: Callable[[], Any], part: Model, name: str) -> Any:
        """One step of an optimizer (see Trainer.minimize)."""
        stepper = self._stepper(part, name)
        paired = False

        def split(returned: Any) -> tuple[Any, Any]:
            nonlocal paired
            paired = isinstance(returned, tuple) and len(returned) == 2
            return (scalar(returned[0]), returned[1]) if paired else (scalar(returned), ())

        def with_added() -> tuple[Any, Any]:
            returned, added = gathered(function, adding)
            value, aux = split(returned)
            value, added = plus(value, added)
            return value, (aux, added)

        adding = adding_layers(part) if self.objective.adds else frozenset()
        minimized = with_added if adding else lambda: split(function())
        (loss, aux), gradients = self.backend.value_and_grad(minimized, (), {}, stepper.wanted, has_aux=True)
        if adding:
            aux, added = aux
            if self.takes_own_step():
                self.log({ADDED: added})
        if self.logs_gradient_norms:
            of = f"{name}/" if len(self.trainer.optimizers) > 1 else ""
            self._now.norms |= gradient_norms(stepper.slots, stepper.wanted, gradients, of)
        stepper.apply(gradients, self._now.rates[name])
        return (loss, aux) if paired else loss

    def _stepper(self, part: Model, name: str) -> Stepper:
        """The optimizer at work on what is not frozen in that part. Looked for anew only when layers were frozen or unfrozen."""
        held = self._at_work.get((id(part), name))
        if held is not None and [record.frozen for record in held[0]] == held[1]:
            return held[2]
        slots = part.trainable_slots()
        stepper = self._made_stepper((name, self._path_of(part), tuple(slots)), part, slots)
        records = [plan.layer._unidl for plan in part._need_built().plan.walk()]
        self._at_work[id(part), name] = records, [record.frozen for record in records], stepper, part
        return stepper

    def _made_stepper(self, key: Key, part: Model, slots: Mapping[str, Slot]) -> Stepper:
        if key not in self.steppers:
            if not slots:
                raise ArgumentError(
                    "There is no weight to train: every layer is frozen or has none.", fix="model.unfreeze()."
                )
            self.trainer.optimizers[key[0]].check_patterns(self._decaying(part))
            self.steppers[key] = self.backend.optimizer(self.trainer.optimizers[key[0]], slots)
            held = self.waiting.pop(key, None)
            # a layer may have been replaced since by one of the same path and other shapes: it starts anew
            if held is not None and self.fits(key, held):
                self.steppers[key].write(held)
        return self.steppers[key]

    def fits(self, key: Key, held: Mapping[str, Any]) -> bool:
        """Whether an optimizer's state is of the weights that the model has now."""
        try:
            check_optimizer(self.trainer, key, held)
        except FileError:
            return False
        return True

    def _decaying(self, part: Model) -> list[str]:
        """The paths that `no_decay` may mean: the trainable weights', frozen ones included.

        An optimizer that moves several parts may mean those of any: each path then counts without what leads to a part.
        """
        built = self.model._need_built()
        paths = [
            weight_path(plan, name)
            for plan in built.plan.walk() if plan.reached
            for name, weight in plan.weights.items() if weight.trainable
        ]  # fmt: skip
        if part is self.model:
            return paths
        return list(
            dict.fromkeys("/".join(path.split("/")[cut:]) for path in paths for cut in range(path.count("/") + 1))
        )

    def _path_of(self, part: Model) -> str:
        """The part's path in the model."""
        if part is self.model:
            return ""
        for plan in self.model._need_built().plan.walk():
            if plan.layer is part:
                return plan.path
        raise ArgumentError(
            f"minimize was given {part.name!r} as the part whose weights move, and that is no part of {self.model.name!r}.",
            expected="the Trainer's model, or a model inside it: a checkpoint keeps the weights of that one",
            fix="Make one model that holds both, and give the Trainer that: class Pair(unidl.Model) with self.generator and self.critic.",
        )

    def predictions(self, x: Any) -> Any:
        """The model's outputs for a batch; what came through the model's door already does not go through it again."""
        if not self._now.admitted:
            return self.model(*arguments_of(x))
        return self.backend.run(self._native, arguments_of(x), {}, in_training_step())

    def loss(self, targets: Any, predictions: Any, sample_weight: Any) -> tuple[Any, dict[str, Any]]:
        """The Trainer's loss, a scalar, and what is logged beside it."""
        classes = self.class_weights if in_training_step() else None
        return self.objective.value(targets, predictions, sample_weight, classes)

    def log(self, numbers: dict[str, Any]) -> None:
        """Log numbers of the step that is being taken."""
        self._now.numbers.update(numbers)

    def log_once(self, name: str, value: Any) -> None:
        """See Trainer.log."""
        if not self._now.is_taken:
            raise ArgumentError(
                "log was called outside a step.",
                expected="a call in training_step or validation_step of a subclass of unidl.Trainer",
                fix="In a callback: numbers[name] = value in on_epoch_end(self, trainer, numbers).",
            )
        if name in self._now.by_hand:
            raise ArgumentError(f"{name!r} was logged twice in one step.", fix="Log each number under its own name.")
        self._now.by_hand.add(name)
        self._now.numbers[name] = self._number(name, value)

    def _logged(self, result: Any) -> dict[str, Any]:
        """What a step returned and what it logged, in one."""
        returned = {} if result is None else result if isinstance(result, dict) else {"loss": result}
        numbers = {name: self._number(name, value) for name, value in returned.items()}
        now = self._now
        if now.by_hand and (twice := now.by_hand & numbers.keys()):
            raise ArgumentError(f"{min(twice)!r} was both logged and returned by a step.", fix="Do one of them.")
        return numbers | {n: v for n, v in now.numbers.items() if n not in numbers} if now.numbers else numbers

    def measure(self, targets: Any, predictions: Any, sample_weight: Any = None) -> None:
        """Add a batch to the metrics."""
        if in_training_step():
            self.measured = True
        else:
            self.validated = True
        self._now.states = self.objective.measure(self._now.states, targets, predictions, sample_weight)

    def weigh_classes(self, tables: dict[Output, np.ndarray] | None) -> None:
        """From now on training steps weigh classes so, by output; None: all alike."""
        self._weighing = None if tables is None else tuple((key, table.tobytes()) for key, table in tables.items())
        self.class_weights = None if tables is None else {key: self.put(table) for key, table in tables.items()}

    @property
    def portable(self) -> bool:
        """Whether random ops draw the same numbers on every backend."""
        return self.model._need_built().random == "portable"

    def _train(self, batch: Any, states: Any, rates: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        now = self._now
        now.states, now.rates, now.numbers, now.norms, now.by_hand = dict(states), rates, {}, {}, set()
        given = batch[0] if len(batch) == 1 else batch  # x alone, or (x, y), as fit was given
        now.is_taken = True
        try:
            numbers = self._logged(self.trainer.training_step(given))
        finally:
            now.is_taken = False
        if self._names is None or self._names != list(numbers):
            self._check_named([name for name in numbers if is_shown(name, numbers)])
        return now.states, numbers | now.norms if now.norms else numbers

    def _check_named(self, names: list[str]) -> None:
        """Refuse numbers of a step that are others than those before."""
        if self._names is None:
            self._names = names
        if self._names != names:
            raise ArgumentError(
                "training_step gives other numbers than at its first step.",
                expected=", ".join(self._names) or "none",
                received=", ".join(names) or "none",
                fix="Give each number at every step.",
            )

    def _number(self, name: str, value: Any) -> Any:
        """What a step returned or logged under a name, as a scalar tensor."""
        if isinstance(value, (bool, int, float, np.generic)):
            return self.backend.to_tensor(float(value), dtype=self.model.precision, device=self.model.device)
        shape = getattr(value, "shape", None)
        if shape is None or len(shape):
            raise ShapeError(
                f"A step returned or logged {name!r}, which is no single number.",
                expected="scalars: a loss, or a dict of numbers",
                received=type(value).__name__ if shape is None else f"a tensor of shape {tuple(shape)}",
                fix=f"ops.mean({name}).",
            )
        return value

    def _train_portably(self, batch: Any, states: Any, rates: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        with step_of(self.backend.next_random_state(self._native)):
            return self._train(batch, states, rates)

    def _evaluate(self, batch: Any, states: Any, rates: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        now = self._now
        now.states, now.numbers, now.by_hand, now.is_taken = dict(states), {}, set(), True
        try:
            numbers = self._logged(self.trainer.validation_step(batch[0] if len(batch) == 1 else batch))
        finally:
            now.is_taken = False
        return now.states, numbers

    def validation(self, batch: Any) -> dict[str, Any]:
        """The Trainer's own validation_step."""
        x, y, *weights = batch
        weight = weights[0] if weights else None
        if self.objective.adds:
            predictions, added = gathered(lambda: self.predictions(x), adding_layers(self.model))
        else:
            predictions = self.predictions(x)
        self.measure(y, predictions, weight)
        if not self.objective.parts:
            return {}
        value, numbers = self.loss(y, predictions, weight)
        if self.objective.adds:
            value, numbers[ADDED] = plus(value, added)
        return {"loss": value, **numbers}

    # -- many steps ------------------------------------------------------------------------------------------------------

    def take_steps(
        self, load: Load, states: Any, rates: dict[str, np.ndarray] | None = None
    ) -> tuple[Any, dict[str, np.ndarray]]:
        """Train on a load; the numbers of each step are read once all were taken.

        Args:
            load: The examples.
            states: The metrics'.
            rates: The learning rates, (steps,) for each optimizer; None are the optimizers' own.
        """
        with self.mode(training=True):
            states, numbers = self._run("train", load, states, rates or self.rates_of(load.count))
        self._count(load.count)
        return states, self._read(load, numbers, self.takes_own_step())

    def _read(self, load: Load, numbers: dict[str, Any], own: bool) -> dict[str, np.ndarray]:
        """The numbers of steps as arrays, with what their losses were divided by: of batches of a stream, which may differ in length."""
        read = {name: self._array(value) for name, value in numbers.items()}
        return self.objective.positions(load.data[1], load.sizes) | read if own and load.places is None else read

    def _count(self, steps: int) -> None:
        for name in self.trainer.optimizers:
            self.steps_of[name] = self.steps_of.get(name, 0) + steps
        self.trainer.steps_taken += steps

    def evaluate(self, feed: Feed, interruption: Uninterrupted | None = None) -> dict[str, float]:
        """Loss and metrics over a feed; what there is of them where a signal came."""
        interruption = interruption or Uninterrupted()
        gathered, pace = Progress({}, states=self.initial_states(feed.is_weighted)), Pace()
        with interruption.waiting():
            take = feed.open(0, 0)
        while interruption.asked is None:
            with interruption.waiting():
                load = take(pace.steps)
            if load is None:
                break
            started = time.perf_counter()
            with self.mode(training=False):
                states, numbers = self._run("evaluate", load, gathered.states, {})
            gathered.add(self._read(load, numbers, own=bool(numbers)), load.sizes, states, 0.0)
            pace.measured(load.count, time.perf_counter() - started)
        means = gathered.means()
        means = self.objective.finished(means) if self.validates_own() else means
        return means | (self.results(gathered.states) if self.validates_own() or self.validated else {})

    def step(self, source: Arrays) -> Numbers:
        """One step on all of a source, its numbers unread."""
        seed = _mixed(self.trainer.seed, self.trainer.steps_taken, 1)  # each step draws anew, and alike in each run
        own = self._own_generator()
        with self.mode(training=True):
            own.seed(seed)
            size = source.examples
            admitted = self.takes_own_step()
            data = self.admit(source.parts) if admitted else self.put(source.parts)
            load = Load(data, self.put(np.arange(size)), 0, 1, size, [size], admitted, part_of(source.parts))
            states, numbers = self._run("train", load, self.initial_states(is_weighted(source)), self.rates_of(1))
        self._count(1)
        shown = {name: value for name, value in numbers.items() if is_shown(name, numbers)}
        reads = {name: functools.partial(self._first, value) for name, value in shown.items()}
        return Numbers(reads, lambda: self.results(states))

    def _first(self, column: Any) -> float:
        return float(self._array(column)[0])

    def _run(self, kind: str, load: Load, states: Any, rates: dict[str, np.ndarray]) -> tuple[Any, dict[str, Any]]:
        self._now.admitted = load.admitted
        if kind == "train" and self.portable:
            self.backend.set_random_state(self._native, self.trainer.seed, self.trainer.steps_taken)
        program = self.program(kind, load.data, self.compiles())
        # labels that came through the Trainer were looked at as arrays; what a training_step of the user's own makes of them was not
        with labels.checked(self.validates_own() if kind == "evaluate" else self.takes_own_step()):
            try:
                return program(load.data, load.order, load.first, load.count, load.batch_size, states, rates)
            except self.backend.ERRORS as error:
                raise_meant(self.backend, error)

    def program(self, kind: str, data: Any, jit: bool) -> Steps:
        """The loop for data of that structure, whatever its length."""
        key = (kind, _kind_of(data), self._trained, jit, self._weighing, self.logs_gradient_norms)
        program = self._programs.get(key)
        return self._made_program(kind, key, data, jit) if program is None else program

    def _made_program(self, kind: str, key: Any, data: Any, jit: bool) -> Steps:
        with self._changing:
            if key in self._programs:
                return self._programs[key]
            signature = map_nest(lambda t: TensorSpec((None, *t.shape[1:]), _dtype_of(t)), data)
            train = self._train_portably if self.portable else self._train
            function = train if kind == "train" else self._evaluate
            program = self._programs[key] = self.backend.compile_steps(function, self.model.native, signature, jit, {})
            return program

    def rates_of(self, count: int) -> dict[str, np.ndarray]:
        """The learning rates of the next steps, (count,) for each optimizer, computed on the host in float64."""
        return rates_of(self.trainer.optimizers, self.steps_of, count)

    @contextmanager
    def mode(self, training: bool) -> Iterator[None]:
        """Inside, the model is called as in training, or as in evaluation."""
        built = self.model._need_built()
        what = "A training step" if training else "Trainer.evaluate"
        with (
            calling(built, training, what),
            self._own_generator().turn() if training else nullcontext(),
            built.backend.training_mode(built.native, training),
            training_step(training),
        ):
            yield

    def _own_generator(self) -> Generator:
        """The Trainer's random generator: what others draw in other threads changes nothing of its run."""
        where = self.backend, self.model.device
        if self._own is None or self._own[0] != where:
            self._own = where, self.backend.generator(self.model.device)
        return self._own[1]

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Inside, random ops draw from the Trainer's generator."""
        own = self._own_generator()
        with own.drawing():
            own.seed(self.epoch_seed())
            self.generator = own
            if self.drawn is not None:
                own.write(self.drawn)
                self.drawn = None
            try:
                yield
            finally:  # a run that was stopped in the middle of an epoch goes on drawing from here
                self.drawn, self.generator = own.read(), None

    @contextmanager
    def opening_epoch(self, position: int) -> Iterator[None]:
        """A new epoch's random ops draw from (seed, epoch).

        So does a source that is opened again in the middle of one, whose order may come from the same generator; afterwards the
        generator is where the epoch left it.
        """
        assert self.generator is not None
        before = self.generator.read() if position else None
        self.generator.seed(self.epoch_seed())
        try:
            yield
        finally:
            if before is not None:
                self.generator.write(before)

    def epoch_seed(self) -> int:
        """From which an epoch's random ops draw."""
        return _mixed(self.trainer.seed, self.trainer.epoch, 0)

    def compiles(self) -> bool:
        """Whether steps are compiled, as the Trainer says or as jit="auto" found."""
        return (
            self.choice is not None and self.choice.compiled if self.trainer.jit == "auto" else bool(self.trainer.jit)
        )

    # -- tensors ---------------------------------------------------------------------------------------------------------

    def feed(self, source: Source, training: bool, look: Callable[[tuple[Any, ...]], None]) -> Feed:
        """A source's examples on the model's device, to train or to evaluate on; `look` refuses batches of a stream."""
        through_door = self.takes_own_step() if training else self.validates_own()
        return Feed(
            source,
            self.put,
            self.admit if through_door else None,
            fits(source, self.on_cpu),
            look,
            functools.partial(Reading, source.given, self.backend, self.model.device, self.trainer.seed),
            uniform=bool(self.trainer.jit),
        )

    def takes_own_step(self) -> bool:
        """Whether the Trainer takes its own step, in which the inputs are the model's."""
        return getattr(type(self.trainer).training_step, "of_trainer", False)

    def validates_own(self) -> bool:
        """Whether the Trainer evaluates by its own validation_step, likewise."""
        return getattr(type(self.trainer).validation_step, "of_trainer", False)

    def admit(self, parts: tuple[Any, ...]) -> tuple[Any, ...]:
        """(x,), (x, y) or (x, y, sample_weight) as tensors, the inputs as the model's door makes them."""
        x = parts[0]
        admitted, _ = admit(self.model._need_built(), arguments_of(x), {}, share=True)
        return (admitted if isinstance(x, tuple) else admitted[0], *map(self.put, parts[1:]))

    def put(self, nest: Any) -> Any:
        """Arrays as tensors on the model's device, floating ones in its dtype; where the framework can, in the arrays' memory."""
        backend, device, precision = self.backend, self.model.device, self.model.precision

        def one(array: np.ndarray) -> Any:
            dtype = precision if array.dtype.kind == "f" else array.dtype.name
            return backend.to_tensor(array, dtype=dtype, device=device, share=True)

        return map_nest(one, nest)

    def initial_states(self, weighted: bool) -> dict[str, dict[str, Any]]:
        """The metrics' states before the first batch; a training_step of the user's own may weigh what it measures."""
        return self.states_from(self.objective.initial(weighted or not self.takes_own_step()))

    def states_from(self, arrays: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, dict[str, Any]]:
        """Metrics' states as tensors."""
        backend, device = self.backend, self.model.device
        return {i: {k: backend.to_tensor(v, device=device) for k, v in held.items()} for i, held in arrays.items()}

    def states_as_arrays(self, states: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, np.ndarray]]:
        """Metrics' states off the device."""
        return {i: {k: self._array(v) for k, v in held.items()} for i, held in states.items()}

    def results(self, states: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
        """The metrics' numbers."""
        return self.objective.results(self.states_as_arrays(states))

    def _array(self, value: Any) -> np.ndarray:
        return self.backend.to_numpy(value)


def arguments_of(x: Any) -> tuple[Any, ...]:
    """What forward is called with: a tuple is several arguments, anything else is one."""
    return x if isinstance(x, tuple) else (x,)


@functools.lru_cache(maxsize=16)  # an epoch asks twice
def _mixed(seed: int, number: int, use: int) -> int:
    """A seed of 63 bits from another, a number and a use: neighbours share no draws, as they would if they were added."""
    drawn = np.random.SeedSequence([seed % 2**64, number, use]).generate_state(1, np.uint64)
    return int(drawn[0] >> np.uint64(1))


def _kind_of(data: Any) -> Any:
    """What tells data of another structure, shape or dtype apart, whatever its length."""
    if isinstance(data, (list, tuple)):
        return (type(data), *[_kind_of(item) for item in data])
    if isinstance(data, dict):
        return (dict, *[(key, _kind_of(item)) for key, item in data.items()])
    return tuple(data.shape[1:]), data.dtype


def _dtype_of(tensor: Any) -> str:
    return str(getattr(tensor.dtype, "name", tensor.dtype)).removeprefix("torch.")
