"""Kill a run at random moments and let it go on, again and again; its weights must be those of a run that was never killed.

    python tests/training/kills.py BACKEND KILLS SEED

Each life of the run is a process of its own, forked once the framework is imported, so that a life costs no import. Printed is JSON:
how many kills, how many runs came to their end, at how many different steps they were begun again, and whether all ended alike.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import unidl
from unidl import callbacks, layers, optimizers, schedules
from unidl.backends import registry

BACKEND, KILLS, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
EPOCHS, EXAMPLES, BATCH = 6, 1500, 32
STEPS = EPOCHS * -(-EXAMPLES // BATCH)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(EXAMPLES, 12)).astype("float32")
Y = (X[:, :3].sum(1) > 0).astype("int64")


def trainer() -> unidl.Trainer:
    """Weights, states, momenta, a schedule, a generator: all that can be lost."""
    parts = [layers.Dense(32, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(2)]
    optimizer = optimizers.AdamW(schedules.Cosine(1e-2, STEPS, warmup=10), clip_norm=1.0)
    return unidl.Trainer(unidl.Sequential(parts), "cross_entropy", optimizer, ["accuracy"], backend=BACKEND, seed=3)


class Note(callbacks.Callback):
    """Writes down where a life of the run begins, and how far it came."""

    every_steps = 1

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_steps(self, trainer: unidl.Trainer, numbers: dict[str, float]) -> None:
        if trainer.steps_taken % 10 == 0:
            (self.folder / "life").write_text(str(trainer.steps_taken))
        time.sleep(0.002)  # so that a run is long enough to be met anywhere


def life(folder: Path, keep: bool) -> None:
    """Train to the end; what comes out is its digest."""
    t = trainer()
    stopping = callbacks.EarlyStopping(patience=100)
    given = [Note(folder), stopping, callbacks.Checkpoint(folder / "run", every_steps=7)] if keep else [stopping]
    h = t.fit(
        X,
        Y,
        epochs=EPOCHS,
        batch_size=BATCH,
        validation_data=(X[:200], Y[:200]),
        callbacks=given,
        progress=False,
        resume=keep,
    )
    digest = hashlib.sha256()
    for path, value in sorted(t.model.weights().items()):
        digest.update(path.encode() + value.tobytes())
    digest.update(h.step_loss.tobytes())
    digest.update(repr([{k: v for k, v in e.items() if k != "seconds"} for e in h.epochs]).encode())
    (folder / "end.part").write_text(digest.hexdigest())
    (folder / "end.part").rename(folder / "end")


def fork(folder: Path, keep: bool = True) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        life(folder, keep)
        status = 0
    finally:
        os._exit(status)


def begun_at(folder: Path) -> int:
    files = sorted((folder / "run").glob("step-*.unidl")) if (folder / "run").exists() else []
    return int(files[-1].stem.partition("-")[2]) if files else 0


def main() -> None:
    registry.load(BACKEND)
    draw = random.Random(SEED)
    top = Path(tempfile.mkdtemp())
    kills, ends, places = 0, [], set()
    try:
        (top / "never").mkdir()
        started = time.perf_counter()
        assert os.waitstatus_to_exitcode(os.waitpid(fork(top / "never", keep=False), 0)[1]) == 0
        whole = time.perf_counter() - started
        expected = (top / "never" / "end").read_text()
        while kills < KILLS:
            folder = top / f"run{len(ends)}"
            folder.mkdir()
            while not (folder / "end").exists():
                places.add(begun_at(folder))
                (folder / "life").unlink(missing_ok=True)
                child = fork(folder)
                # some are killed while they start, most once they have taken ten steps, which on a busy machine may be late
                early = KILLS > 5 and draw.random() < 0.25
                wait = draw.uniform(0.0, 1.0) * (whole if early else STEPS * 0.004)
                deadline = time.perf_counter() + wait if early else None
                status = None
                while status is None and (deadline is None or time.perf_counter() < deadline):
                    if deadline is None and (folder / "life").exists():
                        deadline = time.perf_counter() + wait
                    time.sleep(0.003)
                    ended, code = os.waitpid(child, os.WNOHANG)
                    status = os.waitstatus_to_exitcode(code) if ended else None
                if status is None:
                    if kills < KILLS:
                        kills += 1
                        os.kill(child, signal.SIGKILL)
                    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                assert status in (0, -signal.SIGKILL), f"a life ended with {status}"
            ends.append((folder / "end").read_text())
        alike = all(end == expected for end in ends)
        print(json.dumps({"kills": kills, "runs": len(ends), "begun_at": len(places), "steps": STEPS, "alike": alike}))
    finally:
        shutil.rmtree(top)


if __name__ == "__main__":
    main()
