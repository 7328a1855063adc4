"""The page as a person meets it, in real headless Chromium. Each test also sees that the console is empty and no request goes out (conftest.py)."""

import itertools
import os
from pathlib import Path

import pytest

from tests.insight.report import sample
from unidl.graph.spec import TensorSpec
from unidl.insight.comparison import FIGURES
from unidl.inspection.graph import LANES, Edge, Graph, Node
from unidl.inspection.inspection import Inspection

pytestmark = pytest.mark.browser

SHOTS = os.environ.get("UNIDL_SCREENSHOTS")  # a folder, to look at them


def shot(page, name):
    picture = page.screenshot(full_page=True)
    if SHOTS:
        Path(SHOTS, f"{name}.png").write_bytes(picture)
    assert len(picture) > 50_000


def viewer(page, run, section="graphs"):
    return page.locator(f'#{section} figure[data-run="{run}"]')


def chosen(figure):
    """The layers that are lit in a picture."""
    return set(figure.locator(".box.chosen").evaluate_all("boxes => boxes.map(box => box.dataset.layer)"))


def until(page, seen):
    """Wait; playwright's own way evaluates a text in the page, which its policy forbids."""
    for _ in range(100):
        if seen():
            return
        page.wait_for_timeout(20)
    pytest.fail("not seen within two seconds")


@pytest.fixture
def page(opened):
    return opened(sample.comparison())


def test_everything_is_drawn(page):
    assert page.locator("#graphs figure.viewer").count() == 3
    for figure in page.locator("figure.viewer").all():
        assert figure.locator(".box").count() >= 4
    assert page.locator("#losses svg path").count() >= 3
    assert page.locator(".bars svg").count() == len(FIGURES)
    assert page.locator(".bars svg").first.get_attribute("aria-describedby") == "figures-table"
    shot(page, "light")


def test_axes_have_units_and_what_is_better(page):
    step = page.locator('.bars[data-figure="step"] svg')
    assert "steady step, ms (less is better)" in step.text_content()
    assert (
        "throughput, examples / s (more is better)"
        in page.locator('.bars[data-figure="throughput"] svg').text_content()
    )
    assert "training step" in page.locator("#losses svg").text_content()


def test_a_layer_chosen_in_one_picture_is_seen_in_the_others_the_sources_and_the_costs(page):
    viewer(page, "torch").locator('.box[data-layer="head"]').first.click()
    for run in ("torch", "keras on tensorflow", "tensorflow"):
        assert chosen(viewer(page, run)) == {"head"}
        assert chosen(viewer(page, run, "step")) == {"head"}
    lit = page.locator(".code .line.chosen").all_text_contents()
    assert "        self.head = nn.Linear(16, 10)\n" in lit
    assert '    outputs = layers.Dense(10, name="head")(x)\n' in lit
    assert page.locator("tr.chosen").get_attribute("data-layer") == "head"
    told = page.locator("#graphs .selection").text_content()
    assert "Layer head" in told
    assert "torch.nn.Linear (native), forward 500 µs" in told
    assert "self.head = nn.Linear(16, 10)" in told
    viewer(page, "torch").locator('.box[data-layer="head"]').first.click()
    assert page.locator(".chosen").count() == 0
    assert page.locator("#graphs .selection").is_hidden()


def test_what_is_said_of_a_choice_is_of_the_picture_that_is_shown(page):
    figures = page.locator("#graphs figure.viewer")
    several = [figures.nth(i) for i in range(figures.count()) if figures.nth(i).locator("select option").count() > 1]
    figure = several[0]
    figure.locator('.box[data-layer="head"]').first.click()
    panel = page.locator("#graphs .selection")
    before = panel.text_content()
    figure.locator("select").select_option(index=1)
    until(page, lambda: panel.text_content() != before)  # another graph has another number of nodes


def test_a_holder_lights_up_with_what_it_holds_and_a_closed_one_for_what_is_in_it(page):
    figure = viewer(page, "torch")
    figure.locator('button[data-do="close"]').click()
    figure.locator('.box[aria-expanded="false"] .sign').first.click()
    assert figure.locator('.box[data-layer="block"]').get_attribute("aria-expanded") == "false"
    page.locator('#costs button[data-layer="block/hidden"]').click()
    assert chosen(figure) == {"block"}
    assert chosen(viewer(page, "tensorflow")) == {"block/hidden"}
    page.locator('#costs button[data-layer="block"]').click()
    assert chosen(viewer(page, "tensorflow")) == {"block", "block/hidden", "block/scale"}


