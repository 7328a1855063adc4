"""Text is one literal, one docstring or one comment, whatever its characters; a name is one identifier."""

import ast
import keyword
import math
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unidl.codegen.calls import call
from unidl.codegen.code import Line
from unidl.codegen.identifiers import attribute, distinct, identifier, plain, reserved, unreserved
from unidl.codegen.layout import WIDTH, written
from unidl.codegen.literals import comment, docstring, dtype, literal, numbered
from unidl.errors import SourceError

# letters that end, begin or escape something in Python, that move lines, and that look like others
LETTERS = "\"'\\{}[]()#\n\r\t\f\x00\x1b\x7f\x85\u2028\u202e\ufeff\ud800 %$,.:;=abcnruxNUfFR01_üßﬁ½²日🙂"
TEXTS = st.text(st.sampled_from(LETTERS), max_size=12) | st.text(max_size=12)
ODD = (
    '"""',
    "'''",
    "\\",
    '\\"',
    "\\'",
    'a"""\nb',
    'ends with a quote"',
    "back\\",
    r"\nu \N{} \u",
    "\ud800",
    "\0",
    "{x}",
    "%s",
    "#",
    "",
)


@given(TEXTS)
def test_a_text_is_one_literal(text):
    assert ast.literal_eval(literal(text)) == text
    assert "\n" not in literal(text)
    assert literal(text).isascii() or literal(text).isprintable()


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_are_literals_docstrings_and_comments(text):
    test_a_text_is_one_literal.hypothesis.inner_test(text)
    test_a_text_is_one_docstring.hypothesis.inner_test(text)
    test_a_comment_is_one_line.hypothesis.inner_test(text)


@given(TEXTS)
def test_a_text_is_one_docstring(text):
    for lines in ([text], [text, "", "(batch, 4) -> (batch, 2)"]):
        body = ast.parse("class A:\n    " + "\n    ".join(docstring(*lines)) + "\n    x = 1\n").body
        assert len(body) == 1
        assert [type(node) for node in body[0].body] == [ast.Expr, ast.Assign]
        found = body[0].body[0].value.value
        text = text.encode("utf-8", "backslashreplace").decode()  # a class can have no other
        assert found.startswith(text) if len(lines) > 1 else found == text


def test_latex_stays_readable():
    assert docstring(r"y = \nu x + \upsilon") == [r'r"""y = \nu x + \upsilon"""']
    assert docstring('Says "no".') == ['"""Says "no"."""']


@given(TEXTS)
def test_a_comment_is_one_line(text):
    for line in (Line("x = 1", text), Line("", text), Line("x = 1", text + " word" * 30)):
        tree = ast.parse("\n".join(written([line], 0)))
        assert len(tree.body) == bool(line.text)
    assert "\n" not in comment(text)


@given(TEXTS)
def test_a_numbered_text_is_one_f_string(text):
    assert eval(numbered(text, "i"), {"i": 7}) == f"{text}7"  # the literal under test


@given(
    st.recursive(
        TEXTS | st.integers() | st.floats() | st.booleans() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=6,
    )
)
def test_a_nest_is_one_literal(value):
    assert repr(eval(literal(value), {"float": float, "__builtins__": {}})) == repr(value)  # NaN is not equal to itself


class Text(str):
    def __repr__(self):
        return "__import__('os')"

    def __str__(self):
        return "__import__('os')"


class Number(int):
    def __repr__(self):
        return "__import__('os')"

    __str__ = __repr__


def test_a_subclass_cannot_say_how_it_is_written():
    assert literal(Text("a")) == '"a"'
    assert literal(Number(3)) == "3"
    assert literal(np.float32(0.5)) == "0.5"
    assert literal(math.inf) == 'float("inf")'


@pytest.mark.parametrize("value", [object(), b"a", 1j, {1}, np.zeros(2), lambda: 0])
def test_what_has_no_literal_is_refused(value):
    with pytest.raises(SourceError, match="cannot be written as source code"):
        literal(value)


def test_a_dtype_is_one_of_the_table():
    assert dtype("torch", "float32").text == "torch.float32"
    with pytest.raises(SourceError, match="no such dtype"):
        dtype("torch", "float32) or evil(")


@given(TEXTS)
def test_a_name_is_one_identifier(text):
    for name in (
        identifier(text),
        attribute(text),
        attribute(text, reserved(["x", "f", *keyword.kwlist])),
        plain(text),
    ):
        assert name.isidentifier()
        assert not keyword.iskeyword(name)
        assert unicodedata.normalize("NFKC", name) == name  # Python reads it as it is written
        assert ast.parse(f"self.{name} = 1")
    assert not attribute(text).startswith("__")  # which a class would mangle
    assert plain(text).isascii()


@given(st.lists(TEXTS, unique=True))
def test_names_are_distinct(texts):
    names = distinct(texts, attribute)
    assert list(names) == texts
    assert len(set(names.values())) == len(texts)
    assert all(names[text] == text for text in texts if attribute(text) == text)


@given(
    st.lists(st.text(st.sampled_from("ab_"), min_size=1, max_size=6), unique=True), st.sets(st.text("ab_", max_size=3))
)
def test_no_two_renamed_become_one(names, taken):
    found = [unreserved(name, reserved(taken)) for name in names]
    assert len(set(found)) == len(names)
    assert not taken.intersection(found)


@given(st.lists(TEXTS, max_size=8), TEXTS)
def test_long_statements_are_broken_outside_their_texts(texts, key):
    statement = f"{call('self.add', *texts, name=key)} + {literal(dict.fromkeys(texts, 1))}"
    lines = written([Line(f"return {statement}")], 2)
    given_, found = (
        ast.dump(ast.parse(text, mode="eval"))
        for text in (statement, f"({' '.join(lines).strip().removeprefix('return')})")
    )
    assert found == given_
    assert all(len(line) <= WIDTH or line.count('"') or line.count("'") for line in lines)
