// A graph as a tree of boxes: lanes, then what holds what (modules, functions), then layers of the description. A box is
// open or closed; what is in a closed one is drawn as one node, so that a step of thousands of operations stays readable.

export const LANES = ["forward", "loss", "backward", "update"];
const MANY = 6; // of a lane's nodes that no layer made: more of them stand in a box of their own
const CHUNK = 24; // children without any order of their own are cut into pieces of this size

function box(id, label, layer, lane) {
  return { id, label, layer, lane, children: [], group: true, node: null, parent: null };
}

/** The tree of a graph, as unidl.insight.drawing writes it. */
export function tree(graph) {
  const items = new Map();
  for (const node of graph.nodes) {
    items.set(node.id, { ...box(node.id, node.label || node.op, node.layer, node.lane), group: false, node });
  }
  const root = box("", graph.title, "", "");
  const lanes = new Map();
  const inLanes = graph.nodes.some((node) => node.lane);
  const laneOf = (name) => {
    if (!lanes.has(name)) lanes.set(name, { ...box(`lane:${name}`, name || "outside the lanes", "", name), isLane: true });
    return lanes.get(name);
  };
  for (const item of items.values()) {
    const holder = items.get(item.node.parent);
    const kept = holder && holder !== item && (!inLanes || holder.lane === item.lane);
    (kept ? holder : inLanes ? laneOf(item.lane) : root).children.push(item);
  }
  if (inLanes) {
    const order = [...new Set([...LANES, ...lanes.keys()])].filter((name) => lanes.has(name));
    root.children = order.map((name) => lanes.get(name));
    const other = lanes.get("");
    if (other) { // what held nodes that stand in lanes now holds nothing, and no edge tells of it
      const used = new Set(graph.edges.flatMap((edge) => [edge.source, edge.target]));
      const held = new Set(graph.nodes.map((node) => node.parent));
      other.children = other.children.filter((item) => item.children.length || used.has(item.id) || !held.has(item.id));
      if (!other.children.length) root.children = root.children.filter((lane) => lane !== other);
    }
  }
  arrange(root);
  index(root, null, 0);
  return root;
}

function arrange(holder) {
  holder.children.forEach(arrange);
  if (holder.children.length) holder.group = true;
  holder.children = chunked(holder.isLane ? gathered(byLayer(holder), holder) : byLayer(holder), holder);
}

/** The children of a holder, gathered by their layer's path below its own. */
function byLayer(holder) {
  const prefix = holder.layer ? `${holder.layer}/` : "";
  const top = box("", "", holder.layer, holder.lane);
  top.made = new Map();
  for (const child of holder.children) {
    let place = top;
    if (child.layer && child.layer !== holder.layer && child.layer.startsWith(prefix)) {
      let path = holder.layer;
      for (const part of child.layer.slice(prefix.length).split("/")) {
        path = path ? `${path}/${part}` : part;
        if (!place.made.has(part)) {
          const made = box(`${holder.id}›${path}`, path, path, holder.lane);
          made.made = new Map();
          place.made.set(part, made);
          place.children.push(made);
        }
        place = place.made.get(part);
      }
    }
    place.children.push(child);
  }
  return top.children.map(simplified);
}

/** A lane with layers, and much that belongs to none: that stands together where its first node stood. */
function gathered(children, lane) {
  const lone = children.filter((item) => !item.layer && !item.children.length);
  if (lone.length <= MANY || lone.length === children.length) return children;
  const made = { ...box(`${lane.id}›`, "not of a layer", "", lane.lane), children: lone };
  const rest = new Set(lone);
  return children.flatMap((item) => (item === lone[0] ? [made] : rest.has(item) ? [] : [item]));
}

/** A group of one is that one; what it is called stays. */
function simplified(item) {
  if (!item.made) return item;
  item.children = chunked(item.children.map(simplified), item);
  delete item.made;
  return item.children.length === 1 ? item.children[0] : item;
}

function chunked(children, holder) {
  if (children.length <= 2 * CHUNK) return children;
  const pieces = [];
  for (let start = 0; start < children.length; start += CHUNK) {
    const part = children.slice(start, start + CHUNK);
    const name = `${start + 1} to ${start + part.length} of ${children.length}`;
    pieces.push({ ...box(`${holder.id}»${start}`, name, holder.layer, holder.lane), children: part });
  }
  return pieces.length > 2 * CHUNK ? chunked(pieces, { ...holder, id: `${holder.id}»` }) : pieces;
}

function index(item, parent, depth) {
  item.parent = parent;
  item.depth = depth;
  item.size = item.children.length ? 0 : 1;
  for (const child of item.children) {
    index(child, item, depth + 1);
    item.size += child.size;
  }
}

/** Which boxes to open at first: lanes, what alone holds all, then level after level while what is seen stays within the budget. */
export function opening(root, budget) {
  const open = new Set([""]);
  let seen = root.children.length;
  let level = root.children.filter((item) => item.children.length);
  while (level.length) {
    const more = level.reduce((sum, item) => sum + item.children.length - 1, 0);
    const alone = level.length === 1 && seen === 1 && budget > 0;
    if (!level[0].isLane && !alone && seen + more > budget) break;
    for (const item of level) open.add(item.id);
    seen += more;
    level = level.flatMap((item) => item.children).filter((item) => item.children.length);
  }
  return open;
}

export function* everything(item) {
  for (const child of item.children) {
    yield child;
    yield* everything(child);
  }
}

/** What is drawn: boxes that are open, nodes, and edges between them, many that go the same way as one. */
export function visible(root, open, edges) {
  const drawn = [];
  const shown = new Map(); // id of a node of the graph -> the item that stands for it
  const walk = (item, standing) => {
    const opened = !standing && item.children.length > 0 && open.has(item.id);
    if (!standing) drawn.push({ item, open: opened });
    const stands = standing || (opened ? null : item);
    if (item.node) shown.set(item.id, stands || item);
    for (const child of item.children) walk(child, stands);
  };
  root.children.forEach((item) => walk(item, null));
  const isOpen = new Set(drawn.filter((each) => each.open).map((each) => each.item.id));
  const leaf = (item, last) => {
    let found = item;
    while (isOpen.has(found.id)) found = found.children[last ? found.children.length - 1 : 0];
    return found;
  };
  const merged = new Map();
  for (const edge of edges) {
    const a = shown.get(edge.source);
    const b = shown.get(edge.target);
    if (!a || !b || a === b) continue;
    const source = leaf(a, true);
    const target = leaf(b, false);
    if (source === target) continue;
    const key = JSON.stringify([source.id, target.id, edge.kind]);
    const known = merged.get(key);
    if (known) known.tensors.push(edge.tensor);
    else merged.set(key, { source: source.id, target: target.id, kind: edge.kind, tensors: [edge.tensor] });
  }
  return { drawn, edges: [...merged.values()] };
}
