// One picture: zoom, pan, open and close boxes, choose one; with a mouse, fingers or keys.
import { select } from "d3-selection";
import { zoom, zoomIdentity, zoomTransform } from "d3-zoom";
import { tree, opening, visible, everything } from "./hierarchy.js";
import { place } from "./layout.js";
import { markup } from "./draw.js";

const BUDGET = 24; // boxes at first
const BUDGET_OF_LANES = 14; // of a step: its layers stay closed, so that the four lanes are seen
const MOST = 500; // boxes at once: beyond that the layout takes seconds
const NEAREST = 4;
const READABLE = 0.85;
const LEAST = 0.5; // a picture wider than its frame starts in its middle
const PAN = 60;
const STEP = 1.3;
let made = 0;

export class Viewer {
  /** figure: what the page has for it; graphs: name -> graph; hue: layer -> number; chosen: called with {layer, label, viewer}. */
  constructor(figure, graphs, hue, chosen) {
    Object.assign(this, { figure, graphs, hue, chosen, layer: null, id: null, current: null, boxes: new Map(), arrow: `arrow-${++made}` });
    this.svg = figure.querySelector("svg");
    this.svg.innerHTML = "<g></g>";
    this.said = figure.querySelector(".said");
    this.choice = figure.querySelector("select");
    this.choice.addEventListener("change", () => this.show(this.choice.value));
    this.zoom = zoom().scaleExtent([0.05, NEAREST]).filter((event) => this.wanted(event))
      .on("zoom", ({ transform }) => this.svg.firstChild.setAttribute("transform", transform));
    select(this.svg).call(this.zoom).on("dblclick.zoom", null);
    this.svg.addEventListener("click", (event) => this.clicked(event));
    this.svg.addEventListener("keydown", (event) => this.pressed(event));
    figure.addEventListener("focusin", (event) => this.focused(event)); // on the svg itself it would make that a stop of Tab
    figure.querySelector(".tools").addEventListener("click", (event) => this.tool(event.target.closest("button")?.dataset.do));
    new ResizeObserver(() => this.fit(true)).observe(this.svg);
    this.show(this.choice.value);
  }

  /** A page scrolls on with one finger or a bare wheel; two fingers, Ctrl, or a picture that has the focus zoom. */
  wanted(event) {
    if (event.type === "wheel") return event.ctrlKey || event.metaKey || this.svg.contains(document.activeElement);
    if (event.touches) return event.touches.length > 1;
    return !event.button;
  }

  show(name) {
    this.graph = this.graphs[name];
    this.root = tree(this.graph);
    this.items = new Map([...everything(this.root)].map((item) => [item.id, item]));
    this.open = opening(this.root, this.budget());
    this.current = null;
    this.drawn = null;
    const note = this.figure.querySelector(".note");
    note.textContent = [this.graph.title, this.graph.note].filter(Boolean).join(". ");
    this.render();
    this.fit(true);
  }

  budget() {
    return this.root.children.some((item) => item.isLane) ? BUDGET_OF_LANES : BUDGET;
  }

  render() {
    const focused = this.svg.contains(document.activeElement);
    let scene;
    try {
      scene = place(this.root, visible(this.root, this.open, this.graph.edges));
    } catch (error) { // told where it is seen; the other pictures go on
      console.error(error);
      this.open = this.drawn ?? new Set([""]);
      this.figure.querySelector(".note").textContent = `This could not be laid out: ${error.message}. The table below says what it holds.`;
      return;
    }
    this.scene = scene;
    this.drawn = new Set(this.open);
    this.svg.firstChild.innerHTML = markup(this.scene, { hue: this.hue, interactive: true, arrow: this.arrow });
    this.boxes = new Map([...this.svg.querySelectorAll(".box")].map((element) => [element.dataset.id, element]));
    this.mark();
    const first = this.boxes.get(this.current) ?? this.boxes.values().next().value;
    this.stop(first, focused);
  }

  /** The one box that Tab reaches; arrow keys go on from it. */
  stop(element, focus) {
    if (!element) return;
    this.svg.querySelector('.box[tabindex="0"]')?.setAttribute("tabindex", "-1");
    element.setAttribute("tabindex", "0");
    this.current = element.dataset.id;
    if (focus) element.focus({ preventScroll: true });
  }

  focused(event) {
    const element = event.target.closest(".box");
    if (!element) return;
    this.stop(element, false);
    const box = element.getBoundingClientRect();
    const frame = this.svg.getBoundingClientRect();
    const out = box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom;
    if (out && element.matches(":focus-visible")) this.center(element.dataset.id);
  }

  clicked(event) {
    const element = event.target.closest(".box");
    if (!element) return this.chosen(null);
    this.stop(element, true);
    if (event.target.closest(".sign") || event.detail === 2) this.toggle(element.dataset.id);
    else this.choose(element.dataset.id);
  }

  choose(id) {
    const item = this.items.get(id);
    const again = this.id === id;
    this.id = again ? null : id;
    this.chosen(again ? null : { layer: item.layer, item, viewer: this });
  }

  /** What the page says is chosen now: a layer, wherever it was chosen; the box itself only in its own picture. */
  highlight(layer, viewer) {
    this.layer = layer;
    if (viewer !== this) this.id = null;
    this.mark();
    if (layer && viewer !== this) {
      const hit = this.svg.querySelector(".box.chosen");
      if (hit) this.center(hit.dataset.id);
    }
  }

