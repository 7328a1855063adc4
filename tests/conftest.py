"""What every test shares: quiet single-threaded frameworks, and the `backend` that a test runs on.

A test takes a backend by its parameter `backend`; it runs once for each. Where a framework is not installed the test skips
and says so; in CI (the variable CI is set) it fails, so that no backend goes untested unseen. `--backend=keras` keeps only
the tests of that backend: so Keras is tested again on another engine, in a process of its own.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import hypothesis
import pytest

from unidl import settings
from unidl.description.encoding import REGISTERED

ROOT = Path(__file__).parent.parent

# Before any framework is imported; subprocesses inherit it. On a busy machine more threads make small steps many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
for variable in ("UNIDL_BACKEND", "UNIDL_DEVICE"):  # a developer's own choice is no part of a test
    os.environ.pop(variable, None)

# backend -> the packages that it needs
BACKENDS = {
    "torch": ("torch",),
    "tensorflow": ("tensorflow",),
    "keras": ("keras", os.environ["KERAS_BACKEND"]),
}

# the same examples in every run: a red CI can be repeated; a busy machine is slow, which is no failure
hypothesis.settings.register_profile("unidl", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("unidl")


# a shell that runs the tests in its background, and nohup, have them ignore signals, and what is under test is that they are heeded
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--backend", choices=sorted(BACKENDS), help="run only the tests that take this backend")


def _backend_of(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)
    name = callspec.params.get("backend") if callspec is not None else None
    return name if name in BACKENDS else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    only = config.getoption("--backend")
    dropped = []
    if only is not None:
        dropped = [item for item in items if _backend_of(item) != only]
    if any(item.get_closest_marker("gpu") for item in items) and not _has_gpu():
        dropped += [item for item in items if item.get_closest_marker("gpu") and item not in dropped]
    if dropped:
        gone = set(dropped)
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in gone]


def _has_gpu() -> bool:
    return os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/kfd")


def pytest_runtest_setup(item: pytest.Item) -> None:
    name = _backend_of(item)
    if name is None:
        return
    if name == "keras" and BACKENDS[name][1] == "jax" and item.get_closest_marker("refused_on_jax"):
        pytest.skip("refused on jax, see test_jax_refuses_what_it_cannot_do")
    missing = [package for package in BACKENDS[name] if importlib.util.find_spec(package) is None]
    if missing:
        message = f"backend {name} needs {', '.join(missing)}, which is not installed"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)


@pytest.fixture(params=tuple(BACKENDS))
def backend(request: pytest.FixtureRequest) -> str:
    """The name of a backend; the test runs once for each."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _choices_are_undone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test, or a page of the docs, chooses for the process is undone after it; so is a class that took another's name."""
    monkeypatch.setattr(settings, "_process", dict(settings._process))
    before = dict(REGISTERED)
    yield
    REGISTERED.update(before)


class Fresh(Protocol):
    """Runs Python code in an interpreter of its own."""

    def __call__(
        self, code: str, *, env: dict[str, str] | None = None, path: Path | None = None, fails: bool = False
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def fresh() -> Fresh:
    """Run code in a fresh interpreter, where nothing is imported or chosen yet.

    `env` adds variables, `path` is searched for modules before all others, `fails` says that an exit code other than 0 is
    what the test wants. The code's output is in `.stdout` and `.stderr`.
    """

    def run(
        code: str, *, env: dict[str, str] | None = None, path: Path | None = None, fails: bool = False
    ) -> subprocess.CompletedProcess[str]:
        searched = [str(folder) for folder in (path, ROOT) if folder is not None]
        result = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(searched), **(env or {})},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert (result.returncode != 0) == fails, result.stdout + result.stderr
        return result

    return run


@pytest.fixture
def nobody_chose(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A process in which no backend and no device was chosen; what the test chooses is undone after it."""
    monkeypatch.setattr(settings, "_process", {})
    monkeypatch.delenv(settings.BACKEND_VARIABLE, raising=False)
    monkeypatch.delenv(settings.DEVICE_VARIABLE, raising=False)
    return monkeypatch
