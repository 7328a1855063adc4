"""A helper: a framework's function that a row's call uses. It is run as it is, and printed whole where source code needs it."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

from unidl.graph.tensor import SymbolicTensor
from unidl.native.row import LAST
from unidl.ops.op import Op


class Helper(Op):
    """A framework's function as an op of its own: called on tensors it runs, on symbolic ones it is recorded.

    Args:
        function: The function, of a tensor first; its names are those that a file of source code imports.
        rule: The TensorSpec of its result; called as the function, with symbolic tensors.
        layout: Where the function wants the channels.
        run: What runs in the function's place, where unidl's tensors are laid otherwise.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        rule: Callable[..., Any],
        layout: str = LAST,
        run: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(function, rule, composed=True)
        self.run = run or function
        self.layout = layout
        self.text = printed(function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns; on symbolic tensors, what stands for it."""
        if isinstance(args[0], SymbolicTensor):
            return super().__call__(*args, **kwargs)
        return self.run(*args, **kwargs)


def printed(thing: Any) -> str:
    """The text of a function or class, without what is said to checkers."""
    return re.sub(r"  # (type: ignore|noqa|fmt: ).*", "", textwrap.dedent(inspect.getsource(thing)))
