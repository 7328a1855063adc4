"""What is measured when.

First each way of running has a process in which the code runs as it is, one after the other, once. The processes stay. Then come
rounds: in each, every way in turn has a little of everything that is measured again and again (steps, inference, building), and a fresh
process for what happens once in a process (import, first step, from an edit to the first step). Every second round goes the other way
round. So a machine that is busy for a while slows all of them alike. At last, once, what has no time: source, inspections, the planted bug, exports.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unidl.backends import registry
from unidl.errors import BackendUnavailableError
from unidl.insight.comparison import Failure, NativeSource, Run
from unidl.insight.comparisons.job import Way
from unidl.insight.comparisons.process import GRACE, LostError, Process, RefusedError
from unidl.inspection.inspection import Inspection
from unidl.inspection.timing import Timing
from unidl.settings import BACKEND_VARIABLE, Choice

# what tells the frameworks how many threads to use, before they are imported
THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
PARTS = ("edit", "exports", "source", "debugging", "inspections")  # that may be left out
UNITS = {"memory": "B", "resident": "B", "throughput": "1/s"}


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Args:
        rounds: Of what is measured in the processes that stay.
        fresh: Rounds that have a fresh process too.
        seconds: Of one measurement in a round, about.
        thorough: Whether all export formats are tried, not only those of the run's own framework, and the frameworks' compilers asked.
        limit: Seconds that the code itself may take.
        without: Of PARTS, what is left out.
        patience: Seconds that one measurement may take.
        export: Seconds that one export may take.
    """

    rounds: int
    fresh: int
    seconds: float
    thorough: bool
    limit: float
    without: frozenset[str] = frozenset()
    patience: float = 300.0
    export: int = 60


@dataclass
class Seen:
    """What was seen of one way so far."""

    way: Way
    process: Process | None = None
    failure: Failure | None = None
    values: dict[str, list[float]] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    source: NativeSource = field(default_factory=NativeSource)
    exports: dict[str, str] = field(default_factory=dict)
    debugging: dict[str, Any] = field(default_factory=dict)
    inspections: dict[str, Inspection] = field(default_factory=dict)
    exit_code: int | None = None
    notes: list[str] = field(default_factory=list)

    def add(self, values: Mapping[str, float]) -> None:
        """Measurements of a round."""
        for name, value in values.items():
            self.values.setdefault(name, []).append(value)

    def note(self, sentence: str) -> None:
        """Once each."""
        if sentence not in self.notes:
            self.notes.append(sentence)


