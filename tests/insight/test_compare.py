"""A comparison finds what was planted, survives what fails, and changes nothing in what it compares."""

import copy
import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import unidl
from tests.insight import planted
from unidl import layers, ops
from unidl.cli import main
from unidl.cli.exit_code import DONE, FAILED, INTERRUPTED, UNAVAILABLE, WRONG_COMMAND
from unidl.data import Arrays
from unidl.errors import ArgumentError, BackendUnavailableError, FileError
from unidl.insight.comparison import FIGURES, Comparison, NativeSource, Run
from unidl.insight.comparisons import leaving
from unidl.insight.comparisons.advice import advise, distances
from unidl.insight.comparisons.difference import difference
from unidl.insight.comparisons.leaving import lines_of, names_of
from unidl.insight.comparisons.planted import debugged
from unidl.insight.comparisons.steady import Steady
from unidl.insight.comparisons.watch import Watch
from unidl.insight.spread import apart, leaders, text
from unidl.inspection.timing import Timing
from unidl.training.observing import OBSERVERS

BACKENDS = ("torch", "keras", "tensorflow")
FAST = {"quick": True, "progress": False}
ROOT = Path(unidl.__file__).parent.parent


@pytest.fixture(scope="module")
def found() -> Comparison:
    """Three backends: a layer is slow on one, a callback on the second, and the third takes 300 MB."""
    return unidl.compare(
        planted.build,
        planted.data,
        epochs=planted.EPOCHS,
        callbacks=[planted.SlowOnKeras(), planted.HogOnTensorFlow()],
        without=["edit", "exports", "debugging", "inspections"],
        backends=BACKENDS,
        **FAST,
    )


def _run(comparison: Comparison, label: str) -> Run:
    return next(run for run in comparison.runs if run.label == label)


def _loser(comparison: Comparison, figure: str) -> str:
    """The run that is last, and beyond the spread of each of the others."""
    figures = {run.label: run.figures[figure] for run in comparison.runs}
    last = max(figures, key=lambda label: figures[label].median)
    assert all(apart(figures[last], other) for label, other in figures.items() if label != last), figures
    return last


def _advice(comparison: Comparison, question: str):
    return next(advice for advice in comparison.advice if advice.question == question)


@pytest.mark.parametrize(
    ("figure", "question", "loser"),
    [
        ("step", "fastest training", "torch"),
        ("latency_one", "fastest inference, one example", "torch"),
        ("training", "fastest training as it ran, callbacks and data included", "keras"),
        ("memory", "least memory beyond what the import takes", "tensorflow"),
    ],
)
def test_what_was_planted_is_found(found, figure, question, loser):
    assert [run.failure for run in found.runs] == [None] * 3
    assert _loser(found, figure) == loser
    advice = _advice(found, question)
    assert loser not in advice.answers
    assert advice.why.split("; ")[-1].startswith(loser)  # ranked last


def test_the_planted_amounts_are_seen(found):
    # a sleep lasts as long as it is told, or longer on a busy machine
    assert _run(found, "torch").figures["step"].median > 0.015
    assert _run(found, "keras").figures["training"].median > 0.06
    hog = _run(found, "tensorflow").figures["memory"].median - _run(found, "keras").figures["memory"].median
    assert 250 << 20 < hog < 450 << 20


def test_the_figures_of_a_run(found):
    for run in found.runs:
        expected = set(FIGURES) - {"import", "first_step", "compile", "edit"}
        assert set(run.figures) == expected
        assert len(run.step_loss) == planted.EPOCHS * 8
        assert run.metrics["loss"] < run.step_loss[0]
        assert run.source.lines > 10
        assert run.source.names > 3
        assert run.threads == 1
    assert all(distance < 1e-5 for distance in found.distances.values())
    assert set(found.distances) == {"torch / keras", "torch / tensorflow", "keras / tensorflow"}
    assert found.name == "planted.py: build"
    assert found.code.startswith("class SlowOnTorch(unidl.Layer):")
    assert found.code.count("def build") == 1
    assert found.machine["packages"]["unidl"] == unidl.__version__


def test_kept_as_json_and_read_again(found, tmp_path):
    path = tmp_path / "c.json"
    found.save(path)
    assert Comparison.load(path) == found
    assert json.loads(path.read_text())["runs"][0]["label"] == "torch"
    path.write_text('{"runs": 3}')
    with pytest.raises(FileError, match="holds no comparison"):
        Comparison.load(path)


