"""A tie: where a canonical weight lies in a framework's own tensor, as data that reads in both directions.

A pattern names axes as einops does, native side first: `Tie("weight", "o i -> i o")`. Groups are in parentheses, the axis that
varies slowest first. An axis that stands on the native side alone is fixed by `at` (a third of a packed matrix); gates that two
frameworks keep in another order are named by letters in `order`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from unidl import ops


class _NumPy:
    """What reading needs of a library of arrays, of NumPy; `unidl.ops` has the same three."""

    reshape = staticmethod(np.reshape)
    transpose = staticmethod(np.transpose)
    take = staticmethod(np.take)


NUMPY: Any = _NumPy()


@dataclass(frozen=True, eq=False)
class Tie:
    """One canonical weight in one native tensor.

    Args:
        native: The native tensor, as a path of attributes: "weight", "out_proj.weight".
        pattern: Native axes, an arrow, canonical axes; "" where both are alike.
        at: Axis -> (index, length), for an axis that stands on the native side alone.
        order: Axis -> (native order, canonical order) of its parts, each named by a letter.

    Example:
        >>> import numpy as np
        >>> packed = Tie("in_proj_weight", "(p n k) f -> f n k", at={"p": (1, 3)})
        >>> packed.read(np.arange(24).reshape(12, 2), (2, 2, 2), NUMPY).tolist()
        [[[8, 10], [12, 14]], [[9, 11], [13, 15]]]
    """

    native: str
    pattern: str = ""
    at: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    order: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.pattern:
            return
        left, right = self._flat(self._sides[0]), self._flat(self._sides[1])
        alone = set(left) ^ set(right)
        if (
            alone != set(self.at)
            or not alone <= set(left)
            or len(set(left)) < len(left)
            or len(set(right)) < len(right)
        ):
            raise ValueError(f"the axes of {self.pattern!r} do not match, with {sorted(self.at)} fixed")
        if not set(self.order) <= set(right) or any(sorted(a) != sorted(b) for a, b in self.order.values()):
            raise ValueError(f"order= of {self.pattern!r} names no axis of both sides, or other parts")

    # -- the pattern -----------------------------------------------------------------------------------------------------

    @cached_property
    def _sides(self) -> tuple[list[list[str]], list[list[str]]]:
        native, canonical = self.pattern.split("->")
        return _groups(native), _groups(canonical)

    @staticmethod
    def _flat(groups: list[list[str]]) -> list[str]:
        return [axis for group in groups for axis in group]

    @property
    def is_identity(self) -> bool:
        """Whether the native tensor is the canonical weight as it is."""
        return not self.pattern

    @property
    def is_view(self) -> bool:
        """Whether the canonical weight is a view of the native tensor: its axes in another order, or a part of them."""
        return self.is_identity or (not self.order and all(len(group) == 1 for group in self._sides[1]))

    def _lengths(self, native: Sequence[int] | None, canonical: Sequence[int] | None) -> dict[str, int]:
        """The length of each axis, from both shapes as far as they are known."""
        known = {axis: length for axis, (_, length) in self.at.items()}
        known |= {axis: len(parts) for axis, (parts, _) in self.order.items()}
        pairs = [*zip(self._sides[1], canonical or (), strict=False), *zip(self._sides[0], native or (), strict=False)]
        waiting = list(pairs)
        while waiting:
            left = [pair for pair in waiting if not _solved(*pair, known)]
            if len(left) == len(waiting):
                raise ValueError(f"the shapes {native} and {canonical} do not say every length of {self.pattern!r}")
            waiting = left
        for group, length in pairs:
            if math.prod(known[axis] for axis in group) != length:
                raise ValueError(f"the shapes {native} and {canonical} are none of {self.pattern!r}")
        return known

    def native_shape(self, canonical: Sequence[int]) -> tuple[int, ...]:
        """The native tensor's shape, for a canonical one."""
        if self.is_identity:
            return tuple(canonical)
        known = self._lengths(None, canonical)
        return tuple(math.prod(known[axis] for axis in group) for group in self._sides[0])

    # -- reading ---------------------------------------------------------------------------------------------------------

    def steps(self, shape: Sequence[int]) -> Steps:
        """How a weight of that canonical shape is read."""
        if self.is_identity:
            return Steps()
        groups, wanted = self._sides
        axes, turned = self._flat(groups), self._flat(wanted)
        split = None
        if len(axes) > len(groups):
            known = self._lengths(None, shape)
            split = tuple(known[axis] for axis in axes)
        index = [self.at[axis][0] if axis in self.at else slice(None) for axis in axes]
        while index and index[-1] == slice(None):
            index.pop()
        axes = [axis for axis in axes if axis not in self.at]
        return Steps(
            split,
            tuple(index),
            tuple(
                (axes.index(axis), tuple(here.index(part) for part in there))
                for axis, (here, there) in self.order.items()
            ),
            None if turned == axes else tuple(axes.index(axis) for axis in turned),
            None if len(turned) == len(wanted) else tuple(shape),
        )

    def read(self, native: Any, shape: Sequence[int], functions: Any = ops) -> Any:
        """The canonical weight in a native tensor; linear, so it serves gradients too.

        Args:
            native: A tensor of the native layout: a weight's value, its gradient, or a symbol of it.
            shape: The canonical shape.
            functions: Where reshape, transpose and take come from: `unidl.ops`, or `NUMPY`.
        """
        return self.steps(shape)(native, functions)

    # -- writing ---------------------------------------------------------------------------------------------------------

    def write(self, native: Any, value: Any) -> None:
        """Put a canonical weight into a native array or tensor, in place; what belongs to other weights stays.

        Args:
            native: An array, or a torch tensor, of the native layout.
            value: An array or tensor of the same library, in canonical layout.
        """
        for place, part in self._parts(native, value):
            place[...] = part

    def _parts(self, native: Any, value: Any) -> Iterator[tuple[Any, Any]]:
        """Views into the native array, each with what belongs there."""
        if self.is_identity:
            yield native, value
            return
        groups, wanted = self._sides
        known = self._lengths(tuple(native.shape), tuple(value.shape))
        axes, given = self._flat(groups), self._flat(wanted)
        view = native
        if len(axes) > len(groups):
            split = tuple(known[axis] for axis in axes)
            view = native.view(split) if hasattr(native, "data_ptr") else _split_view(native, split)
        view = view[tuple(self.at[axis][0] if axis in self.at else slice(None) for axis in axes)]
        axes = [axis for axis in axes if axis not in self.at]
        value = value.reshape(tuple(known[axis] for axis in given))
        turned = tuple(given.index(axis) for axis in axes)
        value = value.permute(turned) if hasattr(value, "permute") else value.transpose(turned)
        if not self.order:
            yield view, value
            return
        ((axis, (here, there)),) = self.order.items()  # one axis of gates is all that any framework has
        before = (slice(None),) * axes.index(axis)
        for part in here:
            yield view[(*before, here.index(part))], value[(*before, there.index(part))]


