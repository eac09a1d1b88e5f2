// Does in Node what book/try/worker.js does in a page: `node pyodide_node.mjs FOLDER`, with a list
// of [kind, exercise or its id, code, language] on standard input; writes a list of what was shown.
import { readFileSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const jobs = JSON.parse(readFileSync(0, "utf8"));
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide/pyodide.mjs`));
const python = await loadPyodide({ stdin: () => null, stdout: () => {}, stderr: () => {} });
await python.loadPackage("numpy", { messageCallback: () => {} });
const site = python.runPython("import site; site.getsitepackages()[0]");
const archive = new Uint8Array(readFileSync(`${folder}/package.zip`));  // no view of a larger buffer
python.unpackArchive(archive.buffer, "zip", { extractDir: site });
python.FS.writeFile(`${site}/runner.py`, readFileSync(`${folder}/runner.py`, "utf8"));
const runner = python.pyimport("runner");

const answers = jobs.map(([kind, id, code, language]) => {
  const exercise = id.id ? id : JSON.parse(readFileSync(`${folder}/exercises/${id}.json`, "utf8"));
  const shown = { text: "", html: "" };
  const start = performance.now();
  const found = runner[kind](python.toPy(exercise), code, language, (form, text) => { shown[form] += text; });
  return { ...shown, points: found?.toJs() ?? null, seconds: (performance.now() - start) / 1000 };
});
writeSync(1, JSON.stringify(answers));
