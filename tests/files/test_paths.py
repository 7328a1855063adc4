"""Paths, names, modes and links of what is written, and what happens on a full disk."""

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import unidl
from unidl import habits, layers
from unidl.errors import ArgumentError, FileError, MissingFileError, UnidlError
from unidl.files import aside

ROOT = Path(__file__).parent.parent.parent


def model(units=2):
    return unidl.Sequential([layers.Dense(units)]).build((3,), backend="torch")


class AsBytes:
    def __repr__(self):
        return "AsBytes"

    def __fspath__(self):
        return b"m.unidl"


NO_PATHS = [3, 0, True, None, b"m.unidl", 1.5, [], ("m",), set(), AsBytes(), "", "a\0b", "\ud800"]


@pytest.mark.parametrize("path", NO_PATHS, ids=lambda path: f"{type(path).__name__} {ascii(path)[:8]}")
def test_what_is_no_path_is_refused_before_anything_is_opened(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    m, t = model(), unidl.Trainer(model(), "mse")
    calls = [
        lambda: m.save(path),
        lambda: unidl.load(path),
        lambda: t.save(path),
        lambda: t.restore(path),
        lambda: unidl.eject(m, "torch", path),
        lambda: unidl.export(m, "pt2", path),
        lambda: unidl.callbacks.Checkpoint(path),
    ]
    for call in calls:
        with pytest.raises(ArgumentError, match="a path"):
            call()
    assert os.listdir(tmp_path) == []


def test_what_is_no_file(tmp_path):
    m = model()
    os.mkfifo(tmp_path / "pipe.unidl")
    for path in (tmp_path, tmp_path / "pipe.unidl", Path("/dev/null"), Path("/dev/zero")):
        with pytest.raises(FileError, match="is no file"):
            m.save(path)
        with pytest.raises(FileError, match="is no file"):
            unidl.load(path)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(MissingFileError) as told:
        unidl.load(tmp_path / "nowhere.unidl")
    assert isinstance(told.value, FileNotFoundError)
    assert told.value.errno == errno.ENOENT
    assert "cannot be read: No such file" in str(told.value)
    for call in (m.save, lambda p: unidl.Trainer(m, "mse").save(p)):
        with pytest.raises(MissingFileError, match="cannot be written: No such file"):
            call(tmp_path / "nowhere" / "m.unidl")
    with pytest.raises(FileError):
        m.save(tmp_path / "pipe.unidl" / "m.unidl")
    assert sorted(os.listdir(tmp_path)) == ["pipe.unidl"]


@pytest.mark.parametrize("ending", sorted(habits.ENDINGS))
def test_endings_of_other_formats_are_refused_with_what_writes_them(ending, tmp_path):
    m = model()
    for path in (tmp_path / f"m{ending}", tmp_path / f"m{ending.upper()}"):
        for call in (m.save, unidl.Trainer(m, "mse").save):
            with pytest.raises(ArgumentError, match="ends like a file of another one") as told:
                call(path)
            assert str(told.value).endswith(habits.ENDINGS[ending])
    assert os.listdir(tmp_path) == []


def test_what_the_endings_advise_is_right(tmp_path, monkeypatch):
    """Each piece of code in the advice runs; the formats of `export` have their own tests."""
    import pickle

    import safetensors.numpy
    import torch

    monkeypatch.chdir(tmp_path)
    m = model()
    given = {"unidl": unidl, "model": m, "torch": torch, "numpy": np, "pickle": pickle, "path": "m.npz"}
    with open("m.pkl", "wb") as file:
        exec("pickle.dump(model, file)", given | {"file": file})
    for code in (
        'unidl.export(model, "pt2", "m.pt2")',
        'torch.save(model.native.state_dict(), "m.pt")',
        "numpy.savez(path, **model.weights())",
        'unidl.eject(model, "torch", "folder")',
    ):
        assert any(code in advice for advice in habits.ENDINGS.values()), code
        exec(code, given)
    safetensors.numpy.save_file({k: np.ascontiguousarray(v) for k, v in m.weights().items()}, "m.safetensors")
    assert sorted(os.listdir()) == ["folder", "m.npz", "m.pkl", "m.pt", "m.pt2", "m.safetensors"]


def test_foreign_files_are_told_what_reads_them(tmp_path):
    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n")
    with pytest.raises(FileError, match=r"unidl\.load_weights\(model, path\)"):
        unidl.load(tmp_path / "m.h5")


NAMES = [
    "m.unidl",
    "x",
    "ü λ 日本 🙂.unidl",
    "a" * 249 + ".unidl",
    "日" * 83 + ".unidl",
    "a" * 255,
    "[bold]x[red]",
    "-rf",
    "new\nline",
    "100%s{x}",
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{name[:8]!r} of {len(name.encode())}")
def test_every_name_that_the_file_system_allows(name, tmp_path):
    m = model()
    for _ in range(2):  # new, and over itself
        m.save(tmp_path / name)
    twin = unidl.load(tmp_path / name, backend="torch")
    np.testing.assert_array_equal(twin.weights()["dense/kernel"], m.weights()["dense/kernel"])
    unidl.callbacks.Checkpoint(tmp_path / "runs" / name).directory.mkdir(parents=True)
    if len(name.encode()) < 250:
        unidl.export(m, "pt2", tmp_path / f"{name}.pt2")
    unidl.eject(m, "torch", tmp_path / "ejected")
    assert not [p for p in os.listdir(tmp_path) if p.startswith((".unidl", "."))]


def test_the_name_aside_is_no_longer_than_the_targets():
    for length in (2, 3, 7, 15, 16, 255):
        beside = aside._name_beside("a" * length)
        assert len(beside) <= length
        assert beside.startswith(".")
    assert aside.NAME_ASIDE.fullmatch(aside._name_beside("step-000000001.unidl"))


def test_too_long_a_name_is_a_typed_error(tmp_path):
    with pytest.raises(FileError, match="cannot be written: File name too long"):
        model().save(tmp_path / ("a" * 256))
    with pytest.raises(FileError, match="cannot be read: File name too long"):
        unidl.load(tmp_path / ("a" * 256))


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_files_have_the_mode_that_the_umask_leaves(umask, tmp_path):
    m = model()
    before = os.umask(umask)
    try:
        m.save(tmp_path / "m.unidl")
        unidl.Trainer(m, "mse").save(tmp_path / "t.unidl")
        unidl.eject(m, "torch", tmp_path / "ejected")
        if umask == 0o077:  # it takes seconds
            unidl.export(m, "pt2", tmp_path / "m.pt2")
    finally:
        os.umask(before)
    for path in [p for p in tmp_path.rglob("*") if p.is_file()]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask, path
    assert stat.S_IMODE((tmp_path / "ejected").stat().st_mode) == 0o777 & ~umask


def test_a_file_that_is_written_again_keeps_its_mode(tmp_path):
    m = model()
    m.save(tmp_path / "m.unidl")
    (tmp_path / "m.unidl").chmod(0o640)
    m.save(tmp_path / "m.unidl")
    assert stat.S_IMODE((tmp_path / "m.unidl").stat().st_mode) == 0o640


def test_a_symbolic_link_stays_and_the_file_behind_it_is_written(tmp_path):
    """As open(path, "wb") does, and so torch.save and Keras."""
    m = model()
    (tmp_path / "there").mkdir()
    for link, target in (("a.unidl", "there/new.unidl"), ("b.unidl", "there/old.unidl"), ("m.pt2", "there/m.pt2")):
        (tmp_path / link).symlink_to(target)
    (tmp_path / "there" / "old.unidl").write_bytes(b"old")
    for link in ("a.unidl", "b.unidl"):
        m.save(tmp_path / link)
        assert unidl.load(tmp_path / link).is_built
    unidl.export(m, "pt2", tmp_path / "m.pt2")
    assert all((tmp_path / link).is_symlink() for link in ("a.unidl", "b.unidl", "m.pt2"))
    assert sorted(os.listdir(tmp_path / "there")) == ["m.pt2", "new.unidl", "old.unidl"]
    (tmp_path / "round.unidl").symlink_to("round.unidl")
    with pytest.raises(FileError, match="symbolic link"):
        m.save(tmp_path / "round.unidl")


def test_where_nobody_may_write(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    model().save(folder / "m.unidl")
    before = (folder / "m.unidl").read_bytes()
    code = f"""
import os, unidl
from unidl import layers
m = unidl.Sequential([layers.Dense(9)]).build((3,), backend="torch")
os.chmod({str(folder)!r}, 0o555)
os.setegid(65534); os.seteuid(65534)
for call in (m.save, lambda p: unidl.export(m, "pt2", p + ".pt2"), lambda p: unidl.eject(m, "torch", p + "x")):
    try: call({str(folder / "m.unidl")!r})
    except unidl.errors.FileError as error: print(error.errno)
"""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody who may not write")
    for part in (tmp_path, *tmp_path.parents[:2]):
        part.chmod(0o755)
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.stdout.split() == [str(errno.EACCES)] * 3, told.stderr[-2000:]
    assert (folder / "m.unidl").read_bytes() == before


def test_a_full_disk_is_a_typed_error_and_leaves_nothing(backend, tmp_path):
    command = [sys.executable, "-W", "ignore", "-m", "tests.files.full_disk", backend, str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert told.returncode == 0, told.stdout + told.stderr[-3000:]
    assert told.stdout.splitlines()[-1] == "all right"


def test_what_cannot_be_flushed_leaves_the_old_file(tmp_path, monkeypatch):
    m = model()
    m.save(tmp_path / "m.unidl")
    before = (tmp_path / "m.unidl").read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for call in (
        lambda: m.save(tmp_path / "m.unidl"),
        lambda: unidl.export(m, "pt2", tmp_path / "m.pt2"),
        lambda: unidl.eject(m, "torch", tmp_path / "ejected"),
    ):
        with pytest.raises(FileError, match="No space left on device") as told:
            call()
        assert told.value.errno == errno.ENOSPC
        assert isinstance(told.value, UnidlError)
    assert os.listdir(tmp_path) == ["m.unidl"]
    assert (tmp_path / "m.unidl").read_bytes() == before


def test_half_of_a_surrogate_pair_in_a_text_is_written_as_json_reads_it(tmp_path):
    """A path, and so an error's text, may hold one; UTF-8 has none."""
    text = json.dumps({"path": "a\udc80b", "name": "größe"}, ensure_ascii=False)
    aside.write_text(tmp_path / "i.json", text, "A test")
    assert json.loads((tmp_path / "i.json").read_text(encoding="utf-8")) == json.loads(text)
