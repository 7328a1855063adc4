"""A Trainer on a CPU has glibc keep what a step frees; who told glibc something is left alone."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

import unidl
from unidl import layers
from unidl.training.allocation import TOLD_BY, keep_freed_memory

GLIBC = platform.libc_ver()[0] == "glibc"
pytestmark = pytest.mark.skipif(not GLIBC, reason="the C library is not glibc, and is left alone")

SCRIPT = """
import resource, numpy
from unidl.training.allocation import keep_freed_memory

def step():
    return sum(numpy.ones(250_000)[0] for _ in [[numpy.ones(250_000) for _ in range(8)]])

told = keep_freed_memory() if {keep} else None
for _ in range(5):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(told, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def run(keep, **environment):
    plain = {name: value for name, value in os.environ.items() if name not in TOLD_BY}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(keep=keep)],
        env={**plain, **environment}, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    told, faults = ran.stdout.split()
    return told, int(faults)


def test_what_is_freed_is_taken_again_without_faults():
    assert run(False)[1] > 5_000  # 20 times 9 blocks of 2 MB: pages of 4 kB
    told, faults = run(True)
    assert told == "True"
    assert faults < 500


def test_who_told_glibc_is_left_alone():
    assert run(True, MALLOC_TRIM_THRESHOLD_="131072")[0] == "False"


def test_a_fit_tells_glibc(backend):
    keep_freed_memory.cache_clear()
    model = unidl.Sequential([layers.Dense(1)])
    unidl.Trainer(model, "mse", backend=backend).fit(np.ones((4, 2)), np.ones((4, 1)), progress=False)
    assert keep_freed_memory.cache_info().currsize == 1
