// An exercise or a cell in the page: an editor, and Python in a worker. try.js calls openExercise()
// and openCell().
import { verdict } from "./verdict.js";

const base = new URL("./", import.meta.url);
const chinese = document.documentElement.lang.startsWith("zh");
const language = chinese ? "zh" : "en";
const say = (en, zh) => (chinese ? zh : en);

let size;  // {megabytes, bytes} of what the first run loads; editor: whether CodeMirror is here
let worker, loaded = false;  // one Python for the whole page
let current;  // the open panel
let listener = () => {};  // takes the worker's messages

async function json(path) {
  const answer = await fetch(new URL(path, base));
  if (!answer.ok) throw new Error(`${answer.status} ${path}`);
  return answer.json();
}

function style() {
  if (document.getElementById("try-style")) return Promise.resolve();
  const link = Object.assign(document.createElement("link"), { id: "try-style", rel: "stylesheet" });
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => { link.remove(); reject(new Error("panel.css")); };
    link.href = new URL("panel.css", base);
    document.head.append(link);
  });
}

// At another address each time, as this module itself: see try.js.
const editor = (name) => import(`./${name}.js${new URL(import.meta.url).search}`);

// ---- what the reader has written; of an exercise only ----------------------------

const key = (id) => `rnncourse-try/${id}`;
const written = new Map();  // where nothing can be stored, for as long as the page is open

function recall(id) {
  if (!id) return undefined;
  try { return localStorage.getItem(key(id)) ?? written.get(id); } catch (e) { return written.get(id); }
}

function keep(id, code) {
  if (!id) return;
  written.set(id, code);
  try { localStorage.setItem(key(id), code); } catch (e) { /* it stays in the page */ }
}

function forget(id) {
  if (!id) return;
  written.delete(id);
  try { localStorage.removeItem(key(id)); } catch (e) { /* nothing was stored */ }
}

// ---- Python ----------------------------------------------------------------------

function drop() {
  worker?.terminate();
  worker = undefined;
  loaded = false;
}

// Have the worker do something; `take` gets its messages until one of them says that it is over.
function ask(message, take) {
  return new Promise((resolve) => {
    listener = (data) => {
      if (["ready", "done", "broken", "stopped"].includes(data.kind)) {
        listener = () => {};
        resolve(data);
      } else take(data);
    };
    worker.postMessage(message);
  });
}

async function start(take) {
  drop();
  worker = new Worker(new URL("worker.js", base), { type: "module" });
  worker.onmessage = ({ data }) => listener(data);
  worker.onerror = (event) => {
    event.preventDefault();
    listener({ kind: "broken", loaded: false });
  };
  const answer = await ask({ kind: "load" }, take);
  loaded = answer.kind === "ready";
  return answer;
}

function stop() {
  drop();
  listener({ kind: "stopped" });
}

// ---- the panel -----------------------------------------------------------------

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// A task has a title, the code that runs `before`, the `given` code and, of an exercise, its id,
// prompt (`html`), function, checks and notebook.
class Panel {
  constructor(task, button) {
    Object.assign(this, { task, opener: button, busy: false });
    const heading = make("h3", { id: "try-title", tabIndex: -1, textContent: task.title });
    const prompt = make("div", { className: "try-prompt", innerHTML: task.html ?? "" });
    const before = make("pre", { className: "try-before", tabIndex: 0, textContent: task.before });
    before.hidden = !task.before;
    before.setAttribute("aria-label", say("runs before your code", "在你的代码之前运行"));
    before.setAttribute("role", "group");
    const label = make("p", { className: "try-label", id: "try-label", textContent: say("Your code", "你的代码") });
    this.place = make("div", { className: "try-code" });
    const keys = make("p", { className: "try-keys", id: "try-keys" }, say("Ctrl-Enter runs the code.", "按 Ctrl-Enter 运行。"));
    if (size.editor) keys.append(say(" Tab indents; Escape, then Tab, leaves the editor.", "Tab 键缩进；先按 Esc 再按 Tab 离开编辑框。"));
    this.size = make("p", { className: "try-size" }, say(
      `The first run loads Python into this page: ${size.megabytes} MB, once.`,
      `第一次运行前要下载 Python，共 ${size.megabytes} MB，只下载一次。`));
    this.size.hidden = loaded;
    this.bar = make("progress", { max: size.bytes, value: 0, hidden: true });
    this.bar.setAttribute("aria-label", say("loading Python", "正在加载 Python"));
    this.status = make("p", { className: "try-size" });
    this.status.setAttribute("role", "status");
    this.out = make("div", { className: "try-out", tabIndex: 0 });
    this.out.setAttribute("role", "log");
    this.out.setAttribute("aria-label", say("output", "输出"));
    this.box = make("section", { className: "try-panel d-print-none" }, heading, prompt, before,
      label, this.place, keys,
      this.buttons(), this.size, this.bar, this.status, this.out);
    this.box.setAttribute("aria-labelledby", "try-title");
    if (task.id) this.box.dataset.exercise = task.id;
  }

  // In the page already: an editor measures its lines when it is made.
  addEditor(createEditor) {
    const { id, given } = this.task;
    this.editor = createEditor({
      parent: this.place,
      code: recall(id) ?? given,
      attributes: { "aria-labelledby": "try-label", "aria-describedby": "try-keys" },
      changed: () => keep(id, this.editor.code),
      run: () => this.work("run"),
    });
  }

