"""Names for what the code binds, and shapes in words."""

from __future__ import annotations

from unidl.codegen.code import ATOM, Code

# names for what an op gives, where its own would hide a builtin or say little
HINTS = {
    "max": "largest", "min": "smallest", "sum": "total", "any": "found", "all": "every", "abs": "size", "round": "whole",
    "getitem": "part", "take": "chosen", "matmul": "y", "einsum": "y", "add": "y", "subtract": "y", "multiply": "y",
    "divide": "y", "where": "y", "reshape": "y", "transpose": "y", "expand_dims": "y", "concatenate": "joined",
    "split": "part", "unstack": "part", "less": "below", "greater": "above", "logical_and": "both", "square": "squares",
    "less_equal": "below", "conv": "y", "max_pool": "y", "average_pool": "y", "cast": "y", "power": "y", "pow": "y",
    "scan": "state", "while_loop": "state", "cond": "y", "negative": "y", "stop_gradient": "y", "sort": "ordered",
    **dict.fromkeys(("random_uniform", "random_normal", "random_randint"), "noise"),
    "random_permutation": "order", "random_dropout": "y", "sigmoid": "gate", "tanh": "y", "arange": "places", "top_k": "top",
    "logical_or": "either", "logical_not": "others", "broadcast_to": "spread", "repeat": "repeated", "pad_constant": "padded",
}  # fmt: skip
NEVER_INLINE = (
    "pad_constant",
    "random_uniform",
    "random_normal",
    "random_randint",
    "random_permutation",
    "random_dropout",
    "softmax",
)


def variable(name: str) -> Code:
    """A local variable."""
    return Code(name, ATOM, frozenset([name]))


def unpacked(names: list[str]) -> str:
    """The left side of an assignment that takes a list apart."""
    return f"({names[0]},)" if len(names) == 1 else ", ".join(names)


def shape_text(shape: tuple[int | None, ...], first: bool = False) -> str:
    """A shape as a comment: (batch, 28, 28, 1)."""
    if shape == ():
        return "a scalar"
    beside = {3: ("batch", "time", "features"), 4: ("batch", "height", "width", "channels")}.get(len(shape))
    names = beside or ("batch", *(f"n{i}" for i in range(1, len(shape))))
    known = [names[i] if n is None else str(n) for i, n in enumerate(shape)]
    if first and len(known) > 2:
        known = [known[0], known[-1], *known[1:-1]]
    return f"({', '.join(known)}{',' if len(known) == 1 else ''})"
