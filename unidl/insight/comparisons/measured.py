"""The measured process: runs the code that is compared, and answers one request after the other over a pipe.

It is started by `process.py`. A request and its answer are a line of JSON each. An answer has under "found" what was found, or under "error" why
nothing was; what the code itself writes goes where it always goes until the script is over, and into a log from then on.
"""

from __future__ import annotations

import copy
import faulthandler
import json
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unidl.backends import registry
from unidl.graph.node import map_nest
from unidl.insight.comparisons import subject
from unidl.insight.comparisons.job import Job, Way
from unidl.insight.comparisons.leaving import exported, native_source
from unidl.insight.comparisons.planted import debugged
from unidl.insight.comparisons.steady import LARGE, Steady
from unidl.insight.comparisons.watch import Watch
from unidl.insight.comparisons.where import shortened
from unidl.insight.inspections.inspecting import inspect
from unidl.terminal import Output, put
from unidl.training.observing import OBSERVERS, Observer

EXAMPLES = 32  # with which it is inspected


class NoTrainingError(Exception):
    """The code ended and no Trainer had taken a step."""


class OtherBackendError(Exception):
    """The code chose a backend itself, over the one that it was to run on."""


class Measured:
    """One run in this process.

    Args:
        job: What is compared.
        way: How it runs here.
        log: Where what nobody asked to see is written.
        send: Sends an answer.
    """

    def __init__(self, job: Job, way: Way, log: str, send: Callable[[dict[str, Any]], None]) -> None:
        self.job = job
        self.log = log
        self.way = way
        self.send = send
        self.exit_code = 0
        self.watch: Watch | None = None
        self._steady: Steady | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked."""
        asked: dict[str, Callable[..., dict[str, Any]]] = {
            "run": self.run, "first": self.first, "step": self.step, "inference": self.inference, "build": self.build,
            "source": self.source, "export": self.export, "debug": self.debug, "inspect": self.inspect,
        }  # fmt: skip
        return asked[request.pop("do")](**request)

    # -- the code itself -------------------------------------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """Run the code as it is, to its end."""
        self.watch = watch = Watch(self.way.backend, self.way.jit)
        OBSERVERS.append(watch)
        started = time.perf_counter()
        self._run(edited=False)
        seconds = time.perf_counter() - started
        OBSERVERS.remove(watch)
        found = watch.found() | {"run": seconds, "exit_code": self.exit_code}
        _quiet(self.log)
        if watch.trainer is None:
            raise NoTrainingError("the code ended, and no Trainer had taken a step (see Trainer.fit, Trainer.step)")
        if not found["step_loss"]:
            raise NoTrainingError(
                "fit was called and took no step: a run that goes on from a checkpoint, of the run on another backend perhaps, is at its end"
            )
        if found["backend"] != self.way.backend:
            raise OtherBackendError(f"the code chooses {found['backend']} itself, and was to run on {self.way.backend}")
        return found | {"engine": registry.load(self.way.backend).ENGINE}

    def _run(self, edited: bool) -> None:
        if self.job.script is None:
            subject.prepare_functions(self.job)
            registry.load(self.way.backend)
            pickled = self.job.edited if edited else self.job.work
            assert isinstance(pickled, bytes)
            subject.train(pickled, self.job.data)
        else:
            subject.prepare_script(self.job)
            self.exit_code = subject.run_script(self.job, self.job.edited if edited else self.job.script)
            if self.exit_code:
                raise SystemExit(self.exit_code)

    def first(self) -> dict[str, Any]:
        """Import the framework, run the changed code up to its first step, and end this process there."""
        started = time.perf_counter()
        registry.load(self.way.backend)
        imported = time.perf_counter() - started
        OBSERVERS.append(_First(self.way.jit, lambda seconds: self._end_here(imported, seconds)))
        self._run(edited=True)
        raise NoTrainingError("the code ended before a Trainer took a step")

    def _end_here(self, imported: float, seconds: float) -> None:
        self.send({"found": {"import": imported, "first_step": seconds, "at": time.time()}})
        os._exit(0)  # as a kill would: what the code would have done next is not done

    # -- measured afterwards ---------------------------------------------------------------------------------------------------

    @property
    def steady(self) -> Steady:
        """What measures the Trainer that trained last."""
        if self._steady is None:
            assert self.watch is not None
            assert self.watch.trainer is not None
            assert self.watch.source is not None
            self._steady = Steady(self.watch.trainer, self.watch.source, self.watch.by_step)
        return self._steady

    def step(self, seconds: float) -> dict[str, Any]:
        """A steady step."""
        taken = self.steady.step(seconds)
        return {"step": taken, "throughput": self.steady.batch_size() / taken}

    def inference(self, seconds: float) -> dict[str, Any]:
        """Inference for one example and for many."""
        return {
            "latency_one": self.steady.inference(1, seconds),
            "latency_batch": self.steady.inference(LARGE, seconds),
        }

    def build(self) -> dict[str, Any]:
        """Building."""
        return {"build": self.steady.build()}

    def source(self) -> dict[str, Any]:
        """The framework's own code."""
        return native_source(self.steady.trainer)

    def export(self, name: str, seconds: int) -> dict[str, Any]:
        """One format."""
        return {"refused": exported(self.steady.trainer, name, seconds)}

    def inspect(self, what: str, compiler: bool) -> dict[str, Any]:
        """What the framework makes of the model, or of a step."""
        trainer = self.steady.trainer
        if what == "model":
            inputs = self.steady.examples(EXAMPLES)
            seen = inspect(trainer.model, inputs[0] if len(inputs) == 1 else inputs, compiler=compiler)
        else:
            given = [map_nest(lambda array: array[:EXAMPLES], part) for part in self.steady.source.sample()]
            seen = inspect(trainer, given[0] if len(given) == 1 else tuple(given), compiler=compiler)
        return seen.data()

    def debug(self) -> dict[str, Any]:
        """The planted bug, in a copy."""
        return debugged(copy.deepcopy(self.steady.trainer), self.steady.source)


