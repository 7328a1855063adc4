// A scene as SVG markup. All text is escaped here, and nowhere else.
import { line, curveBasis, curveBumpY } from "d3-shape";
import { cut, lines } from "./layout.js";

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export function escape(text) {
  return String(text)
    .replace(/[&<>"']/g, (character) => ENTITIES[character])
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "�");
}

const inside = line().x((p) => p.x).y((p) => p.y).curve(curveBasis);
const across = line().x((p) => p.x).y((p) => p.y).curve(curveBumpY);
const round = (path) => path.replace(/\d+\.\d+/g, (number) => String(Math.round(Number(number) * 10) / 10));

/** What a screen reader says of a box: what is written in it, and what the eye sees besides. */
export function spoken(item, open) {
  const parts = [open ? item.label || item.id : lines(item).join(" ")];
  if (item.layer && item.layer !== item.label) parts.push(`layer ${item.layer}`);
  if (item.lane) parts.push(`in ${item.lane}`);
  if (item.children.length) parts.push(open ? "open" : "closed");
  return parts.join(", ");
}

/** All that is known of a box, for a pointer that rests on it: nothing is cut off here. */
function whole(item) {
  const outputs = item.node?.outputs.join(", ");
  return [item.label || item.id, item.node?.op, outputs && `gives ${outputs}`, item.layer && `layer ${item.layer}`].filter(Boolean).join("\n");
}

/** The markup inside an <svg>: lanes, then open boxes, edges, and nodes. `hue` numbers a layer's colour. */
export function markup(scene, { hue, interactive = false, arrow = "arrow" }) {
  const out = [
    `<defs><marker id="${arrow}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">` +
      `<path class="tip" d="M0 0.5 8 4 0 7.5z"/></marker></defs>`,
  ];
  for (const lane of scene.lanes) {
    out.push(
      `<g class="lane lane-${escape(lane.lane || "none")}"><rect x="0" y="${lane.y}" width="${Math.max(scene.width, 160)}" height="${lane.height}"/>` +
        `<text x="14" y="${lane.y + 21}">${escape(lane.name)} · ${lane.size}</text></g>`,
    );
  }
  const boxes = scene.boxes.map((box) => drawnBox(box, hue, interactive));
  scene.boxes.forEach((box, i) => box.open && out.push(boxes[i]));
  for (const edge of scene.edges) {
    const path = round((edge.across ? across : inside)(edge.points));
    const many = edge.tensors.length > 1 ? ` (${edge.tensors.length})` : "";
    const told = edge.kind === "data" ? edge.tensors[0] || "data" : [edge.kind, edge.tensors[0]].filter(Boolean).join(" ");
    out.push(
      `<path class="edge ${escape(edge.kind)}${edge.across ? " across" : ""}" data-from="${escape(edge.source)}" data-to="${escape(edge.target)}"` +
        ` d="${path}" marker-end="url(#${arrow})"><title>${escape(told + many)}</title></path>`,
    );
  }
  scene.boxes.forEach((box, i) => box.open || out.push(boxes[i]));
  return out.join("");
}

function drawnBox({ item, open, x, y, width, height }, hue, interactive) {
  const left = Math.round((x - width / 2) * 10) / 10;
  const top = Math.round((y - height / 2) * 10) / 10;
  const kind = open ? "open" : item.children.length ? "closed" : "leaf";
  const told = spoken(item, open);
  const acting = interactive
    ? ` tabindex="-1" role="button" aria-pressed="false" aria-label="${escape(told)}"${item.children.length ? ` aria-expanded="${open}"` : ""}`
    : "";
  const colour = item.layer ? ` hue-${hue(item.layer)}` : "";
  const written = open ? [cut(item.label || item.id, Math.max(8, Math.floor((width - 34) / 6.7)))] : lines(item);
  const text = written
    .map((each, i) => `<text class="line-${i}" x="${open ? 10 : 14}" y="${open ? 15 : 18 + 15 * i}">${escape(each)}</text>`)
    .join(" ");
  const stack = kind === "closed" ? `<rect class="under" x="3" y="3" width="${width}" height="${height}" rx="6"/>` : "";
  const strip = open ? "" : `<rect class="strip" width="5" height="${height}" rx="2.5"/>`;
  const sign = item.children.length
    ? `<g class="sign" transform="translate(${width - 13} 12)"><circle r="7"/><path d="${open ? "M-3.5 0h7" : "M-3.5 0h7M0-3.5v7"}"/></g>`
    : "";
  return (
    `<g class="box ${kind}${colour}" transform="translate(${left} ${top})" data-id="${escape(item.id)}" data-layer="${escape(item.layer)}"${acting}>` +
    `<title>${escape(whole(item))}</title>${stack}<rect class="body" width="${Math.round(width)}" height="${Math.round(height)}" rx="6"/>${strip}${text}${sign}</g>`
  );
}
