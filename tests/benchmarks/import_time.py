"""How long `import unidl` takes beside `import numpy`: python tests/benchmarks/import_time.py [ROUNDS]

Fresh interpreters in turn, many short rounds, the median of the ratios: so a busy machine slows both sides alike.
"""

import statistics
import subprocess
import sys

LIMIT = 1.5
STATEMENTS = {
    "import numpy": "import numpy",
    "import unidl": "import unidl",
    "every public name": "import unidl; [getattr(unidl, name) for name in unidl.__all__]",
}


def seconds(statement: str) -> float:
    """The time that a fresh interpreter takes for a statement."""
    code = f"from time import perf_counter as now; start = now(); {statement}; print(now() - start)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def main(rounds: int) -> int:
    """Measure, print, and return 1 if `import unidl` is above the limit."""
    for statement in STATEMENTS.values():  # the first time writes and reads byte code
        seconds(statement)
    measured = {name: [] for name in STATEMENTS}
    for _ in range(rounds):
        for name, statement in STATEMENTS.items():
            measured[name].append(seconds(statement))
    ratios = {}
    for name, times in measured.items():
        ratios[name] = statistics.median(t / n for t, n in zip(times, measured["import numpy"], strict=True))
        print(f"{name:20} {1000 * statistics.median(times):7.1f} ms   {ratios[name]:5.2f} x numpy")
    return int(ratios["import unidl"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 25))
