"""Which backend is in force: the order of the places where it is chosen, and what is told when it cannot be used."""

import asyncio
import threading

import pytest

import unidl
from unidl import distribution
from unidl.backends import registry
from unidl.errors import BackendUnavailableError

ALL = "Installed backends: torch, keras, tensorflow."


@pytest.fixture(autouse=True)
def _nobody_chose(nobody_chose: pytest.MonkeyPatch) -> None:
    """No choice leaks into or out of a test here."""


def _only(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Make the machine one where only these packages are installed."""
    monkeypatch.setattr(registry, "_is_installed", lambda package: package in packages)


def test_the_first_installed_when_nobody_chose(monkeypatch):
    assert unidl.backend() == "torch"
    _only(monkeypatch, "keras", "tensorflow")
    assert unidl.backend() == "keras"
    _only(monkeypatch, "tensorflow")
    assert unidl.backend() == "tensorflow"


def test_argument_before_using_before_set_backend_before_environment(monkeypatch):
    monkeypatch.setenv("UNIDL_BACKEND", "keras")
    assert registry.in_force().value == "keras"
    unidl.set_backend("tensorflow")
    assert registry.in_force().value == "tensorflow"
    with unidl.using("torch"):
        assert registry.in_force().value == "torch"
        assert registry.in_force("keras").value == "keras"
        with unidl.using("keras"):
            assert unidl.backend() == "keras"
        assert unidl.backend() == "torch"
    assert unidl.backend() == "tensorflow"


def test_the_environment_is_read_when_it_is_needed(monkeypatch):
    assert unidl.backend() == "torch"
    monkeypatch.setenv("UNIDL_BACKEND", "tensorflow")
    assert unidl.backend() == "tensorflow"
    monkeypatch.setenv("UNIDL_BACKEND", "  ")
    assert unidl.backend() == "torch"


def test_using_ends_with_its_block_when_that_fails():
    with pytest.raises(ZeroDivisionError), unidl.using("keras"):
        raise ZeroDivisionError
    assert unidl.backend() == "torch"


def test_using_holds_in_one_thread_only():
    inside, seen = threading.Barrier(2, timeout=20), {}

    def work(name: str) -> None:
        with unidl.using(name):
            inside.wait()  # both are in their blocks now
            seen[name] = unidl.backend()
            inside.wait()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("keras", "tensorflow")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"keras": "keras", "tensorflow": "tensorflow"}
    assert unidl.backend() == "torch"


def test_using_holds_in_one_task_only():
    async def work(name: str, mine: asyncio.Event, other: asyncio.Event) -> str:
        with unidl.using(name):
            mine.set()
            await other.wait()
            return unidl.backend()

    async def both() -> list[str]:
        a, b = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(work("keras", a, b), work("tensorflow", b, a))

    assert asyncio.run(both()) == ["keras", "tensorflow"]


def test_set_backend_holds_in_every_thread():
    unidl.set_backend("keras")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(unidl.backend()))
    thread.start()
    thread.join()
    assert seen == ["keras"]


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("pytorch", f"Write torch. {ALL}"),
        ("Torch", f"Write torch. {ALL}"),
        ("tf", f"Write tensorflow. {ALL}"),
        ("tensorfow", f"Write tensorflow. {ALL}"),
        ("jax", f"Write keras, with KERAS_BACKEND=jax. {ALL}"),
        ("mxnet", ALL),
    ],
)
def test_a_misspelt_name_in_the_environment(monkeypatch, name, fix):
    monkeypatch.setenv("UNIDL_BACKEND", name)
    with pytest.raises(BackendUnavailableError) as caught:
        unidl.backend()
    assert str(caught.value) == (
        f"There is no backend {name!r} (from the environment variable UNIDL_BACKEND).\n"
        "Expected: one of torch, keras, tensorflow\n"
        f"Received: {name!r}\n"
        f"Fix: {fix}"
    )


def test_an_error_names_the_place_where_the_choice_was_made(monkeypatch):
    with pytest.raises(BackendUnavailableError, match=r"'pytorch' \(from unidl\.set_backend\(\)\)"):
        unidl.set_backend("pytorch")
    assert unidl.backend() == "torch"  # a refused choice changes nothing
    with pytest.raises(BackendUnavailableError, match=r"'pytorch' \(from unidl\.using\(\)\)"), unidl.using("pytorch"):
        pytest.fail("the block must not run")
    with pytest.raises(BackendUnavailableError, match=r"'pytorch' \(from the argument backend=\)"):
        registry.load("pytorch")
    monkeypatch.setenv("UNIDL_BACKEND", "pytorch")
    with unidl.using("keras"):  # a choice that is overruled is not looked at
        assert unidl.backend() == "keras"


@pytest.mark.parametrize("name", [None, 3, ["torch"]])
def test_a_name_that_is_no_text(name):
    with pytest.raises(BackendUnavailableError, match="There is no backend"):
        unidl.set_backend(name)


def test_a_missing_package(monkeypatch):
    _only(monkeypatch, "keras", "tensorflow")
    with pytest.raises(BackendUnavailableError) as caught:
        unidl.set_backend("torch")
    assert str(caught.value) == (
        "Backend 'torch' (from unidl.set_backend()) needs the package 'torch', which is not installed.\n"
        f"Fix: Install it with:  {distribution.install('torch')}\n"
        "Installed backends: keras, tensorflow."
    )
    assert isinstance(caught.value, ImportError)


def test_nothing_installed(monkeypatch):
    _only(monkeypatch)
    with pytest.raises(BackendUnavailableError) as caught:
        unidl.backend()
    assert str(caught.value) == (
        "unidl needs a framework to run on, and none is installed.\n"
        "Expected: one of the packages torch, keras, tensorflow\n"
        f"Fix: Install one with:  {distribution.install('torch')}\n"
        "Or any other of: torch, keras, tensorflow."
    )


def test_a_package_that_is_installed_later_is_found(fresh, tmp_path):
    code = f"""
        import importlib, pathlib, sys
        from unidl.backends import registry
        assert not registry._is_installed("late_package")
        pathlib.Path({str(tmp_path)!r}, "late_package.py").write_text("")
        importlib.invalidate_caches()
        assert registry._is_installed("late_package")
    """
    fresh(code, path=tmp_path)


BROKEN = "Backend 'torch' (from the environment variable UNIDL_BACKEND) is installed but cannot be imported: {}"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "raise OSError('libc10.so: cannot open shared object file')",
            "OSError: libc10.so: cannot open shared object file",
        ),
        ("import no_such_part", "ModuleNotFoundError: No module named 'no_such_part'"),
    ],
)
def test_a_broken_framework(fresh, tmp_path, source, told):
    (tmp_path / "torch.py").write_text(source + "\n")
    code = """
        import unidl
        assert unidl.backend() == "torch"  # the name is right and the package is there
        try:
            from unidl.backends import registry
            registry.load()
        except unidl.errors.BackendUnavailableError as error:
            print(error)
            assert error.__cause__ is not None
    """
    told_all = fresh(code, env={"UNIDL_BACKEND": "torch"}, path=tmp_path).stdout
    assert told_all.splitlines() == [
        BROKEN.format(told),
        f"Fix: Reinstall it with:  {distribution.install('torch', options='--force-reinstall')}",
        ALL,
    ]


def test_keras_without_an_engine(fresh, tmp_path):
    (tmp_path / "keras.py").write_text("import jax_is_not_here\n")
    code = """
        import unidl
        from unidl.backends import registry
        try:
            registry.load("keras")
        except unidl.errors.BackendUnavailableError as error:
            print(error)
    """
    assert fresh(code, path=tmp_path).stdout.splitlines() == [
        "Backend 'keras' cannot run: its engine needs the package 'jax_is_not_here', which is not installed.",
        "Expected: one of tensorflow, torch, jax, named by KERAS_BACKEND or keras.json, else the first installed",
        f"Fix: Install an engine with Keras, for example:  {distribution.install('keras', 'torch')}",
        "Or set KERAS_BACKEND to one that is installed.",
    ]


def test_available_lists_what_can_be_used(backend):
    record = {record.name: record for record in unidl.available()}[backend]
    assert record.problem is None
    assert record.version == registry.load(backend).version()
    assert "cpu" in record.devices or "cpu:0" in record.devices
    assert (record.engine is not None) == (backend == "keras")


def test_available_says_why_a_backend_cannot_be_used(monkeypatch):
    _only(monkeypatch, "keras", "tensorflow")
    monkeypatch.setattr(registry, "_loaded", {})
    record = unidl.available()[0]
    assert (record.name, record.version, record.devices) == ("torch", None, ())
    assert "pip install '.[torch]'" in record.problem


def test_a_call_that_has_no_tensor_looks_nothing_up_twice(backend, monkeypatch):
    unidl.set_backend(backend)
    loaded = registry.load()
    monkeypatch.setattr(registry, "check", lambda choice: pytest.fail("looked up again"))
    assert registry.load() is loaded
