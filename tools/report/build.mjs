// Builds what the package carries: page.js for the report, drawing.js for pictures without a browser, licences.txt of all in them.
import { build } from "esbuild";
import { readFileSync, readdirSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";

const here = new URL(".", import.meta.url).pathname;
const target = process.argv[2] || join(here, "../../unidl/insight/report/assets");
const common = { bundle: true, minify: true, format: "iife", target: "es2022", legalComments: "none", charset: "ascii", metafile: true, absWorkingDir: here, logLevel: "warning" };
const used = new Set();

for (const name of ["page", "drawing"]) {
  const { metafile } = await build({ ...common, entryPoints: [`src/${name}.js`], outfile: join(target, `${name}.js`) });
  for (const output of Object.values(metafile.outputs))
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const found = input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//);
      if (found && bytesInOutput) used.add(found[1]);
    }
}

const parts = [...used].sort().map((name) => {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  if (!file || !existsSync(join(folder, file))) throw new Error(`${name} has no licence file`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").replace(/\r/g, "").trim()}\n`;
});
writeFileSync(join(target, "licences.txt"), parts.join(`\n${"-".repeat(80)}\n\n`));
