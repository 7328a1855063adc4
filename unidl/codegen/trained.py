"""The weights that a Trainer moves, as the framework's tensors have them: names, decay, and the canonical weights inside each."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from unidl import ops
from unidl.codegen.author import Author
from unidl.errors import SourceError


@dataclass(frozen=True)
class Trained:
    """One tensor that training may move.

    Args:
        name: Its path in the weights' file.
        paths: The canonical weights inside it.
        frozen: Whether it is frozen.
        decay: Its weight decay.
    """

    name: str
    paths: tuple[str, ...]
    frozen: bool
    decay: float


def trained_of(author: Author, optimizer: Any) -> list[Trained]:
    """All trainable tensors of a model's code.

    Raises:
        SourceError: Canonical weights in one tensor are to be trained differently.
    """
    weights = _weights(author)
    number = {path: i + 1 for i, path in enumerate(weights)}
    at = {i: path for path, i in number.items()}
    marked = {path: np.full(spec.shape, number[path], "int64") for path, (_, spec) in weights.items()}
    found = []
    for native, array in author.arrays(marked).items():
        inside = [at[int(n)] for n in np.unique(array) if int(n) in at]
        paths = tuple(path for path in inside if weights[path][1].trainable)
        if not paths:
            continue
        frozen = {bool(weights[path][0].layer._unidl.frozen) for path in paths}
        decays = {optimizer.decays(path) for path in paths}
        if len(frozen) > 1 or (optimizer.weight_decay and len(decays) > 1):
            raise SourceError(
                f"The weights {', '.join(paths)} are one tensor {native!r} in {author.language.title}, and "
                "are frozen or decay differently.",
                fix="Treat them alike in no_decay, or freeze all of them.",
            )
        found.append(Trained(native, paths, frozen.pop(), decays.pop()))
    return found


def _weights(author: Author) -> dict[str, Any]:
    """The layer and the spec of each canonical weight."""
    return {
        f"{plan.path}/{name}" if plan.path else name: (plan, spec)
        for plan in author.root.walk()
        for name, spec in plan.weights.items()
    }


@dataclass(frozen=True)
class Piece:
    """Where a canonical weight lies in a tensor.

    Args:
        axis: The tensor's axis along which it is a part.
        part: From where to where.
        whole: Whether it is all of the tensor.
        order: The canonical axes as the part has them.
        permuted: The canonical lengths in that order.
        shape: The part's shape, which may join axes.
    """

    axis: int
    part: slice
    whole: bool
    order: tuple[int, ...]
    permuted: tuple[int, ...]
    shape: tuple[int, ...]

    def read(self, tensor: Any) -> Any:
        """The canonical weight, written with ops."""
        if not self.whole:
            tensor = tensor[(*(slice(None),) * self.axis, self.part)]
        if self.permuted != self.shape:
            tensor = ops.reshape(tensor, self.permuted)
        back = tuple(int(i) for i in np.argsort(self.order))
        return tensor if back == tuple(range(len(back))) else ops.transpose(tensor, back)

    def written(self, canonical: Any) -> Any:
        """The part of the tensor that a canonical weight becomes."""
        if self.order != tuple(range(len(self.order))):
            canonical = ops.transpose(canonical, self.order)
        return canonical if self.permuted == self.shape else ops.reshape(canonical, self.shape)


def pieces_of(author: Author, trained: Iterable[Trained]) -> dict[str, list[Piece]]:
    """The canonical weights of each tensor, in the order in which it holds them.

    Raises:
        SourceError: A tensor holds them in no such order.
    """
    weights, numbered, first = _weights(author), {}, 1
    for path, (_, spec) in weights.items():
        size = int(np.prod(spec.shape, dtype="int64"))
        numbered[path] = np.arange(first, first + size).reshape(spec.shape)
        first += size
    arrays: Mapping[str, np.ndarray] = author.arrays(numbered)
    found = {}
    for one in trained:
        pieces = [_piece(arrays[one.name], numbered[path]) for path in one.paths]
        known = [piece for piece in pieces if piece is not None]
        covered = sum(int(np.prod(piece.shape)) for piece in known)
        if len(known) < len(pieces) or covered != arrays[one.name].size or len({piece.axis for piece in known}) > 1:
            raise SourceError(
                f"The weights {', '.join(one.paths)} are mixed in one tensor {one.name!r} in {author.language.title}, and the "
                "optimizer computes with a whole weight.",
                fix="Eject for another framework, or with an optimizer that treats each element by itself.",
            )
        found[one.name] = sorted(known, key=lambda piece: piece.part.start)
    return found


def _piece(native: np.ndarray, canonical: np.ndarray) -> Piece | None:
    inside = np.isin(native, canonical)
    if not native.ndim:
        return Piece(0, slice(0, 1), True, (), (), ())
    for axis in range(native.ndim):
        rows = np.flatnonzero(inside.any(axis=tuple(i for i in range(native.ndim) if i != axis)))
        if not len(rows):
            return None
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        block = native[(*(slice(None),) * axis, part)]
        if block.size != canonical.size:
            continue
        for order in itertools.permutations(range(canonical.ndim)):
            moved = canonical.transpose(order)
            if np.array_equal(moved.reshape(block.shape), block):
                return Piece(axis, part, block.size == native.size, order, moved.shape, block.shape)
    return None
