"""The formats' runtimes, one process each for all tests."""

from collections.abc import Callable, Iterator

import pytest

from tests.interchange.runtime import Runtime


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Runtime]]:
    """`runtime(format)`: a process without unidl that runs files of that format."""
    started: dict[str, Runtime] = {}
    folder = tmp_path_factory.mktemp("runtimes")

    def start(format_: str) -> Runtime:
        if format_ not in started:
            started[format_] = Runtime(format_, folder)
        return started[format_]

    yield start
    for process in started.values():
        process.stop()
