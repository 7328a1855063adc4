"""Functions that run in threads at once, switched between as often as Python can."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

THREADS = 16
SECONDS = float(os.environ.get("UNIDL_THREAD_SECONDS", "0"))  # the long form: how long each test goes on


@contextmanager
def switching() -> Iterator[None]:
    """Inside, Python switches between threads every ten microseconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def together(*functions: Callable[[], Any]) -> list[Any]:
    """What each returned; the first error is raised here. They start at once."""
    start, results, errors = threading.Barrier(len(functions)), [None] * len(functions), []

    def run(number: int, function: Callable[[], Any]) -> None:
        try:
            start.wait()
            results[number] = function()
        except BaseException as error:  # noqa: BLE001  # it is raised in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(functions)]
    with switching():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    return results
