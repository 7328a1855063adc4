// Where everything stands. dagre lays the layers of a graph out; a step's lanes are laid out one by one and stand below one another.
import { Graph, layout as dagre } from "@dagrejs/dagre";

const CHARACTER = 6.7; // width of one, in the font of the pictures at 12 px
const LONGEST = 30;
const COLUMN = 10; // nodes that nothing connects stand below one another, so many in a column
const SIGN = 16; // room for the + beside the first line
const TITLE = 18;
const LANE_TITLE = 34;

export function cut(text, length = LONGEST) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** The lines written in a node: what it is called, what it is, what it gives out. */
export function lines(item) {
  const closed = item.children.length > 0;
  const first = cut(item.label || item.id);
  const op = item.node && item.node.op !== item.label ? cut(item.node.op) : "";
  const count = closed ? `${item.size} ${item.size === 1 ? "node" : "nodes"}` : "";
  const second = [op, count].filter(Boolean).join(" · ");
  const shape = !closed && item.node ? cut(item.node.outputs.slice(0, 1).join("")) : "";
  return [first, second, shape].filter(Boolean);
}

function size(item) {
  const written = lines(item);
  const widest = Math.max(...written.map((line) => line.length), 6);
  const sign = item.children.length ? Math.max(0, SIGN - (widest - written[0].length) * CHARACTER) : 0;
  return { width: Math.round(widest * CHARACTER + sign) + 30, height: 14 + 15 * written.length };
}

/** Places for what `visible` found: {width, height, boxes, edges, lanes}. */
export function place(root, seen) {
  const lanes = root.children.filter((item) => item.isLane);
  if (!lanes.length) return laid(root, seen.drawn, seen.edges);
  const scene = { width: 0, height: 0, boxes: [], edges: [], lanes: [] };
  const at = new Map();
  const parts = lanes.map((lane) => {
    const inside = seen.drawn.filter(({ item }) => item !== lane && within(item, lane));
    const ids = new Set(inside.map(({ item }) => item.id));
    return laid(lane, inside, seen.edges.filter((edge) => ids.has(edge.source) && ids.has(edge.target)));
  });
  scene.width = Math.max(160, ...parts.map((part) => part.width));
  lanes.forEach((lane, i) => {
    const part = parts[i];
    const top = scene.height + LANE_TITLE;
    const left = (scene.width - part.width) / 2;
    const moved = (point) => ({ ...point, x: point.x + left, y: point.y + top });
    for (const box of part.boxes) scene.boxes.push(moved(box));
    for (const edge of part.edges) scene.edges.push({ ...edge, points: edge.points.map(moved) });
    scene.lanes.push({ name: lane.label, lane: lane.lane, y: scene.height, height: part.height + LANE_TITLE, size: lane.size });
    scene.height = top + part.height;
  });
  for (const box of scene.boxes) at.set(box.id, box);
  const inLane = new Set(scene.edges.map((edge) => edge.key));
  for (const edge of seen.edges) {
    const key = keyOf(edge);
    const a = at.get(edge.source);
    const b = at.get(edge.target);
    if (inLane.has(key) || !a || !b) continue;
    scene.edges.push({ ...edge, key, across: true, points: [{ x: a.x, y: a.y + a.height / 2 }, { x: b.x, y: b.y - b.height / 2 }] });
  }
  return scene;
}

const keyOf = (edge) => JSON.stringify([edge.source, edge.target, edge.kind]);

function within(item, holder) {
  for (let above = item.parent; above; above = above.parent) if (above === holder) return true;
  return false;
}

function laid(top, drawn, edges) {
  const graph = new Graph({ compound: true, multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 22, ranksep: 30, edgesep: 12, marginx: 16, marginy: 16 });
  const opened = new Set(drawn.filter((each) => each.open).map(({ item }) => item.id));
  const named = (id) => `n${id}`; // dagre keeps ids as keys of objects
  for (const { item, open } of drawn) graph.setNode(named(item.id), open ? {} : size(item));
  for (const { item } of drawn) if (opened.has(item.parent?.id)) graph.setParent(named(item.id), named(item.parent.id));
  for (const edge of edges) graph.setEdge(named(edge.source), named(edge.target), {}, edge.kind);
  ordered(graph, top, opened, edges, named);
  dagre(graph);
  return titled(graph, drawn, edges, named);
}

/** dagre leaves no room for a box's title: everything below the top of an open box moves down by the height of one. */
function titled(graph, drawn, edges, named) {
  const frames = drawn.filter(({ open }) => open).map(({ item }) => graph.node(named(item.id)));
  const tops = [...new Set(frames.map(({ y, height }) => Math.round(y - height / 2)))].sort((a, b) => a - b);
  const before = (y) => tops.filter((top) => top < y).length * TITLE;
  const upTo = (y) => tops.filter((top) => top <= y).length * TITLE;
  const boxes = drawn.map(({ item, open }) => {
    const { x, y, width, height } = graph.node(named(item.id));
    if (!open) return { item, id: item.id, open, x, y: y + before(y - height / 2 + 1), width, height };
    const from = Math.round(y - height / 2);
    const [top, bottom] = [from + before(from), y + height / 2 + upTo(y + height / 2 - 1)];
    return { item, id: item.id, open, x, y: (top + bottom) / 2, width, height: bottom - top };
  });
  const paths = edges.map((edge) => ({
    ...edge,
    key: keyOf(edge),
    points: graph.edge(named(edge.source), named(edge.target), edge.kind).points.map(({ x, y }) => ({ x, y: y + upTo(y) })),
  }));
  const { width = 0, height = 0 } = graph.graph();
  return { width: Math.max(width, 0), height: Math.max(height, 0) + tops.length * TITLE, boxes, edges: paths, lanes: [] };
}

/** Where no edge goes between the children of a box, their order is kept: one below the other, in columns if they are many. */
function ordered(graph, top, opened, edges, named) {
  const connected = new Set();
  const parents = new Map();
  const walk = (item) => {
    for (const child of item.children) {
      parents.set(child.id, item);
      if (opened.has(child.id)) walk(child);
    }
  };
  walk(top);
  const chain = (id) => {
    const found = [];
    for (let at = id; parents.has(at); at = parents.get(at).id) found.push(at);
    return found;
  };
  for (const edge of edges) {
    const above = new Set(chain(edge.source).map((id) => parents.get(id)));
    for (const id of chain(edge.target)) if (above.has(parents.get(id))) { connected.add(parents.get(id)); break; }
  }
  const edgeOf = (item, last) => {
    let found = item;
    while (opened.has(found.id)) found = found.children[last ? found.children.length - 1 : 0];
    return named(found.id);
  };
  for (const holder of new Set(parents.values())) {
    if (connected.has(holder)) continue;
    holder.children.forEach((child, i) => {
      if (i % COLUMN) graph.setEdge(edgeOf(holder.children[i - 1], true), edgeOf(child, false), { weight: 1 }, "order");
    });
  }
}
