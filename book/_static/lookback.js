// What networks share that read a line and write another one piece by piece, with a map of where
// they looked (datewriter.js, translator.js). What they compute with is in net.js; the weights are
// loaded when the reader first presses the button. A classic script with one global, `rnnLooks`.
(() => {
  const PAUSE = 350;  // milliseconds from one piece to the next
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const chinese = document.documentElement.lang.startsWith("zh");
  const say = (en, zh) => (chinese ? zh : en);
  const made = (kind, text, name = "") => Object.assign(document.createElement(kind), { textContent: text, className: name });
  const number = (v) => v.toFixed(2);
  const percent = (p) => (p < 0.01 ? "<1%" : p >= 0.99 && p < 1 ? `${(Math.floor(1000 * p) / 10).toFixed(1)}%` : `${Math.floor(100 * p + 1e-9)}%`);

  const COMMON = {
    loading: say("Loading the network …", "正在加载网络……"),
    failed: say("The network did not load. Check your connection, then press the button again.",
      "网络没有加载成功。请检查连接，再按一次按钮。"),
    long: (k, most) => say(`It reads ${most} characters at most; these are ${k}.`, `网络最多读 ${most} 个字符，这里有 ${k} 个。`),
    strange: (signs) => say(`It never saw ${signs}, and reads it as “unknown character”.`, `它没见过${signs}，只能当作「生字」来读。`),
    size: (kilobytes) => say(` (loads ${kilobytes} KB)`, `（加载 ${kilobytes} KB）`),
    end: say("The end", "结尾"), space: say("space", "空格"), wrote: say("It writes", "它写出"), colon: say(": ", "："),
  };
  const quoted = (sign) => (sign === " " ? COMMON.space : say(`“${sign}”`, `「${sign}」`));

  // One box. `own`: {words, examples, surprises (or none), maps, longest, plan: {start, end,
  // length}, read(sign, model): the character as the network reads it, written(token, model): a
  // piece's text, joined(tokens, model): the pieces' text, judged(run, model): {text, unsure}}.
  function start(box, id, own) {
    const net = globalThis.rnnNet, { net: name, kilobytes } = box.dataset, { maps, plan } = own;
    const words = { ...COMMON, ...own.words };
    let model = null, run = null, busy = false, timer = 0, row = -1;

    // ---- the page ----------------------------------------------------------------------------

    box.replaceChildren();
    box.insertAdjacentHTML("afterbegin",
      `<form><label for="${id}">${words.ask}</label>` +
      `<input id="${id}" type="text" autocomplete="off" autocapitalize="off" spellcheck="false">` +
      `<div class="looks-offers" role="group" aria-label="${words.offers}"></div>` +
      `<div class="looks-buttons"><button type="submit" class="looks-go"></button>` +
      (own.surprises ? `<button type="button" class="looks-surprise">${words.surprise}</button>` : "") +
      `</div></form><p class="looks-note" role="status"></p>` +
      `<div class="looks-desk" hidden><p class="looks-answer">${words.wrote} <output for="${id}" aria-live="off"></output></p>` +
      `<p class="looks-verdict"></p>` +
      (maps ? `<div class="looks-caption">${words.map}</div><div class="looks-map" tabindex="0" role="slider" ` +
        `aria-orientation="vertical" aria-valuemin="0" aria-valuenow="0" aria-label="${words.mapName}"></div>` +
        `<p class="looks-look"></p><ol class="visually-hidden"></ol>` : "") +
      `</div><p class="looks-caption">${words.limits}</p><p class="visually-hidden" role="status"></p>`);
    const part = (selector) => box.querySelector(selector);
    const [form, input, offers, go, surprise, note, desk, answer, verdict] = ["form", "input", ".looks-offers",
      ".looks-go", ".looks-surprise", ".looks-note", ".looks-desk", "output", ".looks-verdict"].map(part);
    const [map, look, list] = [".looks-map", ".looks-look", "ol"].map(part);
    const spoken = box.querySelector(":scope > .visually-hidden");

    // ---- the network -------------------------------------------------------------------------

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
      const ids = signs.map((sign) => model.index.get(own.read(sign, model)) ?? 0);
      const strange = [...new Set(signs.filter((_, t) => ids[t] === 0))].slice(0, 8);
      const steps = net.translate(ids, model.arrays, plan);
      const p = steps.reduce((product, step) => product * step.p[step.token], 1);
      note.textContent = strange.length ? words.strange(strange.map(quoted).join(say(", ", ""))) : "";
      run = { signs, ids, steps, p, text: joined(steps), shown: 0 };
      box.trace = run;
    }

    const joined = (steps) => own.joined(steps.map((step) => step.token).filter((token) => token !== plan.end), model);

    // ---- what is seen of it ------------------------------------------------------------------

    const pieceName = (step) => (step.token === plan.end ? words.end : quoted(own.written(step.token, model)));
    const best = (step) => [...step.weights.keys()].sort((a, b) => step.weights[b] - step.weights[a])
      .slice(0, 3).filter((t, k) => k === 0 || step.weights[t] >= 0.05);
    const sentence = (step) => say(`${pieceName(step)} looked at `, `写${pieceName(step)}时看的是`) +
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
      answer.textContent = joined(run.steps.slice(0, at + 1));
      if (!maps) return;
      map.append(made("b", step.token === plan.end ? "⏎" : own.written(step.token, model)));
      for (const weight of step.weights) {
        const cell = made("i", "");
        cell.style.setProperty("--weight", weight.toFixed(3));
        map.append(cell);
      }
      map.setAttribute("aria-valuemax", at + 1);
      choose(at);
    }

    // The row of one piece written; -1 for none.
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
      const { text, unsure } = own.judged(run, model);
      verdict.textContent = text;
      verdict.classList.toggle("unsure", unsure);
      if (maps) list.replaceChildren(...run.steps.map((step) => made("li", sentence(step))));
      spoken.textContent = `${words.wrote}${words.colon}${run.text}${say(". ", "。")}${text}`;
    }

    function tick() {
      add(run.steps[run.shown], run.shown);
      run.shown += 1;
      if (run.shown === run.steps.length) finish();
      else if (calm.matches) tick();
      else timer = setTimeout(tick, PAUSE);
    }

    // ---- the buttons -------------------------------------------------------------------------

    const label = () => { go.textContent = words.write + (model ? "" : words.size(kilobytes)); };

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
        if (!signs.length || signs.length > own.longest) {
          note.textContent = signs.length ? words.long(signs.length, own.longest) : words.empty;
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
    for (const text of own.examples) {
      const button = Object.assign(made("button", text), { type: "button" });
      button.addEventListener("click", () => take(text));
      offers.append(button);
    }
    surprise?.addEventListener("click", () => {
      const others = own.surprises.filter((text) => text !== input.value);
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
    input.value = own.examples[0];
    label();
  }

  globalThis.rnnLooks = { start, say, quoted, percent };
})();
