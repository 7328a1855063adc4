"""A schedule's Python as code: the code computes what the schedule does, at every step, with every branch that a step reaches."""

import bisect
import math
from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unidl import schedules
from unidl.codegen.host_code import PythonCode, function_text
from unidl.codegen.schedule import rate_of
from unidl.errors import SourceError


def python(schedule):
    """The code, and the function that it is."""
    text = "\n".join(function_text(PythonCode, "rate", {"step": "step"}, rate_of(schedule), []))
    namespace = {"math": math, "np": np}
    exec(text, namespace)
    return text, namespace["rate"]


def of(function):
    class Own(schedules.Schedule):
        def __call__(self, step):
            return function(step)

    return Own()


class Half(schedules.Cosine):
    def __call__(self, step):
        return 0.5 * super().__call__(step)


class Chained(schedules.Schedule):
    def __init__(self, *parts, length):
        self.parts, self.length = parts, length

    @property
    def last(self):
        return len(self.parts) - 1

    def part(self, step):
        for i in range(self.last):
            if step < (i + 1) * self.length:
                return self.parts[i](step - i * self.length)
        return self.parts[self.last](step - self.last * self.length)

    def __call__(self, step):
        return self.part(step)


def looked_up(step, edges=(3, 7), rates=(0.1, 0.01, 0.001)):
    return rates[0] if step < edges[0] else rates[1] if step < edges[1] else rates[2]


SCHEDULES = {
    "cosine": schedules.Cosine(0.1, 20, warmup=4, floor=0.01),
    "super": Half(0.1, 10, warmup=2),
    "other schedules": Chained(schedules.Cosine(0.1, 9), Half(0.2, 5), schedules.Constant(0.05), length=10),
    "powers": of(lambda step: 0.1 * min((step + 1) ** -0.5, (step + 1) * 10**-1.5)),
    "numpy": of(lambda step: float(np.clip(np.float64(0.3) * np.exp(-0.1 * step), 0.01, np.sqrt(0.01)))),
    "a name from math": of(lambda step: 0.1 * exp(-(step % 5))),
    "rounding": of(lambda step: 0.1 / (1 + round(step / 3) + math.floor(step / 4) + int(step / 5) + abs(step - 7))),
    "a table by comparison": of(looked_up),
    "assert": of(lambda step: 0.1 if step >= 0 and not math.isnan(step) else 1 / 0),
    "cycles": of(lambda step: 0.1 * (1 - divmod(step, 6)[1] / 6)),
    "truth": of(lambda step: 0.1 if step % 4 else 0.2),
    "a comparison as a number": of(lambda step: 0.1 * (step < 5) + 0.01),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_code_gives_the_schedules_rates(name):
    schedule = SCHEDULES[name]
    text, rate = python(schedule)
    for step in range(100):
        assert rate(step) == pytest.approx(schedule(step), rel=1e-12), text


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6, unique=True), st.integers(1, 20))
def test_pieces_and_waves(edges, period):
    edges.sort()

    def rate(step):
        place = bisect.bisect(edges, step)
        return 0.1 / (1 + place) * (1 + math.cos(2 * math.pi * (step % period) / period))

    text, found = python(of(rate))
    assert text.count("return") == len(edges) + 1
    for step in range(70):
        assert found(step) == pytest.approx(rate(step), rel=1e-12, abs=1e-15)


def test_branches_that_no_step_reaches_are_not_written():
    text, _ = python(Chained(schedules.Cosine(0.1, 9), schedules.Cosine(0.2, 5), length=10))
    assert text.count("if ") == 1
    assert "< 0" not in text  # Cosine's own `step < 0`, for it has no warm-up


class Moving(schedules.Schedule):
    def __init__(self):
        self.rate = 0.1

    def __call__(self, step):
        self.rate *= 0.9
        return self.rate


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        (Moving(), "self.rate = "),
        (of(lambda step: [0.1, 0.2][step]), "it is an index"),
        (of(lambda step: sum(0.1**i for i in range(step))), "the end of a range"),
        (of(lambda step: step.nothing), "nothing"),
    ],
)
def test_what_needs_the_number_itself_is_an_error(schedule, why):
    with pytest.raises(SourceError) as told:
        rate_of(schedule)
    assert why in str(told.value)


def test_a_loop_over_the_step_ends():
    def rate(step):
        while step >= 10:
            step = step - 10
        return 0.1 * step

    with pytest.raises(SourceError, match="too often to be written"):
        rate_of(of(rate))
