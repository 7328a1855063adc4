// The picture of a graph without a browser: unidl.insight.drawing runs this in an engine that knows no DOM.
// graphlib copies plain values with it, and an engine without a browser may lack it
globalThis.structuredClone ??= (value) => JSON.parse(JSON.stringify(value));

import { tree, opening, visible, everything } from "./hierarchy.js";
import { place } from "./layout.js";
import { markup, escape } from "./draw.js";
import { hues } from "./hues.js";

/** A graph as an SVG document. budget: how many boxes to show at most before holders stay closed. */
export function draw(graph, style, budget, layers) {
  const root = tree(graph);
  const open = opening(root, budget);
  const scene = place(root, visible(root, open, graph.edges));
  const width = Math.ceil(Math.max(scene.width, 160));
  const height = Math.ceil(Math.max(scene.height, 40));
  const order = layers.length ? layers : [...everything(root)].map((item) => item.layer).filter(Boolean);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="picture" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">` +
    `<title>${escape(graph.title || graph.name)}</title><desc>${escape(graph.note || `${graph.nodes.length} nodes`)}</desc><style>${style}</style>` +
    `<rect class="ground" width="${width}" height="${height}"/>${markup(scene, { hue: hues(order) })}</svg>`
  );
}

globalThis.drawGraph = (text) => {
  const { graph, style, budget, layers } = JSON.parse(text);
  return draw(graph, style, budget, layers).split("\n").join("\n"); // one flat text: the engine's own ropes do not cross over to Python
};
