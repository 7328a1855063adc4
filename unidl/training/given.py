"""What a Trainer was given: data as a source of batches, optimizers, how its model is to be built."""

from __future__ import annotations

from typing import Any

from unidl import arguments
from unidl.backends import registry
from unidl.backends.device_name import check_name
from unidl.data import Arrays, Source
from unidl.data.recognize import is_source
from unidl.data.recognize import source_of as source_in
from unidl.errors import ArgumentError, DataError
from unidl.graph.spec import FLOATS
from unidl.settings import Choice, chosen_device


def source_of(x: Any, y: Any, sample_weight: Any, batch_size: int, shuffle: bool, seed: int) -> Source:
    """What is trained on.

    Raises:
        DataError: Targets or weights stand beside a source, which has them itself, weights have no targets, or the arrays cannot be
            used.
    """
    if is_source(x):
        for name, value in (("y", y), ("sample_weight", sample_weight)):
            if value is not None:
                raise DataError(
                    "A source of batches has targets and weights in its batches.",
                    expected="batches (x, y), or (x, y, sample_weight)",
                    received=name,
                    fix=f"Leave {name} out.",
                )
        return source_in(x, batch_size, shuffle, seed)
    return Arrays(*_parts(x, y, sample_weight), batch_size=batch_size, shuffle=shuffle, seed=seed)


def _parts(x: Any, y: Any, sample_weight: Any) -> tuple[Any, ...]:
    """What there is of inputs, targets and weights."""
    if y is None and sample_weight is not None:
        raise DataError(
            "Weights weigh targets, and there are none.", expected="x, y and sample_weight", received="no y"
        )
    return tuple(part for part in (x, y, sample_weight) if part is not None)


def evaluated_source(x: Any, y: Any, sample_weight: Any, batch_size: int, compared: bool) -> Source:
    """What `evaluate` was given.

    Raises:
        DataError: There are no targets, or the arrays cannot be used.
    """
    if is_source(x):
        return held_out(source_of(x, y, sample_weight, batch_size, shuffle=False, seed=0), batch_size, compared)
    if y is None and not compared:
        return Arrays(x, batch_size=batch_size)
    if y is None:
        raise DataError(
            "evaluate needs targets beside the inputs.",
            expected="evaluate(x, y), or a source of batches (x, y): evaluate(unidl.data.Stream(…))",
            received=f"a {type(x).__name__} alone",
        )
    return held_out(_parts(x, y, sample_weight), batch_size, compared)


def held_out(given: Any, batch_size: int, compared: bool = True) -> Source:
    """What is evaluated on.

    Args:
        given: validation_data.
        batch_size: Examples in a batch.
        compared: Whether outputs are compared with targets; a custom validation_step may need none.

    Raises:
        DataError: It is neither (x, y), nor (x, y, sample_weight), nor a source of these, or the arrays cannot be used.
    """
    if is_source(given):
        source = source_in(given, batch_size)
        if compared and len(source.sample()) < 2:
            raise DataError("To evaluate, each batch needs targets.", expected="batches (x, y)", received="x alone")
        return source
    if not compared and not isinstance(given, tuple):
        return Arrays(given, batch_size=batch_size)
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise DataError(
            "validation_data is a pair.",
            expected="(x, y), (x, y, sample_weight), or a source of batches",
            received=type(given).__name__ + (f" of {len(given)}" if isinstance(given, (tuple, list)) else ""),
            fix="unidl.data.Stream(…) makes a source of anything that gives batches.",
        )
    return Arrays(*_parts(*given, *[None] * (3 - len(given))), batch_size=batch_size)


def unpacked(batch: Any) -> tuple[Any, Any, Any]:
    """Inputs, targets and weights, None where there are none, of a batch that the Trainer's own step takes.

    Raises:
        DataError: It has no targets.
    """
    if not isinstance(batch, tuple) or len(batch) not in (2, 3):
        raise DataError("The Trainer's own step needs inputs and targets.", fix="fit(x, y), or write training_step.")
    return batch if len(batch) == 3 else (*batch, None)


def checked_jit(owner: str, jit: Any) -> bool | str:
    """What a Trainer's `jit` may be.

    Raises:
        ArgumentError: It is not True, False or "auto".
    """
    if arguments.is_flag(jit) or (isinstance(jit, str) and jit == "auto"):
        return jit  # type: ignore[no-any-return]
    raise arguments.refuse(owner, "jit", 'True, False or "auto"', jit)


def optimizers_of(given: Any, own_step: bool) -> dict[str, Any]:
    """The optimizers by name. Without a training_step of its own there is one, "main": another would move nothing.

    Args:
        given: What the Trainer was given.
        own_step: Whether a subclass says which weights each of them moves.

    Raises:
        ArgumentError: It is neither an optimizer nor a dict of them.
    """
    if not isinstance(given, dict):
        return {"main": given}
    if not given or not all(isinstance(name, str) and name for name in given):
        raise arguments.refuse("Trainer", "optimizer", "an optimizer, or a dict of name -> optimizer", given)
    if not own_step and set(given) != {"main"}:
        raise ArgumentError(
            "Several optimizers need a training_step that says which weights each of them moves.",
            expected="one optimizer, or a subclass of unidl.Trainer with training_step(self, batch)",
            received=f"optimizers {', '.join(map(repr, given))}",
            fix="In training_step: self.minimize(loss_function, part=self.model.critic, optimizer=name).",
        )
    return given


def check_build_arguments(backend: Any, device: Any, precision: Any, random: Any) -> None:
    """What a Trainer hands on when it builds the model, looked at before there is data; None is not given.

    Raises:
        BackendUnavailableError: There is no backend of that name.
        DeviceError: The device's name is none.
        ArgumentError: Another one cannot be used.
    """
    if backend is not None:
        registry.check_known(Choice(backend, "the argument backend="))
    if device is not None:
        check_name(chosen_device(device))
    arguments.optional(arguments.one_of, "Trainer", "precision", precision, FLOATS)
    arguments.optional(arguments.one_of, "Trainer", "random", random, ("native", "portable"))