def test_a_later_unidl_reads_what_it_knows(found, tmp_path):
    path = tmp_path / "c.json"
    found.save(path)
    held = json.loads(path.read_text())
    held["a field of tomorrow"] = 1
    del held["distances"]
    path.write_text(json.dumps(held))
    assert Comparison.load(path) == dataclasses.replace(found, distances={})


def test_the_table_names_everybody(found):
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(found)
    told = console.export_text()
    for word in ("torch", "keras", "tensorflow", "steady step", "peak memory", "What decides", "fastest training"):
        assert word in told


def test_an_older_comparison_beside_a_newer_one(found, tmp_path, capsys):
    def slowed(run: Run) -> Run:
        step = run.figures["step"]
        factor = 3 if run.label == "torch" else 1
        figures = {
            **run.figures,
            "step": Timing(step.median * factor, step.low * factor, step.high * factor, step.rounds),
        }
        return dataclasses.replace(run, figures=figures, exports={"onnx": "it broke"} if run.label == "torch" else {})

    new = dataclasses.replace(found, runs=tuple(slowed(run) for run in found.runs[:2]))
    old = dataclasses.replace(
        found, runs=(dataclasses.replace(found.runs[0], exports={"onnx": ""}), *found.runs[1:]), machine={"cores": 96}
    )
    seen = difference(old, new)
    assert [(shift.label, shift.figure, shift.better) for shift in seen.shifts] == [("torch", "step", False)]
    assert seen.shifts[0].ratio == pytest.approx(3)
    assert "torch: the export to onnx fails now: it broke." in seen.told
    assert "tensorflow is in the older one only." in seen.told
    assert any("cores was 96" in line for line in seen.told)
    old.save(tmp_path / "old.json")
    new.save(tmp_path / "new.json")
    assert main(["compare", str(tmp_path / "old.json"), str(tmp_path / "new.json")]) == DONE
    assert "3.00" in capsys.readouterr().out
    assert difference(found, found).shifts == ()


# -- no winner where spreads overlap -------------------------------------------------------------------------------------------


def _measured(**steps: Timing) -> list[Run]:
    return [Run(label, label, figures={"step": timing}) for label, timing in steps.items()]


def test_no_winner_where_spreads_overlap():
    runs = _measured(a=Timing(1.0, 0.9, 1.2, 5), b=Timing(1.1, 1.0, 1.3, 5), c=Timing(2.0, 1.9, 2.1, 5))
    (advice,) = advise(runs)
    assert advice.answers == ("a", "b")
    assert "none of them is said to be better" in advice.why
    (advice,) = advise(_measured(a=Timing(1.0, 0.9, 1.0, 5), b=Timing(1.2, 1.1, 1.3, 5)))
    assert advice.answers == ("a",)
    assert "none of them" not in advice.why


def test_what_was_measured_once_needs_a_margin():
    assert not apart(Timing.of([100.0]), Timing.of([110.0]))
    assert apart(Timing.of([100.0]), Timing.of([130.0]))
    figures = {"a": Timing.of([90.0]), "b": Timing.of([100.0]), "c": Timing.of([300.0])}
    assert leaders(figures, "less") == ["a", "b"]
    assert leaders(figures, "more") == ["c"]


def test_a_figure_as_text():
    assert text(Timing(0.00123, 0.0011, 0.0015, 5)) == "1.23 ms (1.10 to 1.50)"
    assert text(Timing(300 * 2.0**20, 0, 0, 1, "B")) == "300 MiB"


def test_an_export_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(leaving, "export", lambda *_: time.sleep(60))
    trainer = unidl.Trainer(unidl.Sequential([layers.Dense(1)]), loss="mse")
    assert leaving.exported(trainer, "pt2", 1) == "TimeoutError: it did not end within 1 s"


def test_loss_curves_apart():
    runs = [
        Run(label, label, step_loss=curve) for label, curve in (("a", (2.0, 1.0)), ("b", (2.0, 1.5)), ("c", (2.0,)))
    ]
    assert distances(runs) == {"a / b": 0.25}


def test_lines_and_names_of_a_source():
    code = "import torch\nfrom torch import nn\nimport numpy as np\n\n# no line\nm = nn.Linear(2, 3)\nnn.Linear(3, 4)(torch.zeros(np.int64(1)))\n"
    assert lines_of(code) == 5
    assert names_of(code, "torch") == {"torch.nn.Linear", "torch.zeros"}
    assert NativeSource().lines == 0


# -- scripts -------------------------------------------------------------------------------------------------------------------