def test_a_node_lights_up_for_a_layer_only_where_the_graph_has_none_of_its_own(opened):
    whole = Graph("graph", "", (Node("a", "Layer", layer="block"), Node("b", "Layer", layer="head")), (Edge("a", "b"),))
    apart = Graph(
        "graph", "", (Node("a", "Relu", layer="block"), Node("b", "Norm", layer="block/norm")), (Edge("a", "b"),)
    )
    page = opened(
        [Inspection("model", "net", name, {}, {"graph": graph}) for name, graph in (("keras", whole), ("torch", apart))]
    )
    viewer(page, "torch").locator('.box[data-id="b"]').click()
    assert viewer(page, "torch").locator(".box.chosen.leaf").evaluate_all(
        "boxes => boxes.map(box => box.dataset.id)"
    ) == ["b"]
    assert chosen(viewer(page, "keras")) == {"block"}


def test_boxes_open_and_close(page):
    figure = viewer(page, "tensorflow", "step")
    before = figure.locator(".box").count()
    figure.locator('button[data-do="open"]').click()
    opened = figure.locator(".box").count()
    assert opened > before
    figure.locator('.box.open[data-layer="conv2d"] .sign').first.click()
    assert figure.locator(".box").count() < opened
    figure.locator('button[data-do="close"]').click()
    assert figure.locator(".box").count() <= before


def test_the_keyboard_does_all_that_a_mouse_does(page):
    figure = viewer(page, "torch")
    figure.locator('button[data-do="close"]').focus()
    page.keyboard.press("Tab")
    here = "document.activeElement.dataset.id"
    assert page.evaluate(here) == "net"
    outline = "getComputedStyle(document.activeElement.querySelector('.body')).strokeWidth"
    assert page.evaluate(outline) == "3px"  # the focus is seen
    page.keyboard.press("ArrowDown")
    assert page.evaluate(here) == "conv2d"
    page.keyboard.press("Enter")
    assert chosen(figure) == chosen(viewer(page, "tensorflow")) == {"conv2d"}
    page.keyboard.press("Escape")
    assert chosen(figure) == set()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(here) == "block"
    page.keyboard.press(" ")
    assert figure.locator('.box[data-id="block"]').get_attribute("aria-expanded") == "false"
    assert page.evaluate(here) == "block"  # the focus stays where it was
    placed = "document.querySelector('#graphs figure svg > g').getAttribute('transform')"
    for key in ("+", "-", "Shift+ArrowRight", "0"):
        before = page.evaluate(placed)
        page.keyboard.press(key)
        assert page.evaluate(placed) != before, key
    page.keyboard.press("Tab")  # one stop a picture: Tab leaves it
    assert page.evaluate("document.activeElement.closest('figure')?.dataset.run") == "keras on tensorflow"


def test_the_order_of_tab_is_that_of_the_page(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tops = []
    for _ in range(60):
        page.keyboard.press("Tab")
        tops.append(
            page.evaluate(
                "(() => { const e = document.activeElement; const r = e.closest('section'); return r ? r.offsetTop : 0 })()"
            )
        )
        visible = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' || document.activeElement.matches('.box') })()"
        )
        assert visible, page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
    assert tops == sorted(tops)
    assert tops[-1] > 0


def test_drag_and_wheel_move_and_zoom(page):
    figure = viewer(page, "torch")
    figure.scroll_into_view_if_needed()

    def placed():
        return figure.locator("svg.picture > g").get_attribute("transform")

    box = figure.locator("svg.picture").bounding_box()
    x, y = box["x"] + 12, box["y"] + box["height"] - 12
    before = placed()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y - 40)
    page.mouse.up()
    assert placed() != before
    before, top = placed(), page.evaluate("scrollY")
    page.mouse.wheel(0, 100)
    until(page, lambda: page.evaluate("scrollY") != top)
    assert placed() == before  # a bare wheel scrolls the page on
    page.keyboard.down("Control")
    box = figure.locator("svg.picture").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    until(page, lambda: placed() != before)


