"""What a Trainer was given: data as a source of batches, optimizers, how its model is to be built."""

from __future__ import annotations

from typing import Any

from unidl import arguments
from unidl.backends import registry
from unidl.backends.device_name import check_name
from unidl.data import Arrays, Source
from unidl.errors import ArgumentError, DataError
from unidl.graph.spec import FLOATS
from unidl.settings import Choice, chosen_device


def source_of(x: Any, y: Any, batch_size: int, shuffle: bool, seed: int) -> Source:
    """What is trained on.

    Raises:
        DataError: Targets stand beside a source, which has them itself, or the arrays cannot be used.
    """
    if isinstance(x, Source):
        if y is not None:
            raise DataError("A source of batches has the targets in its batches.", received="y", fix="Leave y out.")
        return x
    parts = (x,) if y is None else (x, y)
    return Arrays(*parts, batch_size=batch_size, shuffle=shuffle, seed=seed)


def held_out(given: Any, batch_size: int) -> Source:
    """What is evaluated on.

    Raises:
        DataError: It is neither a pair nor a source of pairs, or the arrays cannot be used.
    """
    if isinstance(given, Source):
        if len(given.sample()) != 2:
            raise DataError("To evaluate, each batch needs targets.", expected="batches (x, y)", received="x alone")
        return given
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise DataError(
            "validation_data is a pair.",
            expected="(x, y), or a source of batches",
            received=type(given).__name__,
            fix="unidl.data.Stream(…) makes a source of anything that gives batches.",
        )
    return Arrays(*given, batch_size=batch_size)


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
