// One colour for one layer, the same in every picture of a page: the first part of the path that tells layers apart.
const COLOURS = 10;

export function hues(layers) {
  const known = new Map();
  for (const layer of layers) {
    const key = layer.split("/").slice(0, 2).join("/");
    if (!known.has(key)) known.set(key, known.size % COLOURS);
  }
  return (layer) => known.get(layer.split("/").slice(0, 2).join("/")) ?? known.get(layer.split("/")[0]) ?? 0;
}
