// Curves and bars, by Observable Plot. Each has its numbers beside it as a table, which the page itself holds.
import * as Plot from "@observablehq/plot";

const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 4", "12 4", "1 3", "6 2 1 2 1 2"];
const UNITS = { s: [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]], B: [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]], "1/s": [[1, "examples / s"]] };

export function unitOf(largest, unit) {
  const known = UNITS[unit] ?? [[1, unit]];
  return known.find(([size]) => largest >= size) ?? known.at(-1);
}

/** Put a chart where the page has a place for it; Plot's own style element would break the page's policy, ours says the same. */
function put(place, chart, label) {
  for (const style of chart.querySelectorAll("style")) style.remove();
  const svg = chart.matches("svg") ? chart : chart.querySelector("svg");
  for (const part of svg.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label"); // one picture, one name; its numbers are in the table
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  if (place.dataset.table) svg.setAttribute("aria-describedby", place.dataset.table);
  place.replaceChildren(chart);
}

export function losses(place, runs, logarithmic) {
  const shown = runs.filter((run) => run.step_loss.length);
  const points = shown.flatMap((run) => run.step_loss.map((loss, i) => ({ run: run.label, step: i + 1, loss })))
    .filter(({ loss }) => Number.isFinite(loss) && (!logarithmic || loss > 0));
  const width = Math.max(280, place.clientWidth);
  const marks = shown.map((run) =>
    Plot.line(points.filter((point) => point.run === run.label), {
      x: "step", y: "loss", stroke: run.colour, strokeWidth: 2, strokeDasharray: DASHES[run.index % DASHES.length], className: "curve",
    }));
  const chart = Plot.plot({
    width, height: Math.min(380, Math.max(240, width * 0.45)), marginLeft: 52, className: "plot",
    x: { label: "training step →", grid: false }, y: { label: "↑ loss", grid: true, type: logarithmic ? "log" : "linear", nice: true },
    marks: [...marks, Plot.crosshairX(points, { x: "step", y: "loss" })],
  });
  put(place, chart, `Loss by training step, ${shown.map((run) => run.label).join(", ")}`);
}

/** One figure of every run: the median as a bar, the quartiles as a whisker. */
export function bars(place, title, rows, better) {
  const [size, unit] = unitOf(Math.max(...rows.map((row) => row.high)), rows[0].unit);
  const scaled = rows.map((row) => ({ ...row, median: row.median / size, low: row.low / size, high: row.high / size }));
  const longest = Math.max(...rows.map((row) => row.label.length));
  const width = Math.max(240, place.clientWidth);
  const marginLeft = Math.min(170, 12 + longest * 6.6);
  const chart = Plot.plot({
    width, height: 52 + 30 * rows.length, marginLeft, marginRight: 20, marginBottom: 34, className: "plot",
    x: { label: `${title}, ${unit} (${better === "more" ? "more" : "less"} is better) →`, grid: true, zero: true, ticks: Math.max(3, Math.floor(width / 110)) },
    y: { label: null, domain: rows.map((row) => row.label), padding: 0.32 },
    marks: [
      Plot.barX(scaled, { x: "median", y: "label", fill: "colour", fillOpacity: 0.85, title: "told" }),
      Plot.ruleY(scaled, { x1: "low", x2: "high", y: "label", stroke: "var(--ink)", strokeWidth: 1.5, marker: "tick" }),
      Plot.ruleX([0]),
    ],
  });
  put(place, chart, `${title} of each run in ${unit}, with quartiles`);
}
