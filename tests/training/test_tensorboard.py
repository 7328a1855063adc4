"""TensorBoard's log, read by TensorBoard's own reader where that is installed, and by the format's own rules in any case."""

import importlib.util
import struct

import numpy as np
import pytest

import unidl
from unidl import callbacks, layers, optimizers
from unidl.callbacks.event_file import crc32c, png
from unidl.errors import DataError, FileError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
QUIET = {"batch_size": 8, "progress": False}


def made(backend):
    model = unidl.Sequential([layers.Dense(4, activation="relu", name="hidden"), layers.Dense(2, name="out")])
    return unidl.Trainer(model, loss="cross_entropy", optimizer=optimizers.SGD(0.1), backend=backend)


def records(path):
    """The events of a file; each is whole by its checksums."""
    content, found, at = path.read_bytes(), [], 0
    while at < len(content):
        (length,) = struct.unpack("<Q", content[at : at + 8])
        event = content[at + 12 : at + 12 + length]
        for what, start in ((content[at : at + 8], at + 8), (event, at + 12 + length)):
            value = crc32c(what)
            masked = ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF
            assert struct.unpack("<I", content[start : start + 4]) == (masked,)
        found.append(event)
        at += 16 + length
    return found


def test_the_checksum_is_the_standard_s():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"") == 0
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


def test_a_file_is_made_of_whole_records(backend, tmp_path):
    history = made(backend).fit(X, Y, epochs=2, callbacks=[callbacks.TensorBoard(tmp_path)], **QUIET)
    (path,) = tmp_path.iterdir()
    events = records(path)
    assert b"brain.Event:2" in events[0]
    # the version, the graph, 12 steps, 2 epochs, and 4 weights twice
    assert len(events) == 1 + 1 + 12 + 2 + 8
    assert struct.pack("<f", history["loss"][1]) in b"".join(events)


def test_a_picture_that_is_none(tmp_path):
    board = callbacks.TensorBoard(tmp_path, images=lambda trainer: {"x": np.zeros((2, 3, 2))})
    with pytest.raises(DataError, match="TensorBoard: the picture 'x' is none"):
        made("torch").fit(X, Y, callbacks=[board], **QUIET)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="TensorBoard"):
        made("torch").fit(X, Y, callbacks=[callbacks.TensorBoard(tmp_path / "file")], **QUIET)


def test_no_framework_is_imported(fresh):
    told = fresh("""
        import sys, tempfile
        import numpy as np
        from unidl.callbacks.event_file import EventFile
        from pathlib import Path
        file = EventFile(Path(tempfile.mkdtemp()))
        file.scalars({"loss": 1.0}, 1)
        file.close()
        print({"torch", "tensorflow", "keras", "jax", "tensorboard", "tensorboardX"} & set(sys.modules))
    """)
    assert told.stdout.strip() == "set()"


@pytest.fixture
def reader():
    """TensorBoard's own reader."""
    if importlib.util.find_spec("tensorboard") is None:
        pytest.skip("tensorboard is not installed: pip install tensorboard")
    with pytest.MonkeyPatch.context():
        accumulator = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")

    def read(folder):
        found = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0, "images": 0})
        found.Reload()
        return found

    return read


@pytest.mark.filterwarnings("ignore")  # of TensorBoard's
def test_tensorboard_reads_all_of_it(reader, tmp_path):
    picture = np.linspace(0, 1, 48).reshape(4, 4, 3)
    board = callbacks.TensorBoard(
        tmp_path,
        images=lambda trainer: {"ramp": picture},
        hyperparameters={"units": 4, "loss": "cross_entropy", "augmented": True},
    )
    trainer = made("torch")
    history = trainer.fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[board], **QUIET)
    found = reader(tmp_path)
    scalars = [(event.step, event.value) for event in found.Scalars("loss")]
    assert scalars == [(6, np.float32(history["loss"][0])), (12, np.float32(history["loss"][1]))]
    assert [event.value for event in found.Scalars("step/loss")] == history.step_loss.astype("float32").tolist()
    assert len(found.Scalars("val_loss")) == 2
    kernel = trainer.model.weights()["hidden/kernel"].astype("float64")
    histogram = found.Histograms("hidden/kernel")[-1].histogram_value
    assert (histogram.num, histogram.min, histogram.max) == (kernel.size, kernel.min(), kernel.max())
    assert sum(histogram.bucket) == kernel.size
    assert histogram.sum == pytest.approx(kernel.sum())
    image = found.Images("ramp")[0]
    assert (image.width, image.height) == (4, 4)
    assert image.encoded_image_string == png(np.round(picture * 255).astype("uint8"))
    nodes = {node.name: node for node in found.Graph().node}
    assert list(nodes["out"].input) == ["hidden"]
    assert nodes["hidden"].op == "Dense"
    hparams = importlib.import_module("tensorboard.plugins.hparams.plugin_data_pb2").HParamsPluginData
    tags = found.SummaryMetadata("_hparams_/session_start_info")
    given = hparams.FromString(tags.plugin_data.content).session_start_info.hparams
    assert (given["units"].number_value, given["loss"].string_value, given["augmented"].bool_value) == (
        4,
        "cross_entropy",
        True,
    )


@pytest.mark.filterwarnings("ignore")
def test_a_resumed_log_has_each_step_once(reader, tmp_path):
    class Killed(BaseException):
        pass

    def kill(trainer, numbers):
        raise Killed

    keep = [callbacks.Checkpoint(tmp_path / "run", every_steps=4)]
    board = callbacks.TensorBoard(tmp_path / "log")
    with pytest.raises(Killed):
        made("torch").fit(
            X, Y, epochs=3, callbacks=[board, callbacks.Lambda(on_steps=kill, every_steps=10), *keep], **QUIET
        )
    board.on_interrupt(None)  # what a killed process had flushed
    history = made("torch").fit(
        X, Y, epochs=3, callbacks=[callbacks.TensorBoard(tmp_path / "log"), *keep], resume=True, **QUIET
    )
    events = reader(tmp_path / "log").Scalars("step/loss")
    assert [event.step for event in events] == list(range(1, 19))
    assert [event.value for event in events] == history.step_loss.astype("float32").tolist()
