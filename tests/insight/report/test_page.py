"""The page without a browser: well-formed, asks nothing of the network, escapes what it is given, says everything."""

import base64
import dataclasses
import gzip
import hashlib
import html.parser
import json
import re
from pathlib import Path

import pytest

import unidl
from tests.insight.report import sample
from unidl.errors import ArgumentError, FileError
from unidl.insight import report
from unidl.insight.comparison import FIGURES
from unidl.insight.drawing import asset
from unidl.insight.report.markup import clean

ROOT = Path(unidl.__file__).parent.parent
VOID = {"meta", "input", "br", "hr", "img", "link"}
LOADING = {"src", "srcset", "href", "xlink:href", "action", "formaction", "data", "poster", "background", "ping"}


class Reader(html.parser.HTMLParser):
    """The elements of a page, and whether they close in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts, self.wrong = [], [], [], []
        self.feed(text)
        self.close()
        self.wrong += [f"{name} is not closed" for name in self.open]

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"{tag} closes what it does not open")

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def inside(self, tag):
        return [text for where, text in self.texts if where == tag]

    def all(self, tag, **wanted):
        return [
            attrs
            for name, attrs in self.elements
            if name == tag
            and all(attrs.get(key.rstrip("_").replace("_", "-")) == value for key, value in wanted.items())
        ]

    @property
    def text(self):
        return " ".join(text for where, text in self.texts if where not in ("script", "style"))


def unpacked(read):
    """The data of a page."""
    return json.loads(gzip.decompress(base64.b64decode(read.inside("script")[0])))


PAGES = {
    "comparison": sample.comparison,
    "inspection": sample.inspection,
    "inspections": lambda: [sample.inspection("torch", "step"), sample.inspection("tensorflow"), sample.inspection()],
    "hostile": sample.hostile,
    "nothing": lambda: dataclasses.replace(sample.comparison(), runs=(), advice=(), distances={}, code=""),
}


@pytest.fixture(scope="module")
def pages():
    return {name: report.page(make()) for name, make in PAGES.items()}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_well_formed(pages, name):
    read = Reader(pages[name])
    assert read.wrong == []
    ids = [attrs["id"] for _, attrs in read.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    named = {
        attrs[key] for _, attrs in read.elements for key in ("aria-labelledby", "aria-describedby") if key in attrs
    }
    linked = {attrs["href"].removeprefix("#") for attrs in read.all("a")}
    assert named | linked <= set(ids)
    assert pages[name].startswith('<!DOCTYPE html>\n<html lang="en">')


def loads(text):
    """What a page would ask of the network."""
    read = Reader(text)
    found = [
        value
        for _, attrs in read.elements
        for key, value in attrs.items()
        if key in LOADING and not value.startswith("#")
    ]
    styles = "".join(read.inside("style"))
    return found + re.findall(r"@import|url\([^)]*\)", styles)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_asks_nothing_of_the_network(pages, name):
    assert loads(pages[name]) == []


def test_a_load_is_seen():
    assert loads('<img src="https://x.y/z.png"><style>a{background:url(b.png)}</style>') == [
        "https://x.y/z.png",
        "url(b.png)",
    ]


@pytest.mark.parametrize("name", PAGES)
def test_the_policy_lets_only_this_script_run(pages, name):
    read = Reader(pages[name])
    policy = read.all("meta", http_equiv="Content-Security-Policy")[0]["content"]
    scripts = read.inside("script")[1:]  # the first is data
    for text in (*scripts, *read.inside("style")):
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    assert len(scripts) == 1
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert [attrs for _, attrs in read.elements for key in attrs if key == "style" or key.startswith("on")] == []


def test_what_a_user_brings_stays_text(pages):
    read = Reader(pages["hostile"])
    assert read.all("img") == []
    assert len(read.all("script")) == 2
    assert "<script>alert(1)</script>" in read.text
    assert "\x00" not in pages["hostile"]
    data = unpacked(read)
    graph = next(iter(data["graphs"][clean(sample.HOSTILE)]["model"].values()))
    assert graph["nodes"][0]["details"]["nan"] == "nan"
    assert data["runs"][0]["step_loss"] == [1.0, None, None]
    assert json.loads(json.dumps(data)) == data


def test_the_page_shows_every_figure_and_how_it_was_measured(pages):
    text = Reader(pages["comparison"]).text
    for figure in FIGURES.values():
        assert figure.title in text
        assert figure.how in text
    assert "2.10 ms" in text
    assert "1.95 to 2.35, 20 rounds" in text


@pytest.mark.parametrize(
    "words",
    [
        "BackendUnavailableError : Engine 'jax' needs the package 'jax', which is not installed.",
        "fastest training torch 2.10 ms a step",
        "torch / keras on tensorflow 3.10e-06",
        "The layer Scale has no source in TensorFlow.",
        "25 lines · 11 names of the framework",
        "not counted: Erf",
        "torch.nn.Linear",
        "trace forward into a graph 16.8 ms (15.6 to 18.8, 20 rounds)",
        "another batch size nothing 1 trace before, 2 after",
        "PyTorch has no SavedModel",
        "Seen on one batch of 32.",
        "What stands in each lane",
        "16 nodes 4 × BiasAddBackward",
    ],
)
def test_the_page_says(pages, words):
    assert words in re.sub(r"\s+", " ", Reader(pages["comparison"]).text)


def test_a_failed_run_is_a_row(pages):
    assert len(re.findall(r"<tr><th scope=\"row\"><span class=\"run\">", pages["comparison"])) >= 4
    assert "Why keras on jax failed" in pages["comparison"]


def test_lines_of_the_sources_know_their_layers(pages):
    lines = [
        json.loads(attrs["data-layers"])
        for attrs in Reader(pages["comparison"]).all("span", class_="line")
        if "data-layers" in attrs
    ]
    assert ["block/hidden"] in lines
    assert {layer for line in lines for layer in line} == set(sample.LAYERS)


def test_an_inspection_alone_has_a_page(pages):
    read = Reader(pages["inspection"])
    sections = [attrs["id"] for attrs in read.all("section")]
    assert sections == ["graphs", "costs", "phases", "changes", "facts"]
    assert len(read.all("figure", data_subject="model")) == 1
    read = Reader(pages["inspections"])
    assert [attrs["data-run"] for attrs in read.all("figure", data_subject="model")] == ["torch", "tensorflow"]
    assert [attrs["data-run"] for attrs in read.all("figure", data_subject="step")] == ["torch"]


def test_two_models_on_one_backend_stand_side_by_side():
    read = Reader(report.page([sample.inspection(), sample.inspection()]))
    assert [attrs["data-run"] for attrs in read.all("figure", data_subject="model")] == ["torch", "torch, 2"]


def test_an_inspection_saves_itself_as_a_page(tmp_path):
    sample.inspection().save(tmp_path / "seen.html")
    assert (tmp_path / "seen.html").read_text(encoding="utf-8") == report.page(sample.inspection())


def test_licences_are_in_the_page(pages):
    for name in ("comparison", "inspection"):
        text = Reader(pages[name]).text
        assert "@dagrejs/dagre 3.1.3 (MIT)" in text
        assert "@observablehq/plot 0.6.17 (ISC)" in text
        assert "Permission is hereby granted" in text


def test_the_bundle_is_of_the_locked_versions():
    locked = json.loads((ROOT / "tools/report/package-lock.json").read_text())["packages"]
    carried = re.findall(r"^(\S+) (\d+\.\d+\.\d+) \(", asset("licences.txt"), re.MULTILINE)
    assert len(carried) > 10
    assert {name: locked[f"node_modules/{name}"]["version"] for name, _ in carried} == dict(carried)


def test_the_page_stays_small(pages):
    assert len(pages["inspection"].encode()) < 1_500_000
    for name in ("page.js", "drawing.js"):
        assert "</script" not in asset(name).lower()
        assert "<!--" not in asset(name)


def test_the_page_is_written(tmp_path):
    path = report.write(tmp_path / "out.html", sample.inspection())
    assert path.read_text(encoding="utf-8") == report.page(sample.inspection())


def test_a_page_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(FileError, match="cannot be written: No such file"):
        report.write(tmp_path / "nowhere" / "out.html", sample.inspection())


@pytest.mark.parametrize("subject", [None, 3, [], "text", [sample.inspection(), 3]])
def test_what_has_no_page_is_told(subject):
    with pytest.raises(ArgumentError, match="There is no report of this"):
        report.page(subject)
