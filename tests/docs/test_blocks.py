"""The Python blocks of README.md and docs/ run, a file's blocks in order in one fresh namespace.

Two comments steer it, invisible to a reader:

    <!-- backend: keras -->          the file runs on these backends, separated by commas; on torch without it
    <!-- not run: the reason -->     the block that follows is shown only

A block that begins with >>> is a session, whose output is compared.
"""

import doctest
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import unidl

ROOT = Path(unidl.__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

BACKEND = re.compile(r"<!-- backend: (.+?) -->")
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")
FENCE = re.compile(r"(?P<indent> *)```(?P<language>\S*)")


@dataclass(frozen=True)
class Block:
    """A fenced block of Python, and the line of its page on which its code begins (the first is 1)."""

    line: int
    code: str

    def run(self, page: str, namespace: dict[str, object]) -> None:
        if self.code.lstrip().startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(self.code, namespace, page, page, self.line - 1)
            doctest.DebugRunner(optionflags=doctest.ELLIPSIS).run(test, clear_globs=False)
            namespace.update(test.globs)
        else:  # empty lines before it make a traceback name the page's own line
            exec(compile("\n" * (self.line - 1) + self.code, page, "exec"), namespace)


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page that are to be run."""
    lines = text.splitlines()
    start, shown = None, False
    for number, line in enumerate(lines, start=1):
        fence = FENCE.fullmatch(line.rstrip())
        if start is None and fence and fence["language"]:
            start, shown = number, fence["language"] != "python" or _shown_only(lines[: number - 1])
            indent = len(fence["indent"])
        elif start is None and fence:
            start, shown = number, True
        elif start is not None and fence and not fence["language"]:
            if not shown:
                yield Block(start + 1, "\n".join(text[indent:] for text in lines[start : number - 1]) + "\n")
            start = None
    assert start is None, f"the block that begins on line {start} does not end"


def _shown_only(before: list[str]) -> bool:
    written = [line for line in before if line.strip()]
    return bool(written) and NOT_RUN.fullmatch(written[-1].strip()) is not None


def backends(text: str) -> list[str]:
    """The backends on which a page runs."""
    given = BACKEND.search(text)
    return [name.strip() for name in given[1].split(",")] if given else ["torch"]


CASES = [(page, name) for page in PAGES for name in backends(page.read_text()) if any(blocks(page.read_text()))]


@pytest.mark.parametrize(("page", "backend"), CASES, ids=[f"{page.relative_to(ROOT)}-{name}" for page, name in CASES])
def test_a_page_runs(page, backend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    with unidl.using(backend):
        for block in blocks(page.read_text()):
            block.run(str(page), namespace)


PAGE = """\
# A page
<!-- backend: keras, torch -->
```python
x = 1
```
Text.
```
not python
```
<!-- not run: it would take an hour -->

```python
raise RuntimeError
```
- in a list:
  ```python
  if x == 1:
      y = x + 1
  ```
```python
>>> y
2
```
"""


def test_blocks_are_found_and_share_a_namespace():
    found = list(blocks(PAGE))
    assert [block.line for block in found] == [4, 17, 21]
    assert backends(PAGE) == ["keras", "torch"]
    namespace: dict[str, object] = {}
    for block in found:
        block.run("page.md", namespace)
    assert namespace["y"] == 2


def test_a_block_that_fails_names_its_line():
    (block,) = blocks("# A page\n\n```python\nx = 1\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as caught:
        block.run("page.md", {})
    last = caught.traceback[-1]
    assert (str(last.path).endswith("page.md"), last.lineno + 1) == (True, 5)


def test_a_session_with_other_output_fails():
    (block,) = blocks("```python\n>>> 1 + 1\n3\n```\n")
    with pytest.raises(doctest.DocTestFailure):
        block.run("page.md", {})


def test_a_block_without_end_is_told():
    with pytest.raises(AssertionError, match="the block that begins on line 2 does not end"):
        list(blocks("text\n```python\nx = 1\n"))
