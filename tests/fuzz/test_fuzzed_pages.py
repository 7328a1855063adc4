"""Hostile and honest odd texts in HTML, SVG, JSON and the command's output: each is content, and changes nothing around it.

Short here; `nox -s robustness` takes 10,000.
"""

import io
import json
import random
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from rich.console import Console

from tests.fuzz.documents import HOSTILE, bases, text
from tests.fuzz.test_fuzzed_source import BACKENDS, COUNT, fuzzed, loaded
from tests.insight.report import sample
from unidl import Inspection
from unidl.cli import main
from unidl.insight.drawing import svg
from unidl.insight.report.page import page
from unidl.visible import visible_lines

HARMLESS = "harmless"


class Frame(HTMLParser):
    """A page without its content: tags with the names of their attributes, comments, declarations; its text, its links.

    Code in colours is left out: how many words a text has as code is its own.
    """

    def __init__(self, html):
        super().__init__()
        self.frame, self.content, self.links = [], "", []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag == "span" and [name for name, _ in attrs] == ["class"]:
            return
        self.frame.append((tag, *[name for name, _ in attrs]))
        self.links += [value for name, value in attrs if name in ("href", "src", "action")]

    def handle_endtag(self, tag):
        if tag != "span":
            self.frame.append(f"/{tag}")

    def handle_comment(self, data):
        self.frame.append("comment")

    def handle_decl(self, decl):
        self.frame.append(decl)

    def handle_pi(self, data):
        self.frame.append("instruction")

    def unknown_decl(self, data):
        self.frame.append("unknown")

    def handle_data(self, data):
        self.content += data


def texts():
    """Some that are hostile, in the long form all, then others."""
    yield from HOSTILE[:: 1 if COUNT > 1000 else 6]
    for seed in range(COUNT // 25):
        yield text(random.Random(seed))


def said(text, monkeypatch):
    """A comparison that has the text in every place."""
    monkeypatch.setattr(sample, "HOSTILE", text)
    return sample.hostile()


def drawn(comparison):
    return svg(next(iter(comparison.runs[0].inspections["model"].graphs.values())))


def kinds(drawing):
    """The tags and attributes of a picture, which fails where it is no XML."""
    return [(element.tag, *sorted(element.attrib)) for element in ET.fromstring(drawing).iter()]


def test_no_text_changes_a_page_or_a_picture_around_it(monkeypatch):
    harmless = said(HARMLESS, monkeypatch)
    whole, shape = Frame(page(harmless)), {kind[0] for kind in kinds(drawn(harmless))}
    for each in texts():
        found = said(each, monkeypatch)
        read = Frame(page(found))
        assert read.frame == whole.frame, each
        assert read.links == whole.links, each
        assert {kind[0] for kind in kinds(drawn(found))} <= shape, each
        assert not {name for _, *names in kinds(drawn(found)) for name in names if name.startswith("on")}, each


def test_json_gives_back_each_text(monkeypatch):
    for each in texts():
        seen = said(each, monkeypatch).runs[0].inspections["model"]
        again = Inspection.from_data(json.loads(json.dumps(seen.data())))
        assert again.name == seen.name, each
        assert list(again.graphs) == list(seen.graphs), each


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The models of fuzzed files."""
    folder = tmp_path_factory.mktemp("models")
    files = bases(folder)
    made = []
    for seed in range(COUNT):
        document, weights, _ = fuzzed(files, seed)
        model = loaded(folder / "m.unidl", document, weights)
        if model is not None:
            made.append(model)
    return made


def test_a_loaded_model_is_shown_as_it_is(models):
    for model in models:
        read = Frame(model._repr_html_())
        assert {part[0] for part in read.frame if not str(part).startswith("/")} <= {
            "style", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "p",
        }, model  # fmt: skip
        out = io.StringIO()
        Console(file=out, width=120, force_terminal=True, color_system=None).print(model)
        assert visible_lines(out.getvalue()) == out.getvalue()
        assert visible_lines(repr(model)) == repr(model)


def test_the_command_prints_no_text_as_it_is_read(models, tmp_path, capsys, nobody_chose):
    """Control characters would move the cursor, brackets be read as markup, quotes end JSON's strings."""
    path = str(tmp_path / "m.unidl")
    for number, model in enumerate(models[: max(2, COUNT // 100)]):
        if not model.is_built:
            model.build(backend="torch")
        model.save(path)
        for words in (
            ["source", path, "--backend", BACKENDS[number % 3]],
            ["inspect", path, "--fast", "--json"],
            ["inspect", path, "--fast"],
            ["inspect", path, "--fast", "--svg", "layers"],
        ):
            assert main(words) == 0, (words, capsys.readouterr())
            told = capsys.readouterr()
            assert visible_lines(told.out) == told.out, words
            if "--json" in words:
                assert json.loads(told.out)["format"]
            if "--svg" in words:
                kinds(told.out)
