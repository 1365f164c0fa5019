// Bundles the pages: src/<page>/page.tsx → static/<page>-<hash>.js and .css, and manifest.json.
//
// Arguments: the folder to write to, the sources' hash, "prune" to drop every other file there.
// The manifest is written last, by a rename: a server never sees half a build.

import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const [out, sources, prune] = process.argv.slice(2);
const URL_ROOT = "/static/";
const shared = {
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  outdir: out,
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  assetNames: "[name]-[hash]",
  logLevel: "warning",
  jsx: "automatic",
  jsxImportSource: "preact",
};

/** File name → bytes, of everything that is served. */
const files = new Map();
const packages = new Set();

async function bundle(options) {
  const result = await esbuild.build({ ...shared, ...options });
  for (const file of result.outputFiles) files.set(basename(file.path), Buffer.from(file.contents));
  for (const input of Object.keys(result.metafile.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) packages.add(found[1]);
  }
  const outputs = {};
  for (const [path, output] of Object.entries(result.metafile.outputs)) outputs[basename(path)] = output;
  return outputs;
}

function outputOf(outputs, entry, suffix) {
  const found = Object.entries(outputs).find(
    ([name, output]) => output.entryPoint === entry && name.endsWith(suffix),
  );
  if (!found) throw new Error(`${entry} gave no ${suffix}`);
  return found[0];
}

// MapLibre finds its worker by its own URL, which bundling breaks: the worker is a script of its
// own, and the map is told where it stands.
const MAP_WORKER = "node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs";
const MAP_CSS = "src/map/map.css";
const mapOutputs = {
  ...(await bundle({ entryPoints: [MAP_WORKER], format: "iife" })),
  ...(await bundle({ entryPoints: [MAP_CSS] })),
};
const mapWorker = outputOf(mapOutputs, MAP_WORKER, ".js");
const mapCss = outputOf(mapOutputs, MAP_CSS, ".css");

const pageNames = readdirSync("src").filter((name) => existsSync(join("src", name, "page.tsx")));
const outputs = await bundle({
  entryPoints: pageNames.map((name) => ({ in: `src/${name}/page.tsx`, out: name })),
  format: "esm",
  splitting: true,
  define: {
    MAP_WORKER_URL: JSON.stringify(URL_ROOT + mapWorker),
    MAP_CSS_URL: JSON.stringify(URL_ROOT + mapCss),
  },
});

/** Every file that a script loads before it runs: its static imports, and theirs. */
function staticImports(name, seen = new Set()) {
  for (const found of outputs[name]?.imports ?? []) {
    const imported = basename(found.path);
    if (found.kind === "import-statement" && !seen.has(imported)) {
      seen.add(imported);
      staticImports(imported, seen);
    }
  }
  return seen;
}

const gzipped = (name) => gzipSync(files.get(name), { level: 9 });

const pages = {};
for (const name of pageNames) {
  const js = outputOf(outputs, `src/${name}/page.tsx`, ".js");
  const css = outputs[js].cssBundle ? [basename(outputs[js].cssBundle)] : [];
  const preload = [...staticImports(js)];
  const initial = [js, ...preload].reduce((sum, file) => sum + gzipped(file).length, 0);
  pages[name] = { js, css, preload, initial_js_gzip: initial };
}

for (const name of ["icon.svg", "icon-192.png", "icon-512.png"]) {
  const path = join("src", "icons", name);
  if (existsSync(path)) await bundle({ entryPoints: [path], loader: { ".svg": "copy", ".png": "copy" } });
}
const icons = [...files.keys()].filter((name) => /^icon/.test(name));

// The phone's shell: what it needs to start without a network, in any language. Never an answer of
// the API.
const { js, preload, css } = pages.phone ?? { js: null, preload: [], css: [] };
const scripts = [js, ...preload].filter(Boolean);
const languages = scripts
  .flatMap((name) => outputs[name].imports)
  .filter((found) => found.kind === "dynamic-import")
  .map((found) => basename(found.path))
  .filter((name) => outputs[name]?.entryPoint?.startsWith("src/messages/"));
const shell = [...new Set([...scripts, ...languages, ...css, ...icons])];
const SW = "src/sw/sw.ts";
const swOutputs = await bundle({
  entryPoints: [SW],
  format: "iife",
  define: { SHELL_FILES: JSON.stringify(shell.map((name) => URL_ROOT + name)), SHELL_VERSION: JSON.stringify(sources) },
});

files.set("licenses.txt", Buffer.from(licenses()));

function licenses() {
  return [...packages].sort().map((name) => {
    const folder = join("node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const text = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
    const words = text ? readFileSync(join(folder, text), "utf8").trim() : "";
    return `${name} ${version} (${license})\n\n${words}\n`;
  }).join(`\n${"-".repeat(72)}\n\n`);
}

mkdirSync(out, { recursive: true });
const known = {};
for (const [name, bytes] of files) {
  const small = gzipped(name);
  const isSmaller = small.length < bytes.length * 0.9;
  known[name] = { size: bytes.length, gzip: isSmaller ? small.length : null };
  writeFileSync(join(out, name), bytes);
  if (isSmaller) writeFileSync(join(out, `${name}.gz`), small);
}
const manifestPath = join(out, "manifest.json");
// Unless this goes into a package, the build before stays: a page that is open may still load it.
const before = !prune && existsSync(manifestPath) ? JSON.parse(readFileSync(manifestPath, "utf8")).files : {};
const manifest = { sources, pages, worker: outputOf(swOutputs, SW, ".js"), icons, files: known };
writeFileSync(`${manifestPath}.new`, JSON.stringify(manifest, null, 1));
renameSync(`${manifestPath}.new`, manifestPath);
for (const name of readdirSync(out)) {
  const plain = name.replace(/\.gz$/, "");
  if (name !== "manifest.json" && !(plain in known) && !(plain in before)) rmSync(join(out, name), { force: true });
}

const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`.padStart(9);
const dynamic = (name) => Object.keys(outputs).length && name.endsWith(".js") && !Object.values(pages).some((p) => p.js === name || p.preload.includes(name));
console.log("page       initial JavaScript, gzipped");
for (const [name, page] of Object.entries(pages)) console.log(`${name.padEnd(10)} ${kb(page.initial_js_gzip)}`);
console.log("loaded when needed, gzipped");
for (const [name, size] of Object.entries(known)) if (dynamic(name)) console.log(`${kb(size.gzip ?? size.size)}  ${name}`);
console.log("styles, gzipped");
for (const [name, size] of Object.entries(known)) if (name.endsWith(".css")) console.log(`${kb(size.gzip ?? size.size)}  ${name}`);