SCRIPT = """\
import os, pathlib, signal, sys, time
import beside
import unidl

if __name__ == "__main__":
    print("arguments", sys.argv, __file__, unidl.backend(), flush=True)
    pathlib.Path("pid").write_text(str(os.getpid()))
    what = os.environ["OMP_NUM_THREADS"] if sys.argv[1] == "threads" else sys.argv[1]
    if what == "raise" or what == "2":
        raise ValueError("planted")
    if what == "kill" or what == "3":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang" or what == "4":
        time.sleep(1000)
    if what == "nothing":
        sys.exit(0)
    trainer = unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1)]), loss="mse")
    history = trainer.fit(*beside.load(), epochs=4, progress=False)
    pathlib.Path("made").write_text(str(len(history.epochs)))
    sys.exit(7 if what == "exit" else 0)
"""
BESIDE = """\
import numpy

def load():
    x = numpy.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    return x, x[:, :1]
"""
LITTLE = ["--quick", "--without", "edit,exports,source,debugging,inspections", "--backends", "torch"]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT)
    (folder / "beside.py").write_text(BESIDE)
    monkeypatch.chdir(tmp_path)
    return "folder/train.py"


def test_a_script_runs_as_it_is(script, tmp_path, capfd):
    assert (
        main(
            [
                "compare",
                script,
                "--quick",
                "--backends",
                "torch",
                "--json",
                "c.json",
                "--report",
                "out.html",
                "--",
                "well",
                "-x",
            ]
        )
        == DONE
    )
    told = capfd.readouterr()
    path = tmp_path / "folder" / "train.py"
    assert told.out.splitlines()[0] == f"arguments {['folder/train.py', 'well', '-x']} {path} torch"
    assert told.out.count("arguments") == 1  # what runs it again to measure is not heard
    assert (tmp_path / "made").read_text() == "4"
    run = Comparison.load("c.json").runs[0]
    assert set(run.figures) == set(FIGURES)
    assert run.exit_code == 0
    assert run.exports == {"pt2": "", "onnx": ""}
    assert run.debugging["hits"] == run.debugging["steps"]
    assert run.debugging["arises"] == "at run, in step 4"
    assert run.debugging["depth"] > run.debugging["own"] > 0
    assert run.figures["edit"].median > run.figures["import"].median > 0
    assert set(run.inspections) == {"model", "step"}
    assert run.notes == ()
    page = Path("out.html").read_text()
    assert "train.py" in page
    assert str(ROOT) not in run.debugging["traceback"]


def test_a_scripts_exit_code_is_kept(script, capfd):
    assert main(["compare", script, *LITTLE, "--json", "c.json", "--", "exit"]) == FAILED
    (run,) = Comparison.load("c.json").runs
    assert run.exit_code == 7
    assert run.failure.message == "the script ended with exit code 7"
    assert "torch failed." in capfd.readouterr().out


def test_a_run_that_fails_is_no_end(script, capfd):
    """One raises, one is killed, one hangs, one is well: they differ by their threads."""
    comparison = unidl.compare(
        script, arguments=["threads"], backends=["torch"], threads=[2, 3, 4, 1], timeout=15, quick=True, progress=False,
        without=["edit", "exports", "source", "debugging", "inspections"],
    )  # fmt: skip
    raised, killed, hung, well = comparison.runs
    assert (raised.label, well.label) == ("torch, 2 threads", "torch, 1 thread")
    assert (raised.failure.kind, raised.failure.message, raised.exit_code) == ("ValueError", "planted", 1)
    assert "train.py" in raised.failure.traceback
    assert "comparisons" not in raised.failure.traceback
    assert "ValueError: planted" in capfd.readouterr().err
    assert (killed.failure.kind, "SIGKILL" in killed.failure.message) == ("Killed", True)
    assert (hung.failure.kind, "15 s" in hung.failure.message) == ("Timeout", True)
    assert well.failure is None
    assert well.figures["step"].rounds == 3
    assert not _alive(int(Path("pid").read_text()))


def test_a_script_that_trains_nothing(script, capfd):
    assert main(["compare", script, *LITTLE, "--", "nothing"]) == FAILED
    assert "no Trainer had taken a step" in " ".join(capfd.readouterr().out.split())


def test_a_package_that_is_missing_is_a_row(script, capfd, monkeypatch):
    monkeypatch.setattr(unidl.backends.registry, "_is_installed", lambda package: package != "torch")
    assert main(["compare", script, *LITTLE, "--", "nothing"]) == UNAVAILABLE
    assert "pip install" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["none.py"], "no script 'none.py'"),
        (["folder/train.py", "--jit", "maybe"], "no such value"),
        (["folder/train.py", "--threads", "some"], "no such value"),
        (["folder/train.py", "--without", "all"], "without has what fits nothing"),
        (["none.json", "other.json"], "no file 'none.json'"),
    ],
)
def test_a_wrong_command_line(script, words, told, capfd):
    assert main(["compare", *words]) == WRONG_COMMAND
    assert told in capfd.readouterr().err


