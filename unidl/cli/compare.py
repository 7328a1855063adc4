"""`unidl compare`: a script on several backends, side by side; or an older comparison beside a newer one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from unidl.cli.exit_code import DONE, FAILED, INTERRUPTED, UNAVAILABLE, WRONG_COMMAND
from unidl.cli.subcommand import Example, Subcommand
from unidl.cli.unwinding import unwinding
from unidl.errors import ArgumentError, BackendUnavailableError, FileError
from unidl.insight import report
from unidl.insight.comparison import Comparison
from unidl.insight.comparisons import compare
from unidl.insight.comparisons.difference import difference
from unidl.terminal import console, put

JIT: dict[str, bool | str] = {"on": True, "off": False, "auto": "auto"}


def _arguments(parser: argparse.ArgumentParser) -> None:
    """What stands on the command line."""
    parser.add_argument("script", metavar="SCRIPT", help="path of the script, or of an older comparison")
    parser.add_argument("newer", metavar="NEW.json", nargs="?", help="a newer comparison")
    parser.add_argument(
        "--backends", metavar="NAMES", help="torch,keras,tensorflow; all that are installed if left out"
    )
    parser.add_argument("--engines", metavar="NAMES", help="a run on each engine of Keras: tensorflow,torch,jax")
    parser.add_argument("--jit", metavar="WAYS", help="off,on,auto: a run with each, whatever the script says")
    parser.add_argument(
        "--threads",
        metavar="NUMBERS",
        default="1",
        help="of each framework; default is its own choice; 1,default both (1)",
    )
    parser.add_argument("--rounds", metavar="N", type=int, default=5, help="how often each figure is measured (5)")
    parser.add_argument("--quick", action="store_true", help="little and short")
    parser.add_argument("--without", metavar="PARTS", help="leave out: edit,exports,source,debugging,inspections")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=3600.0, help="after which the script is given up (3600)"
    )
    parser.add_argument("--report", metavar="FILE", help="write the report: one page that opens from disk, out.html")
    parser.add_argument("--json", metavar="FILE", help="keep the comparison, to compare it again later")


def _run(parsed: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Compare a script, or two comparisons.

    Args:
        parsed: The command line.
        arguments: What stood after `--`: the script's.
    """
    if parsed.newer is None:
        return _compare(parsed, arguments)
    if arguments:
        return _refuse("two comparisons take no arguments after --.")
    return _difference(parsed.script, parsed.newer)


def _difference(old: str, new: str) -> int:
    """Print what changed from one comparison that was kept to another."""
    for path in (old, new):
        if not Path(path).is_file():
            return _refuse(f"there is no file {path!r} here ({Path.cwd()}).")
    try:
        console(sys.stdout, strict=True).print(difference(Comparison.load(old), Comparison.load(new)))
    except FileError as error:
        return _refuse(str(error))
    return DONE


def _compare(parsed: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Compare, print the table, write what is asked for; what could not be measured is in the table, and in the exit code."""
    for file in (parsed.json, parsed.report):  # before minutes are spent
        if file is not None and not Path(file).absolute().parent.is_dir():
            return _refuse(f"there is no folder for {file!r}.")
    try:
        jit = None if parsed.jit is None else [JIT[word] for word in _words(parsed.jit) or []]
        threads = [None if word == "default" else int(word) for word in _words(parsed.threads) or []]
    except (KeyError, ValueError) as error:
        return _refuse(f"no such value: {error}")
    try:
        with unwinding():
            comparison = compare(
                parsed.script,
                backends=_words(parsed.backends),
                engines=_words(parsed.engines),
                jit=jit,
                threads=threads,
                arguments=arguments,
                rounds=parsed.rounds,
                quick=parsed.quick,
                without=_words(parsed.without) or (),
                timeout=parsed.timeout,
            )
    except ArgumentError as error:
        return _refuse(str(error))
    except BackendUnavailableError as error:
        put(str(error), error=True)
        return UNAVAILABLE
    except KeyboardInterrupt:
        put("unidl compare: stopped by Ctrl-C; its processes are ended.", error=True)
        return INTERRUPTED
    console(sys.stdout, strict=True).print(comparison)
    if parsed.json is not None:
        comparison.save(parsed.json)
    if parsed.report is not None:
        report.write(parsed.report, comparison)
    return _exit_code(comparison)


def _exit_code(comparison: Comparison) -> int:
    failures = [run.failure.kind for run in comparison.runs if run.failure is not None]
    if not failures:
        return DONE
    return UNAVAILABLE if set(failures) == {BackendUnavailableError.__name__} else FAILED


def _words(given: str | None) -> list[str] | None:
    return None if given is None else [word.strip() for word in given.split(",") if word.strip()]


def _refuse(sentence: str) -> int:
    put(f"unidl compare: {sentence}", error=True)
    return WRONG_COMMAND


COMPARE = Subcommand(
    name="compare",
    help="a script on several backends, measured side by side",
    description="Run the unchanged script on each backend in a process of its own, and measure; or lay two comparisons that were kept "
    "beside one another.",
    examples=(
        Example("unidl compare train.py", "on every backend that is installed", long=True),
        Example(
            "unidl compare train.py --quick -- --epochs 1",
            "fewer and shorter measurements; what stands after -- reaches the script",
            long=True,
        ),
        Example(
            "unidl compare train.py --backends torch,keras --engines tensorflow,torch", "on engines of Keras", long=True
        ),
        Example("unidl compare train.py --jit off,on --threads 1,default", "each with each", long=True),
        Example(
            "unidl compare train.py --report out.html --json today.json", "as a page, and to compare again", long=True
        ),
        Example("unidl compare last_week.json today.json", "what changed beyond the spreads", long=True),
    ),
    arguments=_arguments,
    run=_run,
    note="The script runs as it is, in a process for each backend, and writes what it always writes. Then it is started once more in up to\n"
    "three rounds, a line changed, and stopped at its first step. docs/compare.md says how each figure is measured.",
    usage="unidl compare SCRIPT [options] [-- ARGUMENTS]\n       unidl compare OLD.json NEW.json",
    takes_rest=True,
)
