"""`unidl compare`: a script on several backends, side by side; or an older comparison beside a newer one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from unidl.cli.exit_code import DONE, FAILED, INTERRUPTED, UNAVAILABLE, WRONG_COMMAND
from unidl.errors import ArgumentError, BackendUnavailableError, FileError
from unidl.insight.comparison import Comparison
from unidl.insight.comparisons import compare
from unidl.insight.comparisons.difference import difference

JIT: dict[str, bool | str] = {"on": True, "off": False, "auto": "auto"}


def compare_files(old: str, new: str) -> int:
    """Print what changed from one comparison that was kept to another."""
    for path in (old, new):
        if not Path(path).is_file():
            return _refuse(f"there is no file {path!r} here ({Path.cwd()}).")
    try:
        Console().print(difference(Comparison.load(old), Comparison.load(new)))
    except FileError as error:
        return _refuse(str(error))
    return DONE


def compare_script(
    script: str,
    arguments: Sequence[str],
    backends: str | None,
    engines: str | None,
    jit: str | None,
    threads: str,
    rounds: int,
    quick: bool,
    without: str | None,
    timeout: float,
    json: str | None,
) -> int:
    """Compare, print the table, and write what is asked for; what could not be measured is in the table, and in the exit code.

    Args:
        script: Its path.
        arguments: What it finds in sys.argv[1:].
        backends: Names with commas between; None is all that are installed.
        engines: Likewise, for Keras.
        jit: "on", "off", "auto", with commas between.
        threads: Numbers, or "default", with commas between.
        rounds: How many.
        quick: Whether little is measured.
        without: Parts that are left out, with commas between.
        timeout: Seconds for the script.
        json: Where the comparison is kept; None keeps it not.
    """
    try:
        comparison = compare(
            script,
            backends=_words(backends),
            engines=_words(engines),
            jit=None if jit is None else [JIT[word] for word in _words(jit) or []],
            threads=[None if word == "default" else int(word) for word in _words(threads) or []],
            arguments=arguments,
            rounds=rounds,
            quick=quick,
            without=_words(without) or (),
            timeout=timeout,
        )
    except (ArgumentError, KeyError, ValueError) as error:
        return _refuse(f"{error}" if isinstance(error, ArgumentError) else f"no such value: {error}")
    except BackendUnavailableError as error:
        print(error, file=sys.stderr)
        return UNAVAILABLE
    except KeyboardInterrupt:
        print("unidl compare: stopped by Ctrl-C; its processes are ended.", file=sys.stderr)
        return INTERRUPTED
    Console().print(comparison)
    if json is not None:
        comparison.save(json)
    failures = [run.failure.kind for run in comparison.runs if run.failure is not None]
    if not failures:
        return DONE
    return UNAVAILABLE if set(failures) == {BackendUnavailableError.__name__} else FAILED


def _words(given: str | None) -> list[str] | None:
    return None if given is None else [word.strip() for word in given.split(",") if word.strip()]


def _refuse(sentence: str) -> int:
    print(f"unidl compare: {sentence}", file=sys.stderr)
    return WRONG_COMMAND