def test_a_backend_that_is_misspelt(script, capfd):
    assert main(["compare", script, "--backends", "pytorch"]) == UNAVAILABLE
    assert "Write torch." in capfd.readouterr().err


def test_arguments_that_do_not_go_together():
    with pytest.raises(ArgumentError, match="A function is compared on data"):
        unidl.compare(planted.build)
    with pytest.raises(ArgumentError, match="invalid value for backends"):
        unidl.compare(planted.build, (1, 2), backends="torch")
    with pytest.raises(ArgumentError, match="compared with itself"):
        unidl.compare(planted.build, (1, 2), backends=["torch", "torch"])
    with pytest.raises(BackendUnavailableError, match="Write torch"):
        unidl.compare(planted.build, (1, 2), backends=["pytorch"])


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left(script, sent):
    """Ctrl-C ends them all; where the comparing process is killed itself, they go with it."""
    command = [sys.executable, "-m", "unidl", "compare", script, *LITTLE, "--", "hang"]
    running = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    file = Path("pid")
    until = time.monotonic() + 60
    while not (file.exists() and file.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    pid = int(file.read_text())
    assert _alive(pid)
    running.send_signal(sent)
    _, told = running.communicate(timeout=60)
    assert running.returncode == (INTERRUPTED if sent == signal.SIGINT else -sent)
    if sent == signal.SIGINT:
        assert b"stopped by Ctrl-C" in told
    until = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _alive(pid)


@pytest.mark.skipif(os.environ.get("UNIDL_WAYS") != "all", reason="takes minutes: nox -s comparison runs it")
def test_every_way():
    """Engines, jit on and off, one thread and the framework's own choice; what cannot be is a row with its error."""
    comparison = unidl.compare(
        planted.build, planted.data, engines=["tensorflow", "torch"], jit=[False, True], threads=[1, None], epochs=2, quick=True,
        without=["exports"],
    )  # fmt: skip
    assert len(comparison.runs) == 4 * 2 * 2
    failed = {run.label: run.failure for run in comparison.runs if run.failure is not None}
    assert set(failed) == {"keras on torch, jit, 1 thread", "keras on torch, jit, default threads"}
    assert {failure.kind for failure in failed.values()} == {"NotPortableError"}
    for run in comparison.runs:
        if run.failure is None:
            assert set(run.figures) == set(FIGURES), run.label
            assert run.notes == (), run.label
            assert (run.jit, run.threads) == ("jit" in run.label, None if "default" in run.label else 1)
            assert run.debugging["depth"] > 0
    runs = {run.label: run for run in comparison.runs}
    assert runs["torch, 1 thread"].debugging["stops"] == "in each step"
    assert runs["keras on torch, 1 thread"].debugging["stops"] == "in each step"
    assert runs["tensorflow, 1 thread"].debugging["arises"] == "at trace"
    assert runs["keras on tensorflow, 1 thread"].engine == "tensorflow"


# -- measuring changes nothing ------------------------------------------------------------------------------------------------


def test_a_measured_trainer_is_as_it_was(backend):
    model = unidl.Sequential([layers.Dense(4, activation="relu"), layers.Dropout(0.5), layers.Dense(1)])
    trainer = unidl.Trainer(model, loss="mse", backend=backend)
    x, y = planted.data()
    trainer.fit(x, y, batch_size=64, progress=False)
    before = trainer.state()
    source = Arrays(x, y, batch_size=64)
    for steady in (Steady(trainer, source, by_step=False), Steady(trainer, source, by_step=True)):
        assert steady.step(0.1) > 0
        assert steady.inference(1, 0.01) > 0
        assert steady.build() > 0
    assert debugged(copy.deepcopy(trainer), source)["hits"] > 0
    after = trainer.state()
    assert (after["epoch"], after["steps_taken"]) == (before["epoch"], before["steps_taken"]) == (1, 4)
    for path, weight in before["weights"].items():
        assert np.array_equal(weight, after["weights"][path]), path
    assert trainer.callbacks == []


@pytest.mark.parametrize(("step", "expected"), [(0.001, (33, 3)), (0.02, (1, 3)), (3.0, (1, 1))])
def test_a_measured_round_takes_as_many_steps_at_once_as_fill_it(monkeypatch, step, expected):
    x, y = planted.data()
    trainer = unidl.Trainer(unidl.Sequential([layers.Dense(1)]), loss="mse", backend="torch")
    trainer.fit(x, y, batch_size=64, progress=False)
    steady = Steady(trainer, Arrays(x, y, batch_size=64), by_step=False)
    monkeypatch.setattr(steady, "_take", lambda *_: step)  # a clock of its own: the machine may be slow today
    assert steady._sized(0.1) == expected


class Pair(unidl.Model):
    def __init__(self):
        self.generator = unidl.Sequential([layers.Dense(2)])
        self.critic = unidl.Sequential([layers.Dense(4), layers.Dense(1)])

    def forward(self, noise):
        return self.critic(self.generator(noise))


class OwnStep(unidl.Trainer):
    def training_step(self, batch):
        real, noise = batch
        critic, generator = self.model.critic, self.model.generator
        d = self.minimize(lambda: ops.mean(critic(generator(noise))) - ops.mean(critic(real)), part=critic)
        return {"d": d}


def test_a_step_of_ones_own():
    """Its data is not what the model is called with, its parts are models, and it gives no loss."""
    real, noise = np.ones((32, 2), "float32"), np.ones((32, 3), "float32")
    trainer = OwnStep(Pair().build((3,), backend="torch"), optimizer="sgd")
    trainer.fit(real, noise, progress=False)
    steady = Steady(trainer, Arrays(real, noise, batch_size=8), by_step=False)
    assert [array.shape for array in steady.examples(5)] == [(5, 3)]
    assert steady.inference(1, 0.01) > 0
    found = debugged(copy.deepcopy(trainer), steady.source)
    assert found["place"] == "critic/dense_2"
    assert found["hits"] == 2 * found["steps"]  # the critic is called twice in a step
    assert distances([Run(label, label, step_loss=(float("nan"),)) for label in "ab"]) == {}


def test_a_loop_of_ones_own_is_watched():
    watch = Watch("torch", None)
    OBSERVERS.append(watch)
    try:
        trainer = unidl.Trainer(unidl.Sequential([layers.Dense(1)]), loss="mse", backend="torch")
        x, y = planted.data()
        losses = [trainer.step((x[:64], y[:64]))["loss"] for _ in range(6)]
    finally:
        OBSERVERS.remove(watch)
    found = watch.found()
    assert found["step_loss"] == losses
    assert watch.by_step
    assert watch.first is not None
    assert len(found["training"]) == 4  # of six steps the first has none before it, and the second settles


# -- functions -----------------------------------------------------------------------------------------------------------------

CELL = """\
import numpy
import unidl
from unidl import layers, ops


class Deepening(unidl.Model):
    def __init__(self):
        self.block = layers.Dense(4)

    def forward(self, x):
        depth = ops.ones((), "int64")
        while ops.logical_and(depth < 3, ops.mean(x) < 1e9):
            x = x + self.block(x)
            depth = depth + 1
        return x


def build():
    return Deepening()


def data():
    x = numpy.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    return x, x


def distance(targets, predictions):
    return ops.mean(ops.abs(targets - predictions), axis=-1)


error = unidl.metrics.Mean(distance, name="error")
"""

NOTEBOOK = """\
import linecache, sys
cell = {cell!r}
name = "<ipython-input-1-0123456789ab>"
linecache.cache[name] = (len(cell), None, cell.splitlines(True), name)
exec(compile(cell, name, "exec"))
found = unidl.compare(build, data, backends=["tensorflow"], loss="mse", metrics=[error], epochs=2, quick=True, progress=False,
                      without=["edit", "exports", "debugging", "inspections"])
(run,) = found.runs
assert run.failure is None, run.failure
assert run.metrics.keys() == {{"loss", "error"}}, run.metrics
assert "class Deepening" not in found.code and "def build" in found.code
assert not {{"torch", "tensorflow", "keras"}} & set(sys.modules)  # the process that compares needs no framework
print(len(run.step_loss))
"""


def test_functions_of_a_notebook(fresh):
    """They are in no file, and TensorFlow's AutoGraph reads the source of a forward that loops on a tensor."""
    assert fresh(NOTEBOOK.format(cell=CELL)).stdout.split() == ["2"]


def test_functions_that_cannot_travel():
    lock = threading.Lock()
    with pytest.raises(ArgumentError, match="cannot be brought to another process"):
        unidl.compare(lambda: lock, (1, 2), backends=["torch"], progress=False)


def test_the_page_says_how_each_figure_is_measured():
    page = (ROOT / "docs" / "compare.md").read_text()
    for figure in FIGURES.values():
        assert f"| {figure.title} | {figure.how} |" in page