class _First(Observer):
    """Waits for the first step of all."""

    def __init__(self, jit: bool | str | None, then: Callable[[float], None]) -> None:
        self.jit = jit
        self.then = then

    def begins(self, trainer: Any, source: Any) -> None:
        """A fit."""
        if self.jit is not None:
            trainer.jit = self.jit

    steps = begins  # of a loop of the user's own

    def took(self, trainer: Any, count: int, seconds: float) -> None:
        """There it is."""
        self.then(seconds / count)

    def stepped(self, trainer: Any, source: Any, numbers: Any, seconds: float) -> None:
        """Likewise, once its loss is on the host."""
        started = time.perf_counter()
        dict(numbers)
        self.then(seconds + time.perf_counter() - started)


def _quiet(log: str) -> None:
    """From here on what is written goes into the log."""
    for stream in (sys.stdout, sys.stderr):
        Output(stream).flush()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)


def _end_with(parent: int, alive: int, pipes: tuple[int, ...]) -> None:
    """End when the process that compares ends, however it does, and with this process all that the code has started.

    A process of its own looks after that, for this one may be busy. It is nobody's child, so that a script which waits for its
    children does not wait for it.

    Args:
        parent: The process that compares.
        alive: A pipe that nobody writes to, and that ends with that process.
        pipes: What is not to be held open there.
    """
    if os.getppid() != parent:
        os._exit(1)
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        os.close(alive)
        return
    if os.fork():
        os._exit(0)
    for pipe in pipes:
        os.close(pipe)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.read(alive, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main(job: str, way: dict[str, Any], log: str, read: int, write: int, alive: int, parent: int) -> None:
    """Serve requests until there are no more; what the script left for its process' end is done then.

    Args:
        job: The file with the pickled Job.
        way: The fields of the Way.
        log: Where what nobody asked to see is written.
        read: Where requests come from.
        write: Where answers go.
        alive: What ends when the process that asks ends.
        parent: The process that asks.
    """
    _end_with(parent, alive, (read, write))
    for pipe in (read, write):
        os.set_inheritable(pipe, False)  # processes that the code starts must not hold it open
    with Path(job).open("rb") as file:
        held: Job = pickle.load(file)
    faulthandler.enable(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND))  # a crash says where
    answers = os.fdopen(write, "w", encoding="utf-8")

    def send(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    measured = Measured(held, Way(**way), log, send)
    with os.fdopen(read, encoding="utf-8") as requests:
        for line in requests:
            request = json.loads(line)
            if request["do"] == "end":
                break
            if not _answered(measured, request, send):
                break


def _answered(measured: Measured, request: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> bool:
    """Answer; whether this process is still of use."""
    running = request["do"] in ("run", "first")
    try:
        send({"found": measured.answer(request)})
    except SystemExit:
        message = f"the script ended with exit code {measured.exit_code}"
        send({"error": {"kind": "SystemExit", "message": message, "traceback": ""}, "exit_code": measured.exit_code})
        return False
    except BaseException as error:  # noqa: BLE001  (the code may raise anything, and it is told)
        found = subject.told(error)
        own = isinstance(error, (NoTrainingError, OtherBackendError))
        if running and measured.job.script is not None and not own:
            measured.exit_code = 1
            put(found["traceback"].removesuffix("\n"), error=True)  # as the interpreter does
        found["traceback"] = shortened(found["traceback"])[-8000:]
        send({"error": found, "exit_code": measured.exit_code})
        return not running
    return True
