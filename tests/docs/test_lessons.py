"""docs/lessons.ipynb is made from docs/lessons.md; ten lessons, each with all its parts."""

import importlib.util
import re
from pathlib import Path

import nbformat

import unidl

DOCS = Path(unidl.__file__).parent.parent / "docs"


def _lessons():
    spec = importlib.util.spec_from_file_location("lessons", DOCS / "lessons.py")
    lessons = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lessons)
    return lessons


def test_the_notebook_is_up_to_date():
    lessons = _lessons()
    assert lessons.NOTEBOOK.read_text(encoding="utf8") == lessons.notebook(), "run: python docs/lessons.py"


def test_the_notebook_is_one():
    nbformat.validate(nbformat.read(DOCS / "lessons.ipynb", as_version=4))


def test_each_lesson_has_its_parts():
    _, *each = re.split(r"^## (?=\d)", (DOCS / "lessons.md").read_text(), flags=re.M)
    assert [lesson.partition(".")[0] for lesson in each] == [str(number + 1) for number in range(10)]
    for lesson in each:
        body, answer = lesson.split("<details><summary>Answer</summary>")
        assert body.count("```python") == 1, lesson  # one cell
        assert body.count("<!-- prints -->") == 1
        assert body.count("**Why it matters.**") == 1
        assert body.count("**Exercise.**") == 1
        assert answer.strip().endswith("</details>")
        for name in ("torch", "tensorflow", "keras"):
            assert name in body
