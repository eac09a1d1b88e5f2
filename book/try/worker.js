// Python in a worker of its own, so that the page stays usable and an endless loop can be ended.
// Takes {kind: "load"} first, then {kind: "run" | "check", exercise, code, language}; answers
// with {kind: "progress" | "ready" | "text" | "html" | "done" | "broken", …}.
const say = (kind, rest = {}) => postMessage({ kind, ...rest });
const fetchPlainly = self.fetch.bind(self);
let python, runner;

// Count what arrives, whoever asks for it.
function countBytes() {
  let arrived = 0;
  self.fetch = async (address, options) => {
    const answer = await fetchPlainly(address, options);
    if (!answer.ok) throw new Error(`${answer.status} ${answer.url}`);
    const counter = new TransformStream({
      transform(chunk, out) {
        arrived += chunk.length;
        say("progress", { arrived });
        out.enqueue(chunk);
      },
    });
    return new Response(answer.body.pipeThrough(counter), answer);
  };
}

// Python itself has broken down, or a file did not arrive: this worker is of no more use.
function fail(error) {
  say("broken", { text: String(error?.message ?? error).slice(-500), loaded: Boolean(runner) });
}

// Where its engine does not arrive whole, Pyodide writes a warning and waits for ever.
function noticeEngine() {
  const start = WebAssembly.instantiateStreaming;
  WebAssembly.instantiateStreaming = async (...given) => {
    try {
      return await start.apply(WebAssembly, given);
    } catch (error) {
      fail(error);
      throw error;
    }
  };
}

async function load() {
  countBytes();
  noticeEngine();
  const { loadPyodide } = await import("./pyodide/pyodide.mjs");
  const [archive, source] = [fetch("./package.zip"), fetch("./runner.py")];
  python = await loadPyodide({ stdin: () => null, stdout: () => {}, stderr: () => {} });
  await python.loadPackage("numpy", { messageCallback: () => {}, errorCallback: () => {} });
  const site = python.runPython("import site; site.getsitepackages()[0]");
  python.unpackArchive(await (await archive).arrayBuffer(), "zip", { extractDir: site });
  python.FS.writeFile(`${site}/runner.py`, await (await source).text());
  python.runPython("import numpy");
  runner = python.pyimport("runner");
  say("ready");
}

function work({ kind, exercise, code, language }) {
  const given = python.toPy(exercise);
  const show = (form, text) => say(form, { text });
  const found = runner[kind](given, code, language, show);
  const points = found?.toJs() ?? null;
  found?.destroy();
  given.destroy();
  say("done", { points });
}

onmessage = async ({ data }) => {
  try {
    if (data.kind === "load") await load();
    else work(data);
  } catch (error) {
    fail(error);
  }
};