  mark() {
    const hits = new Set();
    const own = (item) => item.layer === this.layer || item.layer.startsWith(`${this.layer}/`);
    const there = this.layer && this.count(this.layer) > 0;
    for (const [id, element] of this.boxes) {
      const item = this.items.get(id);
      const shut = !element.classList.contains("open");
      const holds = there // a closed box lights up for what is in it; a node for a layer that this graph does not tell apart from it
        ? shut && [...everything(item)].some((each) => each.node && own(each))
        : shut && item.layer && this.layer?.startsWith(`${item.layer}/`);
      const hit = Boolean((this.layer && item.layer && own(item)) || holds || id === this.id);
      element.classList.toggle("chosen", hit);
      element.setAttribute("aria-pressed", hit);
      if (hit) hits.add(id);
    }
    this.figure.classList.toggle("choosing", hits.size > 0);
    for (const edge of this.svg.querySelectorAll(".edge"))
      edge.classList.toggle("chosen", hits.has(edge.dataset.from) || hits.has(edge.dataset.to));
  }

  /** How many nodes of its graph come from a layer. */
  count(layer) {
    return this.graph.nodes.filter((node) => node.layer === layer || node.layer.startsWith(`${layer}/`)).length;
  }

  toggle(id) {
    const item = this.items.get(id);
    if (!item?.children.length) return;
    if (this.open.has(id)) this.open.delete(id);
    else if (this.boxes.size + item.children.length > MOST) return this.say(`Too many to draw at once: ${MOST} boxes are shown at most. Close others first.`);
    else this.open.add(id);
    this.current = id;
    this.render();
    this.center(id, true);
    this.say(`${item.label} ${this.open.has(id) ? "opened" : "closed"}`);
  }

  tool(name) {
    const doing = {
      in: () => this.scale(STEP),
      out: () => this.scale(1 / STEP),
      fit: () => this.fit(),
      open: () => this.deeper(),
      close: () => { this.open = opening(this.root, 0); this.render(); this.fit(true); },
    };
    doing[name]?.();
  }

  /** Open everything that is closed and seen, as far as there is room. */
  deeper() {
    const closed = [...this.boxes.keys()].map((id) => this.items.get(id)).filter((item) => item.children.length && !this.open.has(item.id));
    let room = MOST - this.boxes.size;
    const opened = closed.filter((item) => item.children.length <= room && (room -= item.children.length) >= 0);
    if (!opened.length) return this.say(closed.length ? `No room: ${MOST} boxes are shown at most` : "Everything is open");
    for (const item of opened) this.open.add(item.id);
    this.render();
    this.fit(true);
    this.say("One level further opened");
  }

  scale(by) {
    this.zoom.scaleBy(select(this.svg), by);
  }

  /** The whole picture; at first, of a tall one, its upper part in a size that can be read. */
  fit(readable = false) {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (!width || !this.scene) return;
    const across = width / (this.scene.width || 1);
    const whole = Math.min(across, height / (this.scene.height || 1), 1.15);
    const scale = readable ? Math.max(whole, Math.min(READABLE, Math.max(across, LEAST))) : whole;
    const x = (width - this.scene.width * scale) / 2;
    const y = Math.max(4, (height - this.scene.height * scale) / 2);
    this.zoom.transform(select(this.svg), zoomIdentity.translate(x, y).scale(scale));
  }

  center(id, keep) {
    const box = this.scene.boxes.find((each) => each.id === id);
    if (!box) return;
    const { clientWidth: width, clientHeight: height } = this.svg;
    const { k, x, y } = zoomTransform(this.svg);
    const left = k * (box.x - box.width / 2) + x;
    const top = k * (box.y - box.height / 2) + y;
    if (keep && left > 0 && top > 0 && left < width - 40 && top < height - 40) return;
    const tall = box.height * k > height;
    this.zoom.translateTo(select(this.svg), box.x, tall ? box.y - box.height / 2 + height / k / 2 - 20 / k : box.y);
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const id = event.target.closest(".box")?.dataset.id;
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    const keys = {
      "+": () => this.tool("in"), "=": () => this.tool("in"), "-": () => this.tool("out"), 0: () => this.tool("fit"),
      Enter: () => id && this.choose(id), " ": () => id && this.toggle(id), Escape: () => { this.id = null; this.chosen(null); },
      Home: () => this.stop([...this.boxes.values()][0], true), End: () => this.stop([...this.boxes.values()].at(-1), true),
    };
    if (way && event.shiftKey) this.zoom.translateBy(select(this.svg), ...way.map((each) => (-each * PAN) / zoomTransform(this.svg).k));
    else if (way) this.step(way);
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  }

  /** To the nearest box in a direction. */
  step([dx, dy]) {
    const here = this.scene.boxes.find((box) => box.id === this.current);
    if (!here) return;
    const from = { x: here.x, y: here.open ? here.y - here.height / 2 : here.y };
    let best = null;
    for (const box of this.scene.boxes) {
      const x = box.x - from.x;
      const y = (box.open ? box.y - box.height / 2 : box.y) - from.y;
      const along = x * dx + y * dy;
      if (box === here || along <= 1) continue;
      const away = along + 2.5 * Math.abs(x * dy + y * dx);
      if (!best || away < best.away) best = { box, away };
    }
    if (best) this.stop(this.boxes.get(best.box.id), true);
  }

  say(text) {
    this.said.textContent = text;
  }
}