def test_another_graph_is_shown(page):
    figure = viewer(page, "torch")
    figure.locator("select").select_option("graph")
    assert figure.locator('.box[data-id="x"]').count() == 1
    assert "Traced once." in figure.locator(".note").text_content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(opened, scheme):
    page = opened(sample.comparison(), color_scheme=scheme)
    ground = "getComputedStyle(document.body).backgroundColor"
    brightness = (
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)"
    )
    assert (page.evaluate(brightness) < 200) == (scheme == "dark")
    before = page.evaluate(ground)
    switch = page.locator("#theme")
    assert switch.get_attribute("aria-pressed") == str(scheme == "dark").lower()
    shot(page, scheme)
    switch.click()
    assert page.evaluate(ground) != before
    assert switch.get_attribute("aria-pressed") == str(scheme != "dark").lower()


CONTRAST = """
() => {
  const numbers = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 && n[3] === 0 ? null : n; };
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const poor = [];
  for (const e of document.querySelectorAll("main *, footer *, .bar *")) {
    if (e.closest("svg") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility()) continue;
    let back = null;
    for (let at = e; at && !back; at = at.parentElement) back = numbers(getComputedStyle(at).backgroundColor);
    const [a, b] = [light(numbers(getComputedStyle(e).color)), light(back ?? [255, 255, 255])].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(e.className + " " + e.textContent.slice(0, 30));
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(opened, scheme):
    assert opened(sample.comparison(), color_scheme=scheme).evaluate(CONTRAST) == []


@pytest.mark.parametrize("width", [360, 800])
def test_a_phones_width(opened, width):
    page = opened(sample.comparison(), viewport={"width": width, "height": 760}, has_touch=True)
    for details in page.locator("details").all():
        details.evaluate("details => { details.open = true; }")
    page.locator('#costs button[data-layer="head"]').click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    wide = "[...document.querySelectorAll('main *')].filter(e => !e.closest('.scrolls, pre, svg, .tools') && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 90))"
    assert page.evaluate(wide) == []
    shot(page, f"width-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_breaks_wcag(opened, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs pip install '.[browser]'")
    found = axe.Axe().run(opened(sample.comparison(), color_scheme=scheme))
    assert [(each["id"], [node["html"][:90] for node in each["nodes"]]) for each in found.response["violations"]] == []


def test_everything_that_acts_has_a_name(page):
    nameless = """() => [...document.querySelectorAll("button, a, select, input, [tabindex='0'], [role=img], [role=button]")]
        .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML.slice(0, 90))"""
    assert page.evaluate(nameless) == []
    levels = page.locator("h1, h2, h3, h4").evaluate_all("heads => heads.map(head => Number(head.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_what_a_user_brings_does_nothing(opened):
    page = opened(sample.hostile())
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    assert viewer(page, "2").count() == 0
    figure = page.locator("figure.viewer").first
    assert figure.locator(".box").count() == 3
    figure.locator(".box").first.click()
    assert page.locator(".selection script, .selection img").count() == 0
    assert "<script>alert(1)</script>" in page.locator(".selection").text_content()


def test_an_inspection_alone(opened):
    page = opened(sample.inspection())
    page.locator('#costs button[data-layer="head"]').click()
    assert chosen(viewer(page, "torch")) == {"head"}


def test_a_step_of_thousands_of_nodes_stays_usable(opened):
    nodes, edges = [], []
    for lane in LANES:
        for block in range(16):
            for i in range(50):
                nodes.append(
                    Node(
                        f"{lane}/{block}/{i}",
                        "Op",
                        layer=f"blocks/{block}/conv{i % 3}",
                        lane=lane,
                        outputs=(TensorSpec((32, 8)),),
                    )
                )
                if len(nodes) > 1:
                    edges.append(Edge(nodes[-2].id, nodes[-1].id))
    graph = Graph("step", "A large step", tuple(nodes), tuple(edges))
    assert len(nodes) == 3200
    page = opened(Inspection("step", "large", "torch", {}, {"step": graph}))
    figure = viewer(page, "torch", "step")
    assert figure.locator(".box").count() < 60
    figure.locator('button[data-do="open"]').click()
    figure.locator('button[data-do="open"]').click()
    assert 60 < figure.locator(".box").count() <= 500


def test_without_scripts_the_words_are_there(opened, browser, tmp_path):
    from unidl.insight import report

    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.write(tmp_path / "plain.html", sample.comparison()).as_uri())
    assert page.locator("#figures-table").is_visible()
    assert page.locator("noscript").first.is_visible()
    context.close()