  buttons() {
    const add = (name, text, act) => {
      this[name] = make("button", { type: "button", className: `try-${name}`, textContent: text });
      this[name].addEventListener("click", act);
      return this[name];
    };
    const row = make("div", { className: "try-buttons" },
      add("checkIt", say("Check", "检查"), () => this.work("check")),
      add("runIt", say("Run", "运行"), () => this.work("run")),
      add("stopIt", say("Stop", "停止"), stop),
      add("reset", say("Start again", "恢复原样"), () => this.startAgain()),
      add("download", say("Download as a notebook", "下载为笔记本"), () => this.save()),
      add("closeIt", say("Close", "关闭"), () => this.close()));
    this.checkIt.hidden = this.download.hidden = !this.task.id;
    (this.task.id ? this.checkIt : this.runIt).classList.add("try-main");
    this.stopIt.hidden = true;
    return row;
  }

  setBusy(busy) {
    this.busy = busy;
    this.checkIt.disabled = this.runIt.disabled = busy;
    this.stopIt.hidden = !busy;
  }

  tell(text) { this.status.textContent = text; }

  async work(kind) {
    if (this.busy) return;
    this.setBusy(true);
    this.out.replaceChildren();
    try {
      if (!loaded && !(await this.load())) return;
      this.tell(say("Running …", "正在运行……"));
      const { id, function: name, before, checks } = this.task;
      const exercise = { id, function: name, before, checks };
      const answer = await ask({ kind, exercise, code: this.editor.code, language }, (data) => this.show(data));
      this.end(answer);
    } finally {
      this.bar.hidden = true;
      this.setBusy(false);
    }
  }

  async load() {
    this.tell(say("Loading Python …", "正在加载 Python……"));
    this.bar.value = 0;
    this.bar.hidden = false;
    const answer = await start((data) => {
      if (data.kind === "progress") this.bar.value = data.arrived;
    });
    this.size.hidden = loaded;
    if (!loaded) this.end(answer);
    return loaded;
  }

  show({ kind, text }) {
    this.out.append(kind === "html" ? verdict(text, chinese) : text);
  }

  end({ kind, points, loaded: wasLoaded }) {
    if (kind === "done") {
      this.tell(this.out.hasChildNodes() ? "" : say("Done; nothing was printed.", "运行完毕，没有输出。"));
      if (points && points[0] === points[1]) this.solved();
      return;
    }
    drop();
    if (kind === "stopped") {
      this.tell(say("Stopped. The next run starts Python anew.", "已停止。下次运行时会重新启动 Python。"));
    } else if (wasLoaded) {
      this.tell(say("Python has broken down, perhaps for want of memory. The next run starts it anew.",
        "Python 崩溃了，可能是内存不够。下次运行时会重新启动。"));
    } else {
      this.tell(say("Python did not load completely. Check your connection and click again.",
        "Python 没有加载完。请检查网络，再点一次。"));
    }
  }

  solved() {
    window.courseProgress?.exercise(this.task.id, true);
    if (!this.opener.textContent.startsWith("✓")) this.opener.prepend("✓ ");
  }

  startAgain() {
    if (!confirm(say("Replace your code by the code as given?", "放弃你写的代码，恢复成原来的吗？"))) return;
    this.editor.code = this.task.given;
    forget(this.task.id);
    this.editor.focus();
  }

  save() {
    const notebook = structuredClone(this.task.notebook);
    notebook.cells[this.task.starter].source = this.editor.code;
    const blob = new Blob([`${JSON.stringify(notebook, null, 1)}\n`], { type: "application/x-ipynb+json" });
    const link = make("a", { href: URL.createObjectURL(blob), download: `${this.task.id}${say("", ".zh")}.ipynb` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  close() {
    if (this.busy) stop();
    this.editor.close();
    this.box.remove();
    current = undefined;
    this.opener.focus();
  }
}

// Show a panel below an element; one is open at a time.
async function open(button, place, read) {
  if (current?.opener !== button) {
    const [task, sizes] = await Promise.all([read(), size ?? json("size.json"), style()]);
    const { createEditor } = await editor(sizes.editor ? "codemirror" : "textarea");
    size = sizes;
    current?.close();
    current = new Panel(task, button);
    place.after(current.box);
    current.addEditor(createEditor);
  }
  current.box.scrollIntoView({ block: "start" });
  // On a telephone the keyboard would cover the prompt.
  if (matchMedia("(pointer: coarse)").matches) current.box.querySelector("h3").focus({ preventScroll: true });
  else current.editor.focus();
}

// An exercise, below the table that its button stands in.
export async function openExercise(id, button) {
  const table = button.closest("table");
  await open(button, table.closest(".pst-scrollable-table-container") ?? table, async () => {
    const exercise = await json(`exercises/${id}.json`);
    const notebook = exercise.notebook[language];
    return { ...exercise, ...exercise.prompt[language], notebook, given: notebook.cells[exercise.starter].source };
  });
}

// A cell of the page, to be changed; the earlier ones tagged `try-before` run first.
export async function openCell(cell, button) {
  const source = (one) => one.querySelector(".cell_input pre").textContent.trimEnd();
  const cells = [...document.querySelectorAll("div.cell")];
  const earlier = cells.slice(0, cells.indexOf(cell)).filter((one) => one.matches(".tag_try-before"));
  await open(button, cell, async () => ({
    title: say("A copy of this cell, to change", "这段代码的副本，可以修改"),
    before: earlier.map(source).join("\n\n"),
    given: source(cell),
  }));
}
