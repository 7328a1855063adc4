"""Python branches on symbolic tensors: both answers are tried, run by run, until each has been seen.

While a model is built, `if ops.mean(x) > 0:` has no answer yet. `explore` runs the function again and again; each question
(one place in the code) is answered both ways, and the search ends when no answer is left that could reach new code. A loop
`while cond(x):` leaves after at most two more rounds.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, TypeVar

from unidl.errors import NotPortableError
from unidl.within import within

Result = TypeVar("Result")
Site = tuple[CodeType, int]

MAX_RUNS = 256  # a forward with more than 127 independent questions is refused rather than built in part
MAX_QUESTIONS = 10_000  # in one run


@dataclass
class _Run:
    """One run: the answers to give first, and those given so far."""

    prefix: list[bool]
    given: list[tuple[Site, bool]] = field(default_factory=list)
    asked: Counter[Site] = field(default_factory=Counter)

    def answer(self, site: Site, tensor: Any) -> bool:
        turn = self.asked[site]
        self.asked[site] += 1
        position = len(self.given)
        if position >= MAX_QUESTIONS:
            raise NotPortableError(
                "A loop on a tensor did not end while the model was built: neither answer to its condition leaves it.",
                fix="Write ops.while_loop(cond, body, state), which is recorded without being run.",
            )
        # beyond the prefix: yes first, then turn about, so that a loop is left whichever answer leaves it
        value = self.prefix[position] if position < len(self.prefix) else turn % 2 == 0
        self.given.append((site, value))
        return value


@dataclass
class _Known:
    """A run whose questions have answers."""

    know: Callable[[Any], bool]
    given: list[tuple[Site, bool]] = field(default_factory=list)

    def answer(self, site: Site, tensor: Any) -> bool:
        with within(_current, None):  # what computes the answer computes, and describes nothing
            self.given.append((site, self.know(tensor)))
        return self.given[-1][1]


_current: ContextVar[_Run | _Known | None] = ContextVar("unidl_branch_run", default=None)


def decide(tensor: Any) -> bool:
    """Answer `bool(tensor)` for the run in progress.

    Raises:
        NotPortableError: No model is being built, so that the answer could not be tried both ways.
    """
    run = _current.get()
    if run is None:
        raise NotPortableError(
            f"Python asked whether {tensor!r} is true, and it has no value yet.",
            expected="`if` and `while` on tensors only inside the forward of a Layer or Model subclass",
            fix="Write ops.where(condition, a, b), ops.cond(condition, f, g), ops.while_loop or ops.scan.",
        )
    frame = sys._getframe(2)  # the code that asked: decide <- __bool__ <- here
    return run.answer((frame.f_code, frame.f_lasti), tensor)


def exploring() -> bool:
    """Whether a function is being run on symbolic tensors right now."""
    return _current.get() is not None


def questions() -> int:
    """How many questions the run in progress has asked so far."""
    run = _current.get()
    return 0 if run is None else len(run.given)


def answered(know: Callable[[Any], bool]) -> within[_Known]:
    """Inside, `if` and `while` on a symbolic tensor go the one way that `know(tensor)` says."""
    return within(_current, _Known(know))


def explore(function: Callable[[], Result]) -> Iterator[Result]:
    """Yield the function's result once per run until every answer of every question was given.

    One result means that Python asked nothing: the function is static.

    Args:
        function: Called without arguments, again for each run.
    """
    seen: set[tuple[Site, bool]] = set()
    waiting: list[tuple[list[bool], tuple[Site, bool] | None]] = [([], None)]
    runs = 0
    while waiting:
        prefix, target = waiting.pop(0)
        if target is not None and target in seen:
            continue
        runs += 1
        if runs > MAX_RUNS:
            raise NotPortableError(
                f"forward asks more questions on tensors than {MAX_RUNS} runs can answer both ways.",
                fix="Write the inner branches with ops.cond or ops.where.",
            )
        run = _Run(prefix)
        with within(_current, run):
            result = function()
        seen.update(run.given)
        for position, (site, value) in enumerate(run.given):
            if (site, not value) not in seen:
                answers = [answer for _, answer in run.given[:position]]
                waiting.append(([*answers, not value], (site, not value)))
        yield result
