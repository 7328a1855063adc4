"""Saving takes no second copy of the model, loading only the model, on every backend: `python -m tests.benchmarks.files` measures more."""

import os

import pytest

from tests.benchmarks.files import BARS, in_a_process


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="peak memory is read from Linux' /proc")
def test_peak_memory_beside_the_file(backend):
    found = in_a_process(backend, os.environ.get("KERAS_BACKEND", ""), 100)
    assert found["save"] <= BARS["save"]
    assert found["load"] <= BARS["load"]
