"""What is printed reaches any terminal, and what cannot be written is lost without a word or told by an error."""

import io
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unidl import terminal
from unidl.errors import ArgumentError, CheckpointWarning, NonFiniteWarning
from unidl.terminal import Output, OutputError, encodable, plain, printable, put, show
from unidl.visible import visible, visible_lines


@given(st.text(), st.sampled_from(["ascii", "latin-1", "cp1252", "utf-8", "shift_jis"]))
def test_any_text_is_encodable(text, encoding):
    assert encodable(text, encoding).encode(encoding) is not None


def test_letters_that_ascii_lacks_have_a_likeness():
    assert encodable("┌─┬┐ │ ⠉ █ … → 4 µs ·", "ascii") == "+-++ | . # ... -> 4 us ."
    assert encodable("größe", "ascii") == "gr\\xf6\\xdfe"
    assert encodable("größe", "latin-1") == "größe"


@given(st.text())
def test_no_control_character_is_sent(text):
    shown = visible(text)
    assert shown == visible(shown)
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 or letter in "\u2028\u202e\u2066" for letter in shown)
    assert visible_lines(text).count("\n") == text.count("\n")
    assert str(plain(text)) == visible_lines(text)


def test_honest_letters_are_shown_as_they_are():
    assert visible("größe 日本語 मराठी 👨‍👩‍👧 مرحبا\u200c") == "größe 日本語 मराठी 👨‍👩‍👧 مرحبا\u200c"


@pytest.mark.parametrize("make", [ArgumentError, NonFiniteWarning, CheckpointWarning])
def test_errors_and_warnings_show_control_characters(make):
    text = "'a' is \x1b[2J\x9b1m\u202e nan"
    assert str(make(text)) == "'a' is \\x1b[2J\\x9b1m\\u202e nan"


def test_an_error_shows_them_wherever_they_stand():
    error = ArgumentError("a\x1b", expected="b\x1b\nc", received="d\x07", fix="e\x08")
    error.locate("In Dense '\x1b'")
    assert str(error) == "In Dense '\\x1b': a\\x1b\nExpected: b\\x1b\nc\nReceived: d\\x07\nFix: e\\x08"


class Failing(io.StringIO):
    """A stream whose disk is full, or that was closed."""

    def __init__(self, error):
        super().__init__()
        self.error, self.tries = error, 0

    def write(self, text):
        self.tries += 1
        raise self.error


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), BrokenPipeError(), ValueError("closed")])
def test_what_cannot_be_written_is_lost(error, monkeypatch):
    stream = Failing(error)
    monkeypatch.setattr(sys, "stdout", stream)
    show("a")
    output = Output(stream)
    output.write("b")
    output.write("c")
    output.flush()
    assert stream.tries == 2  # the second Output tries once, and no more


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), OutputError),
        (BrokenPipeError(), BrokenPipeError),
        (ValueError("I/O operation on closed file"), OutputError),
    ],
)
def test_a_command_is_told(error, told, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Failing(error))
    with pytest.raises(told):
        put("a")
    monkeypatch.setattr(sys, "stderr", Failing(error))
    put("a", error=True)


def test_a_process_without_standard_output(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    show("a")
    put("a")
    assert printable("…") == "…"
    assert not Output(None).isatty()
    terminal.console(None).print("a")


def test_a_pipe_that_nobody_reads_is_left(tmp_path):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        Output(stream).write("a")
        print("the user's own", file=stream)  # and closing the stream does not fail


def test_a_file_has_all_of_it_in_order(tmp_path):
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        stream.write("1\n")
        Output(stream).write("2 ü\n")
        stream.write("3\n")
    assert (tmp_path / "out").read_text() == "1\n2 \\xfc\n3\n"
