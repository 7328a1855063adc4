// What makes the page alive: pictures, charts, one selection for everything, the theme. Tables and sources are there without it.
import { Viewer } from "./viewer.js";
import { bars, losses } from "./charts.js";
import { hues } from "./hues.js";

let data;
const viewers = [];
const root = document.documentElement;
const LONGEST = 400; // characters of one fact
const LINES = 8; // of a source that are shown beside a picture

function theme() {
  const button = document.getElementById("theme");
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const told = () => button.setAttribute("aria-pressed", dark());
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    told();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", told);
  told();
}

/** Show a layer everywhere: in the pictures, the table of costs, the sources, and in words. */
function choose(chosen) {
  const layer = chosen?.layer || null;
  for (const viewer of viewers) viewer.highlight(layer, chosen?.viewer);
  for (const row of document.querySelectorAll("tr[data-layer]")) {
    const hit = layer !== null && row.dataset.layer === layer;
    row.classList.toggle("chosen", hit);
    row.querySelector("button")?.setAttribute("aria-pressed", hit);
  }
  const lit = [];
  for (const code of document.querySelectorAll(".code")) {
    const lines = [];
    for (const line of code.querySelectorAll(".line[data-layers]")) {
      const own = JSON.parse(line.dataset.layers);
      const hit = layer !== null && own.some((each) => each === layer || each.startsWith(`${layer}/`));
      line.classList.toggle("chosen", hit);
      if (hit) lines.push(line);
    }
    if (!lines.length) continue;
    code.scrollTop = lines[0].offsetTop - code.clientHeight / 3;
    lit.push({ label: code.getAttribute("aria-label"), lines });
  }
  tell(chosen, layer, lit);
}

/** The lines of one source that are about the chosen layer. */
function excerpt({ label, lines }) {
  const made = document.createElement("figure");
  const head = document.createElement("figcaption");
  const text = document.createElement("pre");
  head.textContent = label;
  const known = lines.slice(0, LINES).map((line) => line.textContent.trimEnd());
  const margin = Math.min(...known.map((line) => line.search(/\S/)));
  text.textContent = known.map((line) => line.slice(margin)).join("\n") + (lines.length > LINES ? "\n…" : "");
  text.className = "plain";
  text.tabIndex = 0;
  made.append(head, text);
  return made;
}

let told = []; // what the panels say of the selection

function tell(chosen, layer, lit) {
  told = [chosen, layer, lit];
  for (const panel of document.querySelectorAll(".selection")) {
    panel.replaceChildren();
    panel.hidden = !chosen;
    if (!chosen) continue;
    const head = document.createElement("h3");
    head.textContent = layer ? `Layer ${layer}` : chosen.item.label || chosen.item.id;
    panel.append(head);
    const item = chosen.item;
    if (item?.node) {
      const facts = [["in", chosen.viewer.figure.dataset.run], ["node", item.node.id], ["is", item.node.op], ["gives", item.node.outputs.join(", ")], ...Object.entries(item.node.details).slice(0, 12)];
      panel.append(list(facts.filter(([, value]) => value !== "" && value !== null)));
    }
    if (layer && data.costs[layer]) panel.append(list(data.costs[layer]));
    const here = viewers.filter((viewer) => viewer.figure.closest("section") === panel.closest("section"));
    if (layer) panel.append(list(here.map((viewer) => [viewer.figure.dataset.run, `${viewer.count(layer)} of ${viewer.graph.nodes.length} nodes`])));
    for (const source of lit) panel.append(excerpt(source));
    if (layer) {
      const links = document.createElement("p");
      for (const [id, name] of [["sources", "Its lines in the sources"], ["costs", "Its costs"]]) {
        if (!document.getElementById(id)) continue;
        const link = document.createElement("a");
        link.href = `#${id}`;
        link.textContent = name;
        links.append(link, " ");
      }
      panel.append(links);
    }
  }
}

function list(pairs) {
  const made = document.createElement("dl");
  for (const [name, value] of pairs) {
    const term = document.createElement("dt");
    const text = document.createElement("dd");
    term.textContent = name;
    const said = typeof value === "string" ? value : JSON.stringify(value);
    text.textContent = said.length > LONGEST ? `${said.slice(0, LONGEST)}…` : said;
    made.append(term, text);
  }
  return made;
}

function pictures() {
  const hue = hues(data.layers);
  const start = (figure) => viewers.push(new Viewer(figure, data.graphs[figure.dataset.run][figure.dataset.subject], hue, choose));
  for (const figure of document.querySelectorAll("figure.viewer")) start(figure);
  for (const viewer of viewers) viewer.choice.addEventListener("change", () => tell(...told)); // another picture has other counts
}

function charts() {
  const draw = () => {
    const place = document.getElementById("losses");
    if (place) losses(place, data.runs, document.getElementById("logarithmic").checked);
    for (const each of document.querySelectorAll(".bars")) {
      const { title, better, rows } = data.figures[each.dataset.figure];
      bars(each, title, rows, better);
    }
  };
  let width = window.innerWidth;
  let waiting = 0;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(draw, 120);
  });
  document.getElementById("logarithmic")?.addEventListener("change", draw);
  draw();
}

function layerButtons() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-layer]");
    if (!button) return;
    const layer = button.dataset.layer;
    choose(button.getAttribute("aria-pressed") === "true" ? null : { layer });
  });
}

/** The graphs and curves, which the page holds compressed. */
async function unpacked() {
  const bytes = Uint8Array.from(atob(document.getElementById("data").textContent), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

async function start() {
  theme();
  data = await unpacked();
  charts();
  root.classList.add("alive");
  pictures();
  layerButtons();
  root.classList.add("ready");
}

start();
