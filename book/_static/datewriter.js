// A network that reads a date in words and writes it anew, character by character, and where it
// looks while it writes (rnncourse.widgets.datewriter). What it computes with is in net.js; its weights
// are loaded when the reader first presses the button.
for (const [place, box] of document.querySelectorAll(".datewriter").entries()) {
  const net = globalThis.rnnNet, { net: name, kilobytes } = box.dataset, maps = box.dataset.maps === "yes";
  const chinese = document.documentElement.lang.startsWith("zh");
  const say = (en, zh) => (chinese ? zh : en);
  const [examples, surprises] = [box.dataset.examples, box.dataset.surprises].map((text) => JSON.parse(text));
  const LONGEST = 60, TARGETS = "^$-0123456789";
  const PLAN = { start: TARGETS.indexOf("^"), end: TARGETS.indexOf("$"), length: 14 };
  const PAUSE = 350;  // milliseconds from one character to the next
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let model = null, run = null, busy = false, timer = 0, row = -1;

  // ---- what it says ------------------------------------------------------------------------

  const words = {
    ask: say("Type a date in words, in English or Chinese", "用文字写一个日期，中文、英文都可以"),
    write: say("Write it as YYYY-MM-DD", "写成 YYYY-MM-DD"),
    size: say(` (loads ${kilobytes} KB)`, `（加载 ${kilobytes} KB）`),
    surprise: say("Surprise me", "随便来一个"), offers: say("Dates to take", "可选的日期"),
    loading: say("Loading the network …", "正在加载网络……"),
    failed: say("The network did not load. Check your connection, then press the button again.",
      "网络没有加载成功。请检查连接，再按一次按钮。"),
    empty: say("There is nothing to read. Type a date, or take one.", "还没有可读的内容。请输入一个日期，或者选一个。"),
    long: (k) => say(`It reads ${LONGEST} characters at most; these are ${k}.`, `网络最多读 ${LONGEST} 个字符，这里有 ${k} 个。`),
    strange: (signs) => say(`It never saw ${signs}, and reads it as “unknown character”.`, `它没见过${signs}，只能当作「生字」来读。`),
    unsure: (p, least) => say(`Not sure: the network gives this answer a probability of ${p}, and right ones nearly always more than ${least}. Perhaps it is no date, or one in a form that it never saw.`,
      `网络没有把握，它给这个回答的概率是 ${p}，而写对的回答几乎都在 ${least} 以上。也许这不是日期，也许这种写法它没见过。`),
    sure: (p) => say(`The network gives this answer a probability of ${p}.`, `网络给这个回答的概率是 ${p}。`),
    shapeless: say("This isn’t even the form of a date.", "这连日期的样子都不像。"),
    noDay: say("The calendar has no such day. The network writes what it reads; nobody taught it the calendar.",
      "日历上没有这一天。网络只是照着读到的写，没人教过它日历。"),
    limits: say("It saw made-up dates from 1900 to 2099, written in 27 ways, and nothing else. Whatever you type, it writes something like a date, and it can be sure and wrong: try July 4, 1776 or 05/03/2024.",
      "它只见过编造的日期，都在 1900 年到 2099 年之间，一共 27 种写法。无论你输入什么，它都会写出一个像日期的东西，有时写错了还很有把握，不妨试试 July 4, 1776 或者 05/03/2024。"),
    map: say("Where it looked: a row for each character written, a column for each character read. Drag over a row, or use the arrow keys.",
      "下图画出它看了哪里，每行是写出的一个字符，每列是读到的一个字符。在图上划过，或者用方向键，就能选一行。"),
    mapName: say("where the network looked; arrow keys choose a character that it wrote", "网络看了哪里；用方向键选它写出的一个字符"),
    end: say("The end", "结尾"), space: say("space", "空格"), wrote: say("It writes", "它写出"), colon: say(": ", "："),
  };
  const quoted = (sign) => (sign === " " ? words.space : say(`“${sign}”`, `「${sign}」`));
  const number = (v) => v.toFixed(2);
  const percent = (p) => (p < 0.01 ? "<1%" : p >= 0.99 && p < 1 ? `${(Math.floor(1000 * p) / 10).toFixed(1)}%` : `${Math.floor(100 * p + 1e-9)}%`);

  // ---- the page ------------------------------------------------------------------------------

  const id = `dates-${place}`;
  box.replaceChildren();
  box.insertAdjacentHTML("afterbegin",
    `<form><label for="${id}">${words.ask}</label>` +
    `<input id="${id}" type="text" autocomplete="off" autocapitalize="off" spellcheck="false">` +
    `<div class="dates-offers" role="group" aria-label="${words.offers}"></div>` +
    `<div class="dates-buttons"><button type="submit" class="dates-go"></button>` +
    `<button type="button" class="dates-surprise">${words.surprise}</button></div></form>` +
    `<p class="dates-note" role="status"></p>` +
    `<div class="dates-desk" hidden><p class="dates-answer">${words.wrote} <output for="${id}" aria-live="off"></output></p>` +
    `<p class="dates-verdict"></p>` +
    (maps ? `<div class="dates-caption">${words.map}</div><div class="dates-map" tabindex="0" role="slider" ` +
      `aria-orientation="vertical" aria-valuemin="0" aria-valuenow="0" aria-label="${words.mapName}"></div>` +
      `<p class="dates-look"></p><ol class="visually-hidden"></ol>` : "") +
    `</div><p class="dates-caption">${words.limits}</p><p class="visually-hidden" role="status"></p>`);
  const part = (selector) => box.querySelector(selector);
  const [form, input, offers, go, surprise, note, desk, answer, verdict] = ["form", "input", ".dates-offers",
    ".dates-go", ".dates-surprise", ".dates-note", ".dates-desk", "output", ".dates-verdict"].map(part);
  const [map, look, list] = [".dates-map", ".dates-look", "ol"].map(part);
  const spoken = box.querySelector(":scope > .visually-hidden");
  const made = (kind, text, name = "") => Object.assign(document.createElement(kind), { textContent: text, className: name });

  // ---- the network ---------------------------------------------------------------------------

  const small = (sign) => ([...sign.toLowerCase()].length === 1 ? sign.toLowerCase() : sign);

  async function ready() {
    if (model) return;
    note.textContent = words.loading;
    const loaded = await net.load(name);
    model = { ...loaded, index: new Map([...loaded.tokens].map((sign, k) => [sign, k])) };
    note.textContent = "";
    label();
  }

  // All that it writes at once; the page shows it by and by.
  function read(signs) {
    const ids = signs.map((sign) => model.index.get(small(sign)) ?? 0);
    const strange = [...new Set(signs.filter((_, t) => ids[t] === 0))].slice(0, 8);
    const steps = net.translate(ids, model.arrays, PLAN);
    const p = steps.reduce((product, step) => product * step.p[step.token], 1);
    const text = steps.filter((step) => step.token !== PLAN.end).map((step) => TARGETS[step.token]).join("");
    note.textContent = strange.length ? words.strange(strange.map(quoted).join(say(", ", ""))) : "";
    run = { signs, ids, steps, p, text, shown: 0 };
    box.trace = run;
  }

  // Whether the calendar has the day.
  function exists(text) {
    const day = new Date(`${text}T00:00:00Z`);
    return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
  }

  function judgement() {
    const sure = run.p < model.unsure ? words.unsure(percent(run.p), percent(model.unsure)) : words.sure(percent(run.p));
    const shaped = /^\d{4}-\d\d-\d\d$/.test(run.text);
    return [sure, shaped ? exists(run.text) ? "" : words.noDay : words.shapeless].filter(Boolean).join(say(" ", ""));
  }

  // ---- what is seen of it --------------------------------------------------------------------

  const signName = (step) => (step.token === PLAN.end ? words.end : quoted(TARGETS[step.token]));
  const best = (step) => [...step.weights.keys()].sort((a, b) => step.weights[b] - step.weights[a])
    .slice(0, 3).filter((t, k) => k === 0 || step.weights[t] >= 0.05);
  const sentence = (step) => say(`${signName(step)} looked at `, `写${signName(step)}时看的是`) +
    best(step).map((t) => say(`${quoted(run.signs[t])} (${number(step.weights[t])})`,
      `${quoted(run.signs[t])}（${number(step.weights[t])}）`)).join(say(", ", "、"));

  function empty() {
    answer.textContent = verdict.textContent = spoken.textContent = "";
    row = -1;
    if (!maps) return;
    look.textContent = "";
    list.replaceChildren();
    map.style.setProperty("--columns", run.signs.length);
    map.replaceChildren(made("b", ""), ...run.signs.map((sign) => made("b", sign)));
    map.setAttribute("aria-valuemax", 0);
    map.setAttribute("aria-valuenow", 0);
    map.removeAttribute("aria-valuetext");
  }

  function add(step, at) {
    if (step.token !== PLAN.end) answer.textContent += TARGETS[step.token];
    if (!maps) return;
    map.append(made("b", step.token === PLAN.end ? "⏎" : TARGETS[step.token]));
    for (const weight of step.weights) {
      const cell = made("i", "");
      cell.style.setProperty("--weight", weight.toFixed(3));
      map.append(cell);
    }
    map.setAttribute("aria-valuemax", at + 1);
    choose(at);
  }

  // The row of one character written; -1 for none.
  function choose(at) {
    row = at;
    const T = run.signs.length, step = run.steps[at];
    [...map.children].forEach((cell, k) => {
      const line = Math.floor(k / (T + 1)) - 1, column = (k % (T + 1)) - 1;
      if (line >= 0) cell.classList.toggle("chosen", line === at);
      else if (column >= 0) cell.style.setProperty("--weight", step ? step.weights[column].toFixed(3) : 0);
    });
    look.textContent = step ? sentence(step) + say(".", "。") : "";
    map.setAttribute("aria-valuenow", at + 1);
    if (step) map.setAttribute("aria-valuetext", sentence(step));
    else map.removeAttribute("aria-valuetext");
  }

  function finish() {
    timer = 0;
    verdict.textContent = judgement();
    verdict.classList.toggle("unsure", run.p < model.unsure);
    if (maps) list.replaceChildren(...run.steps.map((step) => made("li", sentence(step))));
    spoken.textContent = `${words.wrote}${words.colon}${run.text}${say(". ", "。")}${verdict.textContent}`;
  }

  function tick() {
    add(run.steps[run.shown], run.shown);
    run.shown += 1;
    if (run.shown === run.steps.length) finish();
    else if (calm.matches) tick();
    else timer = setTimeout(tick, PAUSE);
  }

  // ---- the buttons -----------------------------------------------------------------------------

  const label = () => { go.textContent = words.write + (model ? "" : words.size); };

  function clear() {
    clearTimeout(timer);
    timer = 0;
    run = null;
    delete box.trace;
    desk.hidden = true;
    note.textContent = spoken.textContent = "";
  }

  async function write() {
    if (busy) return;  // a second click while the network loads
    clear();
    if (!input.value.trim()) { note.textContent = words.empty; return; }
    busy = true;
    try {
      await ready();
      const signs = [...input.value.trim()];  // as they are now: the reader may have typed on
      if (!signs.length || signs.length > LONGEST) {
        note.textContent = signs.length ? words.long(signs.length) : words.empty;
        return;
      }
      read(signs);
      empty();
      desk.hidden = false;
      tick();
    } catch (error) {
      if (model) throw error;
      note.textContent = words.failed;
    } finally {
      busy = false;
    }
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); write(); });
  input.addEventListener("input", () => { if (!busy) clear(); });
  const take = (text) => { input.value = text; write(); };
  for (const text of examples) {
    const button = Object.assign(made("button", text), { type: "button" });
    button.addEventListener("click", () => take(text));
    offers.append(button);
  }
  surprise.addEventListener("click", () => {
    const others = surprises.filter((text) => text !== input.value);
    take(others[Math.floor(Math.random() * others.length)]);
  });

  if (maps) {
    map.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, Home: -99, End: 99 }[event.key];
      if (!step || !run) return;
      choose(Math.min(run.shown - 1, Math.max(0, row + step)));
      event.preventDefault();
    });
    const point = (event) => {
      const at = [...map.children].indexOf(document.elementFromPoint(event.clientX, event.clientY));
      const line = run && at >= 0 ? Math.floor(at / (run.signs.length + 1)) - 1 : -1;
      if (line >= 0 && line !== row) choose(line);
    };
    map.addEventListener("pointermove", point);
    map.addEventListener("pointerdown", point);
  }
  input.value = examples[0];
  label();
}
