"""Hostile files under a limit of memory: see hostile.py. The long form is `nox -s robustness`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.files import hostile
from unidl.ops.op import OPS

ROOT = Path(__file__).parent.parent.parent
EVERY = os.environ.get("UNIDL_HOSTILE_EVERY", "151")


def test_hostile_files_give_a_typed_error_or_a_good_load(backend):
    command = [sys.executable, "-W", "ignore", "-m", "tests.files.hostile", backend, EVERY]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3000, check=False)
    assert told.returncode == 0, told.stdout[-4000:] + told.stderr[-2000:]
    assert "good load" in told.stdout
    assert "FileError" in told.stdout


def test_every_op_is_in_a_hostile_file():
    """An op that is added later is tried too: its cases are, or it has a line in hostile.py."""
    held = {node for _, document in hostile.originals() for node in hostile.ops_of(document)}
    assert OPS.keys() - held == hostile.NOT_IN_A_FILE.keys()


def test_the_limit_is_one():
    """The probe fails where a file does take memory."""
    code = f"""
        import resource, numpy
        resource.setrlimit(resource.RLIMIT_AS, ({hostile.ALLOWANCE}, -1))
        numpy.ones(2**28)
    """
    told = subprocess.run(
        [sys.executable, "-c", code.replace("        ", "")], capture_output=True, text=True, check=False
    )
    assert told.returncode
    assert "MemoryError" in told.stderr


@pytest.mark.parametrize("kind", ["unstack", "split"])
def test_outputs_are_counted_before_they_are_made(kind):
    """The cause: a list of 10^9 shapes was made before anybody looked at how many there are."""
    from unidl import ops
    from unidl.errors import ShapeError
    from unidl.graph.spec import TensorSpec
    from unidl.graph.tensor import placeholder

    x = placeholder(TensorSpec((None, 2**40)))
    with pytest.raises(ShapeError, match="would return 1,099,511,627,776 tensors"):
        ops.unstack(x, 1) if kind == "unstack" else ops.split(x, 2**40, 1)
