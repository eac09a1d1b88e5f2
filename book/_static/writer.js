// A network that writes in the page, character by character (rnncourse.widgets.writer). What it
// computes with is in net.js; its weights are loaded when the reader first asks for a character.
for (const box of document.querySelectorAll(".writer")) {
  const net = globalThis.rnnNet, { net: name, kilobytes } = box.dataset;
  const chinese = box.dataset.edition === "zh";
  const say = (en, zh) => (chinese ? zh : en);
  const offers = JSON.parse(box.dataset.beginnings);
  const LIMIT = 500;  // characters of a beginning that are read
  const SHOWN = 6;  // of the most probable characters
  const MOST = 999999;  // the largest seed
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let model = null, run = null, busy = false, timer = 0, unit = -1, seen = -1;

  // ---- what it says ------------------------------------------------------------------------

  const words = {
    write: say("Write", "写"), pause: say("Pause", "暂停"), go: say("Go on", "继续"),
    more: say("Write another", "再写一段"), again: say("Again, same seed", "同一种子重写"),
    one: say("One character", "只写一个字"), size: say(` (loads ${kilobytes} KB)`, `（加载 ${kilobytes} KB）`),
    loading: say("Loading the network …", "正在加载网络……"),
    failed: say("The network did not load. Check your connection, then press the button again.",
      "网络没有加载成功。请检查连接，再按一次按钮。"),
    seed: say(`The seed is a whole number from 0 to ${MOST}; 1 is taken.`, `种子要是 0 到 ${MOST} 的整数，这里用 1。`),
    cut: say(`Only the last ${LIMIT} characters of the beginning are read.`, `开头太长，只读最后 ${LIMIT} 个字。`),
    begun: say("The beginning is empty: the network begins by itself.", "开头是空的，网络自己起头。"),
    ended: say("Finished.", "写完了。"), now: say("now", "此刻"), others: say("all others", "其余所有字"),
    end: say("the end", "诗的结尾"), four: "绝句只有四句，藏头只用前四个字。", whole: "网络认为诗到这里已经完了。",
  };
  const list = (signs) => [...new Set(signs)].slice(0, 8).map((s) => say(`“${s}”`, `「${s}」`)).join(say(", ", ""));
  const left = (signs) => say(`The plays have no ${list(signs)}; left out.`, `诗里没有${list(signs)}，略去不读。`);
  const strange = (signs) => say(`Not in its vocabulary: ${list(signs)}.`, `网络不认得${list(signs)}，当作生僻字来读。`);
  const old = (signs) => `其中${list(signs)}可能是繁体字，网络只学过简体。`;
  const heat = (tau) => (tau === 0 ? say("only the most probable", "只取最可能的字") : tau < 1 ? say("careful", "谨慎") :
    tau === 1 ? say("as it learnt", "与学到的一样") : tau < 1.6 ? say("daring", "大胆") : say("wild", "随意"));
  const about = {
    line: say("place in the line", "在一句中的位置"), name: say("speaker’s name", "说话人的名字"),
    form: say("length of the lines", "五言还是七言"), poem: say("place in the poem", "在诗中的位置"),
  };
  const signName = (s) => ({ "\n": model?.end ? words.end : say("new line", "换行"), " ": say("space", "空格") }[s] ?? s);
  const percent = (p) => (p < 0.005 ? "<1%" : p > 0.995 && p < 1 ? ">99%" : `${Math.round(100 * p)}%`);
  const number = (v) => v.toFixed(2).replace("-", "−");

  // ---- the page ------------------------------------------------------------------------------

  const sample = [...box.childNodes];
  const id = (part) => `writer-${name}-${part}`;
  const field = (part, label, input, extra = "") =>
    `<div class="writer-${part}"><label for="${id(part)}">${label}${extra}</label>${input}</div>`;
  box.insertAdjacentHTML("afterbegin",
    field("beginning", say("Beginning", "开头"),
      `<textarea id="${id("beginning")}" rows="2" spellcheck="false" autocomplete="off"></textarea>`) +
    `<div class="writer-offers" role="group" aria-label="${say("Beginnings to take", "可选的开头")}"></div>` +
    `<div class="writer-settings">` +
    field("heat", say("Temperature", "温度"),
      `<input id="${id("heat")}" type="range" min="0" max="2" step="0.1">`, ` <output></output>`) +
    field("seed", say("Seed", "种子"),
      `<input id="${id("seed")}" type="number" min="0" max="${MOST}" step="1" value="1" inputmode="numeric">`) +
    (chinese ? `<div class="writer-heads"><label><input type="checkbox"> 藏头：开头的每个字各起一句</label></div>` : "") +
    `</div><div class="writer-buttons"><button type="button" class="writer-go"></button>` +
    `<button type="button" class="writer-one">${words.one}</button>` +
    `<button type="button" class="writer-again" hidden>${words.again}</button></div>` +
    `<p class="writer-note" role="status"></p><div class="writer-desk" hidden>` +
    `<div class="writer-text" tabindex="0" role="slider" aria-valuemin="0" aria-valuenow="0" aria-label="${say("the text; arrow keys look back at a character", "写出的文字；用方向键回看一个字")}"></div>` +
    `<div class="writer-mind"><div class="writer-caption writer-next"></div><ol class="writer-bars"></ol>` +
    `<div class="writer-caption writer-after"></div>` +
    `<div class="writer-units" tabindex="0" role="slider" aria-valuemin="0" aria-valuenow="0" aria-label="${say("the hidden state; arrow keys choose a number of it", "隐状态；用方向键选其中一个数")}"></div>` +
    `<div class="writer-offers writer-known"></div></div></div><p class="visually-hidden" role="status"></p>`);
  const part = (selector) => box.querySelector(selector);
  const [start, offer, slider, heatNow, seed, heads] = ["textarea", ".writer-offers", "[type=range]", "output",
    "[type=number]", "[type=checkbox]"].map(part);
  const [go, one, again, note, desk, page, bars, grid, known, next, after] = [".writer-go", ".writer-one", ".writer-again",
    ".writer-note", ".writer-desk", ".writer-text", ".writer-bars", ".writer-units", ".writer-known", ".writer-next",
    ".writer-after"].map(part);
  const spoken = box.querySelector(":scope > .visually-hidden");

  const button = (text, act) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    made.addEventListener("click", act);
    return made;
  };

  // ---- from what was typed to what is read ---------------------------------------------------

  const SAME = chinese ? { ",": "，", ";": "，", "；": "，", "、": "，", ".": "。", "!": "。", "?": "。", "！": "。", "？": "。", "．": "。" }
    : { "’": "'", "‘": "'", "–": "-", "—": "-", "\t": " ", "\u00a0": " " };
  // The 6,763 characters of GB 2312, all of them simplified.
  const simplified = () => {
    const rows = new Uint8Array(2 * 72 * 94).map((_, k) => (k % 2 ? 0xa1 + ((k >> 1) % 94) : 0xb0 + Math.floor(k / 188)));
    return new Set(new TextDecoder("gbk").decode(rows));
  };

  function read(typed) {
    const signs = [...typed.normalize("NFC")].map((s) => SAME[s] ?? s).filter((s) => !chinese || /\S/.test(s));
    const lost = signs.filter((s) => !model.index.has(s) || s === model.rare);
    const kept = model.rare ? signs : signs.filter((s) => model.index.has(s));
    const notes = [];
    if (lost.length) notes.push(model.rare ? strange(lost) : left(lost));
    if (chinese && lost.length) {
      const modern = simplified(), perhaps = lost.filter((s) => /\p{Script=Han}/u.test(s) && !modern.has(s));
      if (perhaps.length) notes.push(old(perhaps));
    }
    if (kept.length > LIMIT) notes.push(words.cut);
    if (!kept.length) notes.push(words.begun);
    return { kept: kept.slice(-LIMIT), notes };
  }

  // ---- the network ---------------------------------------------------------------------------

  const numberOf = (sign) => (model.index.get(sign) ?? model.index.get(model.rare));

  function scores(h) {
    const u = net.dense(h, model.projection.W_y, model.projection.b_y);
    const y = net.denseTransposed(u, model.E, model.output.b_y);
    if (model.rare) y[model.index.get(model.rare)] = -Infinity;
    return y;
  }

  function tempered(y, tau) {
    if (tau > 0) return net.softmax(y.map((v) => v / tau));
    const p = new Float64Array(y.length);
    p[y.indexOf(y.reduce((a, b) => Math.max(a, b)))] = 1;
    return p;
  }

  async function ready() {
    if (model) return;
    note.textContent = words.loading;
    const loaded = await net.load(name), { arrays } = loaded, tokens = [...loaded.tokens];
    model = {
      ...loaded, tokens, index: new Map(tokens.map((sign, k) => [sign, k])), E: arrays["embedding.E"],
      ...Object.fromEntries(["cell", "projection", "output"].map((layer) => [layer, net.part(arrays, layer)])),
    };
    note.textContent = "";
    units();
  }

  // A text from its beginning; `trace` holds of each character its sign, the probabilities among
  // which it was, and the state after it.
  function begin() {
    const wanted = Number(seed.value), fair = seed.value !== "" && Number.isInteger(wanted) && wanted >= 0 && wanted <= MOST;
    if (!fair) seed.value = 1;
    const { kept, notes } = read(start.value);
    if (!fair) notes.push(words.seed);
    const first = net.gru(net.embedding(model.index.get("\n"), model.E), net.start.gru(model.cell), model.cell);
    run = { h: first, random: net.random(Number(seed.value)), trace: [], spans: [], written: 0, done: false, last: "\n", heads: [] };
    page.replaceChildren();
    seen = -1;
    spoken.textContent = "";
    if (heads?.checked) {
      run.heads = kept.filter((s) => /\p{Script=Han}/u.test(s));
      if (run.heads.length > 4) notes.push(words.four);
      run.heads.splice(4);
    } else kept.forEach((sign) => take(sign, tempered(scores(run.h), 1), true));
    note.textContent = notes.join(say(" ", ""));
    desk.hidden = false;
    page.scrollIntoView({ block: "nearest" });
    box.trace = run.trace;
  }

  // The network reads a character, its own or the reader's.
  function take(sign, p, given) {
    const token = numberOf(sign);
    if (model.end && token === model.index.get(model.end)) run.done = true;
    else {
      run.h = net.gru(net.embedding(token, model.E), run.h, model.cell);
      run.last = sign;
    }
    run.trace.push({ sign, token, p, h: run.h, given });
    if (!given) run.written += 1;
    if (run.written >= model.length) run.done = true;
    if (run.done && sign === model.end) return;
    const span = document.createElement(given ? "b" : "span");
    span.textContent = sign;
    page.append(span);
    run.spans.push(span);
    if (chinese && "，。".includes(sign)) page.append(document.createElement("br"));
    tint(span, run.spans.length - 1);
  }

  function advance() {
    const p = tempered(scores(run.h), Number(slider.value));
    const sign = model.tokens[net.draw(p, run.random())];
    // A head comes where a line begins, and before the poem may end.
    const fresh = run.last === "\n" || run.last === "，" || run.last === "。" || sign === model.end;
    if (run.heads.length && fresh) take(run.heads.shift(), p, true);
    else take(sign, p, false);
  }

  // ---- what is seen of it --------------------------------------------------------------------

  function tint(span, at) {
    span.style.background = unit < 0 ? "" : net.colour(run.trace[at].h[unit] / 2);  // still to be read
  }

  function units() {
    const H = model.cell.b_hn.shape[0];
    grid.replaceChildren(...Array.from({ length: H }, () => document.createElement("i")));
    grid.setAttribute("aria-valuemax", H);
    (model.units ?? []).forEach(({ unit: k, feature, r }) => {
      known.append(button(say(`follows the ${about[feature]} (r\u00a0=\u00a0${number(r)})`, `反映${about[feature]}（r\u00a0=\u00a0${number(r)}）`), () => choose(unit === k ? -1 : k)));
      known.lastChild.dataset.unit = k;
    });
  }

  function choose(k) {
    unit = k;
    if (!run) return;
    run.spans.forEach(tint);
    known.querySelectorAll("button").forEach((one) => one.setAttribute("aria-pressed", Number(one.dataset.unit) === unit));
    look(seen);
  }

  function bar(label, p, drawn) {
    const row = document.createElement("li");
    row.innerHTML = `<b></b><i><u style="width:${(100 * p).toFixed(1)}%"></u></i><small>${percent(p)}</small>`;
    row.firstChild.textContent = label;
    row.classList.toggle("drawn", drawn);
    return row;
  }

  // Draw the state after character `at` and what it was chosen from; -1 for the newest one.
  function look(at) {
    seen = at;
    const place = at < 0 ? run.trace.length - 1 : at, spot = run.trace[place];
    page.querySelector(".looked-at")?.classList.remove("looked-at");
    if (at >= 0) run.spans[at]?.classList.add("looked-at");
    if (!spot) return;
    const best = [...spot.p.keys()].sort((a, b) => spot.p[b] - spot.p[a]).slice(0, SHOWN);
    if (!best.includes(spot.token)) best[SHOWN - 1] = spot.token;
    const rest = 1 - best.reduce((sum, k) => sum + spot.p[k], 0);
    bars.replaceChildren(...best.map((k) => bar(signName(k === spot.token ? spot.sign : model.tokens[k]), spot.p[k], k === spot.token)),
      bar(words.others, Math.max(0, rest), false));
    [...grid.children].forEach((cell, k) => {
      cell.style.background = net.colour(spot.h[k]);
      cell.classList.toggle("chosen", k === unit);
    });
    const quoted = say(`“${signName(spot.sign)}”`, `「${signName(spot.sign)}」`);
    next.textContent = say(`${quoted} was ${spot.given ? "given; the network’s own chances" : "drawn from"}`,
      `${quoted}${spot.given ? "是给定的，网络自己的概率" : "是从这些字里抽的"}`);
    after.textContent = unit < 0 ? say(`the state after it, ${spot.h.length} numbers; choose one`, `读完它之后的 ${spot.h.length} 个状态值，选一个看`)
      : say(`number ${unit + 1} of the state: ${number(spot.h[unit])}`, `状态的第 ${unit + 1} 个数：${number(spot.h[unit])}`);
    grid.setAttribute("aria-valuenow", unit + 1);
    grid.setAttribute("aria-valuetext", after.textContent);
    page.setAttribute("aria-valuemax", run.trace.length);
    page.setAttribute("aria-valuenow", place + 1);
    page.setAttribute("aria-valuetext", `${next.textContent}: ${best.map((k) => `${signName(model.tokens[k])} ${percent(spot.p[k])}`).join(", ")}`);
  }

  // ---- the buttons -----------------------------------------------------------------------------

  const changed = () => { run = run && { ...run, stale: true }; stop(); };

  function stop() {
    clearTimeout(timer);
    timer = 0;
    label();
  }

  function label() {
    const fresh = !run || run.stale;
    go.textContent = timer ? words.pause : fresh ? words.write + (model ? "" : words.size) : run.done ? words.more : words.go;
    again.hidden = fresh || Boolean(timer);
    one.disabled = Boolean(timer) || Boolean(run?.done && !run.stale);
  }

  function finish() {
    stop();
    if (run.written === 1 && run.trace.at(-1).sign === model.end) note.textContent += words.whole;
    look(-1);
    spoken.textContent = `${words.ended} ${run.trace.filter((c) => c.sign !== model.end).map((c) => c.sign).join("")}`;
  }

  function tick() {
    advance();
    page.scrollTop = page.scrollHeight;
    if (run.done) finish();
    else {
      look(-1);
      timer = setTimeout(tick, chinese ? 140 : 25);
      label();
    }
  }

  function play() {
    if (calm.matches) {
      while (!run.done) advance();
      finish();
    } else tick();
  }

  async function act(what) {
    if (busy) return;  // a second click while the network loads
    busy = true;
    try {
      await ready();
      what();
    } catch (error) {
      if (model) throw error;
      note.textContent = words.failed;
    } finally {
      busy = false;
    }
  }

  const anew = () => !run || run.stale;
  go.addEventListener("click", () => {
    if (timer) { stop(); return; }
    act(() => {
      if (!anew() && run.done) seed.value = (Number(seed.value) + 1) % (MOST + 1);
      if (anew() || run.done) begin();
      play();
    });
  });
  one.addEventListener("click", () => act(() => {
    if (anew()) begin();
    advance();
    page.scrollTop = page.scrollHeight;
    if (run.done) finish();
    else { look(-1); label(); }
  }));
  again.addEventListener("click", () => act(() => { begin(); play(); }));

  for (const text of offers) {
    offer.append(button(text || say("(nothing)", "（空）"), () => { start.value = text; changed(); }));
  }
  [start, seed, ...(heads ? [heads] : [])].forEach((input) => input.addEventListener("input", changed));
  const warm = () => { heatNow.textContent = `${Number(slider.value).toFixed(1)}: ${heat(Number(slider.value))}`.replace(": ", say(": ", "：")); };
  slider.addEventListener("input", warm);

  // Arrow keys move along a strip of `count()` places; Escape leaves it.
  function keys(strip, place, count, move, row) {
    strip.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row }[event.key];
      if (event.key === "Escape") move(-1);
      else if (step && run) move(Math.min(count() - 1, Math.max(0, place() + step)));
      else return;
      event.preventDefault();
    });
  }
  const shown = () => run.spans.length;
  keys(page, () => (seen < 0 ? shown() : seen), shown, (at) => { if (timer) stop(); look(at); }, 10);
  keys(grid, () => unit, () => grid.children.length, choose, 16);
  page.addEventListener("click", (event) => {
    const at = run ? run.spans.indexOf(event.target) : -1;
    if (at >= 0) { stop(); look(at === seen ? -1 : at); }
  });
  grid.addEventListener("click", (event) => {
    const k = [...grid.children].indexOf(event.target);
    if (k >= 0) choose(k === unit ? -1 : k);
  });

  sample.forEach((node) => node.remove());
  start.value = offers[0];
  slider.value = box.dataset.tau;
  warm();
  label();
}
