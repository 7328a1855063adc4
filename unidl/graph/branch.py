"""Python branches on symbolic tensors: both answers are tried, run by run, until each has been seen.

While a model is built, `if ops.mean(x) > 0:` has no answer yet. `explore` runs the function again and again; each question
(one place in the code) is answered both ways, and the search ends when no answer is left that could reach new code. A loop
`while cond(x):` leaves after at most two more rounds.
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, TypeVar

from unidl.errors import NotPortableError, UnidlError
from unidl.graph.line import begins_in, line_at, says_so
from unidl.within import within

Result = TypeVar("Result")
Site = tuple[CodeType, int]

MAX_RUNS = 256  # a forward with more than 127 independent questions is refused rather than built in part
MAX_QUESTIONS = 10_000  # in one run
MOST_TURNS = 64  # times that one question is answered both ways, where it has to be


@dataclass
class _Run:
    """One run: the answers to give first, and those given so far."""

    prefix: list[bool]
    given: list[tuple[Site, bool]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
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
        self.lines.append(line_at(*site))
        return value

    def way(self) -> str:
        """Which way this run went, in words."""
        answers = zip(self.lines, self.given, strict=True)
        return "; ".join(dict.fromkeys(f"{line} is {value}" for line, (_, value) in answers))

    def ended_there(self, error: Exception) -> bool:
        """Whether the function itself says, by a `raise` or an `assert`, that this way ends there."""
        files = {code.co_filename for (code, _), _ in self.given}
        return not isinstance(error, UnidlError) and says_so(error) and begins_in(error) in files


@dataclass
class _Known:
    """A run whose questions have answers."""

    know: Callable[[Any], bool]
    given: list[tuple[Site, bool]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def answer(self, site: Site, tensor: Any) -> bool:
        with within(_current, None):  # what computes the answer computes, and describes nothing
            self.given.append((site, self.know(tensor)))
        self.lines.append(line_at(*site))
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


def questions() -> list[str]:
    """The lines that asked a question in the run in progress so far, one for each question."""
    run = _current.get()
    return [] if run is None else run.lines


def answered(know: Callable[[Any], bool]) -> within[_Known]:
    """Inside, `if` and `while` on a symbolic tensor go the one way that `know(tensor)` says."""
    return within(_current, _Known(know))


def explore(function: Callable[[], Result], complete: Callable[[], bool] = lambda: True) -> Iterator[Result]:
    """Yield the function's result once per run until every answer of every question was given.

    One result means that Python asked nothing, or that every other way ends with a `raise` or an `assert` of the function's own:
    such a way has no result.

    Args:
        function: Called without arguments, again for each run.
        complete: Whether the runs so far have met all that they are to meet. While they have not, a question that is asked several
            times, in a loop, is answered both ways each time.

    Raises:
        NotPortableError: There are too many ways, or on one of them a variable has no value.
    """
    ended: Exception | None = None
    runs = results = 0
    seen: set[tuple[Site, bool]] = set()
    met: set[tuple[Site, int, bool]] = set()
    waiting: deque[tuple[list[bool], tuple[Site, bool] | None]] = deque([([], None)])
    later: deque[tuple[list[bool], tuple[Site, int, bool]]] = deque()
    while waiting or (later and runs < MAX_RUNS and not complete()):
        further = not waiting
        if not further:
            prefix, target = waiting.popleft()
            done = target is not None and target in seen
        else:
            prefix, again = later.popleft()
            done = again in met
        if done:
            continue
        runs += 1
        if runs > MAX_RUNS:
            raise NotPortableError(
                f"forward asks more questions on tensors than {MAX_RUNS} runs can answer both ways.",
                fix="Write the inner branches with ops.cond or ops.where.",
            )
        run = _Run(prefix)
        with within(_current, run):
            result, error = _result(function, run, further)
        ended = ended or error
        seen.update(run.given)
        answers = [answer for _, answer in run.given]
        turns: Counter[Site] = Counter()
        for position, (site, value) in enumerate(run.given):
            turn = turns[site]
            turns[site] += 1
            met.add((site, turn, value))
            other = [*answers[:position], not value]
            if (site, not value) not in seen:
                waiting.append((other, (site, not value)))
            if turn < MOST_TURNS:
                later.append((other, (site, turn, not value)))
        if error is None:
            results += 1
            yield result
    if not results and ended is not None:
        raise ended


def _result(function: Callable[[], Result], run: _Run, further: bool) -> tuple[Any, Exception | None]:
    """What the function gives in a run, or the error with which it ends this way.

    Args:
        function: What is run.
        run: Its answers.
        further: Whether each question was answered both ways before: what these answers lead to may never happen all together.
    """
    try:
        return function(), None
    except UnboundLocalError as error:
        if not run.given:
            raise
        if further:
            return None, error
        raise NotPortableError(
            f"Where {run.way()}: {error}.",
            expected="a value for each variable, whichever way a branch on a tensor goes",
            fix="Give it a value before the branch, or write ops.where or ops.cond.",
        ) from error
    except Exception as error:  # whatever it is, it goes on but where this way ends with it
        if not run.ended_there(error) and (isinstance(error, UnidlError) or not further):
            raise
        return None, error