class Conductor:
    """Measures all ways.

    Args:
        job: File with the job.
        edit: Writes a file with the job whose code was changed, and gives its path.
        plan: How much.
        folder: For logs and caches.
        shown: Whether the code's own output is shown.
        tell: Is told what is being done.
    """

    def __init__(
        self, job: Path, edit: Callable[[], Path], plan: Plan, folder: Path, shown: bool, tell: Callable[[str], None]
    ) -> None:
        self.job = job
        self.edit = edit
        self.plan = plan
        self.folder = folder
        self.shown = shown
        self.tell = tell
        self._fresh: Process | None = None

    def conduct(self, ways: list[Way]) -> list[Run]:
        """All of it; no process is left, however it ends."""
        seen = [Seen(way) for way in ways]
        try:
            for one in seen:
                self._begin(one)
            for number in range(self.plan.rounds):
                self.tell(f"round {number + 1} of {self.plan.rounds}")
                for one in seen if number % 2 == 0 else seen[::-1]:
                    self._round(one, fresh=number < self.plan.fresh)
            for one in seen:
                self._once(one)
                self._end(one)
        finally:
            for process in (self._fresh, *(one.process for one in seen)):
                if process is not None:
                    process.kill()
        return [_run(one, self.shown) for one in seen]

    # -- the four parts --------------------------------------------------------------------------------------------------------

    def _begin(self, one: Seen) -> None:
        """The code as it is."""
        self.tell(f"{one.way.label}: the run itself")
        try:
            registry.check(Choice(one.way.backend, "unidl compare"))
        except BackendUnavailableError as error:
            one.failure = Failure(type(error).__name__, str(error))
            return
        one.process = self._start(one.way, self.job, self.shown)
        answer = self._ask(one, self.plan.limit, do="run")
        if answer is not None:
            one.run, one.exit_code = answer, answer["exit_code"]
            if self.shown:
                self.tell(f"{one.way.label}: ended with exit code {one.exit_code}")

    def _round(self, one: Seen, fresh: bool) -> None:
        if one.process is None:
            return
        if fresh:
            self._first(one)
        for what, arguments in (
            ("step", {"seconds": self.plan.seconds}),
            ("inference", {"seconds": self.plan.seconds}),
            ("build", {}),
        ):
            answer = self._ask(one, self.plan.patience, do=what, **arguments)
            if answer is None:
                return
            one.add(answer)

    def _first(self, one: Seen) -> None:
        """From a change of the code to its first step."""
        begun = time.time()
        self._fresh = process = self._start(one.way, self.edit(), shown=False)
        try:
            answer = process.ask(self.plan.limit, do="first")
            one.add({"import": answer["import"], "first_step": answer["first_step"], "edit": answer["at"] - begun})
        except LostError as lost:
            one.note(f"The edited code did not come to its first step. {lost.failure.kind}: {lost.failure.message}")
        finally:
            process.kill()

    def _once(self, one: Seen) -> None:
        if one.process is None:
            return
        self.tell(f"{one.way.label}: source, inspections, the planted bug, exports")
        if "source" not in self.plan.without:
            one.source = NativeSource(**(self._ask(one, self.plan.patience, do="source") or {}))
        if "inspections" not in self.plan.without:
            self._inspect(one)
        if one.process is not None and "debugging" not in self.plan.without:
            one.debugging = self._ask(one, self.plan.patience, do="debug") or {}
        if one.process is not None and "exports" not in self.plan.without:
            self._export(one, one.process)

    def _inspect(self, one: Seen) -> None:
        for what in ("model", "step"):
            if one.process is not None:
                seen = self._ask(one, self.plan.patience, do="inspect", what=what, compiler=self.plan.thorough)
                if seen:
                    one.inspections[what] = Inspection.from_data(seen)

    def _export(self, one: Seen, process: Process) -> None:
        """The formats of the run's own framework first: one that hangs outside Python ends the process."""
        owners = {name: owner for name, (owner, _) in registry.formats().items()}
        wanted = sorted(owners, key=lambda name: owners[name] != one.way.backend)
        for name in wanted if self.plan.thorough else [name for name in wanted if owners[name] == one.way.backend]:
            if one.process is None:
                one.exports[name] = "not tried: the export before it did not end"
                continue
            try:
                answer = process.ask(self.plan.export + GRACE, do="export", name=name, seconds=self.plan.export)
                one.exports[name] = answer["refused"]
            except RefusedError as error:
                one.exports[name] = str(error)
            except LostError as lost:
                one.process = None
                one.exports[name] = f"{lost.failure.kind}: {lost.failure.message}"

    def _end(self, one: Seen) -> None:
        if one.process is not None:
            one.process.end()
            one.process = None

    # -- processes -------------------------------------------------------------------------------------------------------------

    def _ask(self, one: Seen, limit: float, **request: Any) -> dict[str, Any] | None:
        """The answer; None where there is none, which the run tells."""
        assert one.process is not None
        try:
            return one.process.ask(limit, **request)
        except RefusedError as error:
            one.note(f"Nothing was found for {request['do']!r}. {error}")
            return {}
        except LostError as lost:
            one.process, one.failure = None, lost.failure
            one.exit_code = lost.exit_code if lost.exit_code is not None else one.exit_code
            return None

    def _start(self, way: Way, job: Path, shown: bool) -> Process:
        variables = dict(os.environ)
        variables[BACKEND_VARIABLE] = way.backend
        for name in THREADS:
            if way.threads is not None:
                variables[name] = str(way.threads)
        engine = registry.entries()[way.backend].engine
        if engine and way.engine is not None:
            variables[engine] = way.engine
        # no process finds what another one compiled
        variables["TORCHINDUCTOR_CACHE_DIR"] = tempfile.mkdtemp(dir=self.folder)
        handle, log = tempfile.mkstemp(dir=self.folder)
        os.close(handle)
        return Process(job, way, variables, Path(log), shown)


def _run(one: Seen, script: bool) -> Run:
    """What was seen, as a run."""
    found = one.run
    figures = {name: Timing.of(values, UNITS.get(name, "s")) for name, values in one.values.items()}
    if "first_step" in figures and "step" in figures:
        steady = figures["step"].median
        figures["compile"] = Timing.of([max(0.0, first - steady) for first in one.values["first_step"]])
    if found.get("training"):
        figures["training"] = Timing.of(found["training"])
    for name in ("memory", "resident", "run"):
        if found.get(name) is not None:
            figures[name] = Timing.of([float(found[name])], UNITS.get(name, "s"))
    jit = found.get("jit")
    return Run(
        label=one.way.label,
        backend=one.way.backend,
        engine=found.get("engine") or one.way.engine,
        jit=jit if jit is not None else one.way.jit or False,
        threads=one.way.threads,
        failure=one.failure,
        figures=figures,
        step_loss=tuple(found.get("step_loss", ())),
        metrics=found.get("metrics", {}),
        exports=one.exports,
        source=one.source,
        inspections=one.inspections,
        debugging=one.debugging,
        exit_code=one.exit_code if script else None,
        notes=tuple(one.notes),
    )
