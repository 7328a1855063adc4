"""A run that is killed at random moments and begun again ends as one that was never killed, to the bit.

Two kills a backend here; `nox -s robustness` sets UNIDL_KILLS to 50.
"""

import json
import os
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("kills.py")


def test_killed_and_begun_again(fresh, backend):
    kills = os.environ.get("UNIDL_KILLS", "2")
    code = f"""
        import runpy, sys
        sys.argv = [{str(SCRIPT)!r}, {backend!r}, {kills!r}, "7"]
        runpy.run_path(sys.argv[0], run_name="__main__")
    """
    told = json.loads(fresh(code).stdout.splitlines()[-1])
    print(told, file=sys.stderr)
    assert told["kills"] == int(kills)
    assert told["runs"] >= 1
    assert told["begun_at"] >= 2
    assert told["alike"]