@dataclass(frozen=True)
class Steps:
    """What makes a canonical weight of a native tensor, step by step; the first three but `takes` are views.

    Args:
        split: Its shape with the groups apart; None where there are none.
        index: What belongs to the weight.
        takes: Axis, and the order of its parts.
        turned: The order of the axes; None for the same.
        merged: The canonical shape, where axes are merged again.
    """

    split: tuple[int, ...] | None = None
    index: tuple[Any, ...] = ()
    takes: tuple[tuple[int, tuple[int, ...]], ...] = ()
    turned: tuple[int, ...] | None = None
    merged: tuple[int, ...] | None = None

    def __call__(self, native: Any, functions: Any) -> Any:
        """The canonical weight."""
        if self.split is not None:
            native = functions.reshape(native, self.split)
        if self.index:
            native = native[self.index]
        for axis, indices in self.takes:
            native = functions.take(native, np.array(indices), axis=axis)
        if self.turned is not None:
            native = functions.transpose(native, self.turned)
        return native if self.merged is None else functions.reshape(native, self.merged)


def _groups(side: str) -> list[list[str]]:
    return [re.sub(r"[()]", "", text).split() for text in re.findall(r"\([^)]*\)|\S+", side)]


def _solved(group: list[str], length: int, known: dict[str, int]) -> bool:
    """Whether all lengths of a group are known now, one of them perhaps by this."""
    unknown = [axis for axis in group if axis not in known]
    if len(unknown) > 1:
        return False
    if unknown:
        rest = math.prod(known[axis] for axis in group if axis in known)
        known[unknown[0]] = length // rest if rest else 0
    return True


def _split_view(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    view = array.reshape(shape)
    if not np.shares_memory(view, array) and array.size:
        raise ValueError("the native array is not contiguous, so its groups have no view")
    return view
