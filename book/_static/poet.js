// A network that writes Chinese quatrains under rules, as masks over the next character
// (rnncourse.widgets.poet). The network and the table of sounds load when the reader first asks.
for (const [place, box] of document.querySelectorAll(".poet").entries()) {
  const net = globalThis.rnnNet, { net: name, kilobytes, edition } = box.dataset, chinese = edition === "zh";
  const say = (en, zh) => (chinese ? zh : en);
  const examples = JSON.parse(box.dataset.examples);
  const LINES = 4, SIZES = [5, 7], STOPS = "，。，。", LEVEL = "平", OBLIQUE = "仄", EITHER = "中";
  const RULES = ["tones", "rhyme", "repeats"], PATTERNS = ["aBbA", "bAaB", "ABbA", "BAaB"];
  const FIVES = { a: "中仄平平仄", A: "中仄仄平平", b: "中平平仄仄", B: "平平仄仄平" };
  const BEFORE = { a: "中平", A: "中平", b: "中仄", B: "中仄" };
  const ENOUGH = 12, RUN = 4, PRIME = 16777619, PAUSE = 110;  // PAUSE: milliseconds from one character to the next
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let model = null, run = null, busy = false, timer = 0, finish = null, drawn = 0;

  // ---- what it says ------------------------------------------------------------------------

  const quoted = (signs) => (chinese ? signs.map((sign) => `「${sign}」`).join("") : signs.join(", "));
  const words = {
    ways: say("Begin with", "怎样开头"), free: say("nothing", "不给开头"), first: say("a first line", "给第一句"), heads: say("an acrostic", "藏头诗"),
    typed: say("First line, or the characters that the lines begin with", "第一句，或者要藏的字"),
    size: say("Characters a line", "每句字数"), five: say("five", "五言"), seven: say("seven", "七言"),
    pattern: say("Pattern", "格律"), auto: say("the one that fits best", "自动选择"),
    starts: (mark) => (mark === LEVEL ? say("level start", "平起") : say("oblique start", "仄起")),
    rhymed: (yes) => (yes ? say("first line rhymes", "首句入韵") : say("first line does not rhyme", "首句不入韵")),
    comma: say(", ", ""), rules: say("Rules", "规则"), tones: say("tones", "平仄"), rhyme: say("rhyme", "押韵"), repeats: say("no character twice", "不用重字"),
    heat: say("Temperature", "温度"), write: say("Write", "写诗"), again: say("Again", "再写一首"), loads: say(` (loads ${kilobytes} KB)`, `（加载 ${kilobytes} KB）`),
    copy: say("Copy", "复制"), copied: say("Copied.", "已复制。"), uncopied: say("Your browser did not allow copying.", "浏览器不允许复制。"),
    keep: say("Download as text", "下载文本"), offers: say("Examples", "例子"), poem: say("The poem and its tones", "诗和平仄"),
    loading: say("The network is loading …", "正在加载网络……"),
    failed: say("The network did not load. Check your connection, then try again.", "网络没有加载成功。请检查连接，再试一次。"),
    empty: say("Type a first line, or the characters of an acrostic; or begin with nothing.", "请输入第一句或要藏的字，也可以选「不给开头」。"),
    length: (k) => say(`A line has 5 or 7 characters; this one has ${k}.`, `每句五个字或七个字，这一句有 ${k} 个字。`),
    strange: (signs) => say(`Only Chinese characters can stand in the poem, not ${quoted(signs)}.`, `诗里只能用汉字，不能用${quoted(signs)}。`),
    fewer: (k) => say(`${k} characters begin the first ${k} lines; the rest is free.`, `${k} 个字放在前 ${k} 句的句首，其余不限。`),
    more: (k) => say(`A quatrain has four lines: the first four of your ${k} characters are used.`, `绝句只有四句：${k} 个字中只用前四个。`),
    turned: (pairs) => say(`Read as simplified characters: ${pairs}.`, `已转换为简体：${pairs}。`),
    unread: (signs) => say(`The network does not know ${quoted(signs)} and reads ${signs.length > 1 ? "them" : "it"} as a gap.`, `网络不认识${quoted(signs)}，当作空缺来读。`),
    silent: (signs) => say(`The tone of ${quoted(signs)} is not known and fits everywhere.`, `不知道${quoted(signs)}的平仄，按可平可仄处理。`),
    resized: (k) => say(`The line has ${k} characters, so all lines have.`, `第一句有 ${k} 个字，所以写成${k === 5 ? "五言" : "七言"}。`),
    verdict: {
      tones: (k) => (k ? say(`Tones: ${k} against the pattern, marked ✗.`, `平仄：有 ${k} 处不合，以 ✗ 标出。`) : say("Tones: all as the pattern asks.", "平仄：全部合律。")),
      rhyme: (list, group) => say(`Rhyme: ${list.join(", ")} rhyme (${group.join(", ")}).`, `押韵：${list.join("、")}同在「${group.join("、")}」韵。`),
      none: (list) => say(`Rhyme: ${list.join(", ")} do not rhyme.`, `押韵：${list.join("、")}不押韵。`),
      doubled: say("One rhyme word stands twice.", "韵脚用了同一个字。"),
      repeated: (signs) => (signs.length ? say(`Repeated: ${quoted(signs)}.`, `重字：${quoted(signs)}。`) : say("No character stands twice.", "没有重字。")),
      cost: (nats) => say(`The rules that were on cost ${nats} nats.`, `所选规则的代价是 ${nats} 纳特。`),
      run: (k) => (k ? say(`In the lines of the network, at most ${k} characters in a row stand in a line of its training poems.`, `网络写的句子里，最多有 ${k} 个连续的字出现在训练诗的某一句中。`)
        : say("In the lines of the network, no four characters in a row stand in a line of its training poems.", "网络写的句子里，没有四个连续的字出现在训练诗的任何一句中。")),
    },
    marks: say("Under each character its own tone, then what the pattern asks for: ○ level, ● oblique, ◐ either. A frame marks the rhyme words.",
      "字下第一行是这个字的平仄，第二行是格律的要求：○ 平，● 仄，◐ 可平可仄。韵脚加框。"),
    limits: say("The network is the one from the chapter on language models, trained on Tang quatrains; the rules are no part of it. They only take characters out of its choice. Tones and rhymes are those of the old rhyme books, not of today's Mandarin. What you type stays in your browser.",
      "网络就是「语言模型」一章用唐人绝句训练的那个，规则不是它学来的，只是在选字时把不合规则的字去掉。平仄和押韵依照古代韵书，不是今天的普通话。输入的内容不会离开你的浏览器。"),
  };

  // ---- patterns and sounds --------------------------------------------------------------------

  const marksOf = (pattern, size) => [...pattern].map((kind) => (size === 7 ? BEFORE[kind] : "") + FIVES[kind]);
  const rhyming = (kind) => kind === kind.toUpperCase();
  const han = (sign) => /^[\u3400-\u9fff\u{20000}-\u{3ffff}]$/u.test(sign);
  const nameOf = (pattern, size) => words.starts(marksOf(pattern, size)[0][1]) + words.comma + words.rhymed(rhyming(pattern[0]));
  const plain = (sign) => model.forms.get(sign) ?? sign;
  const groups = (sign) => model.rhymeOf.get(plain(sign)) ?? new Set();
  const tones = (sign) => (model.rhymeOf.has(plain(sign)) ? LEVEL : "") + (model.oblique.has(plain(sign)) ? OBLIQUE : "");
  const shared = (a, b) => [...a].filter((one) => b.has(one));

  function breaks(lines, pattern, size) {
    const asked = marksOf(pattern, size), found = [];
    for (const [n, line] of lines.entries()) {
      for (const [t, sign] of [...line].entries()) {
        const own = tones(sign);
        if (own && asked[n][t] !== EITHER && !own.includes(asked[n][t])) found.push([n, t]);
      }
    }
    return found;
  }

  // The pattern with the fewest breaks; of several one in which the first line's end is right.
  function bestPattern(lines, size, among = PATTERNS) {
    const wrong = (pattern) => {
      const found = breaks(lines, pattern, size);
      return 2 * found.length + Number(found.some(([n, t]) => n === 0 && t === size - 1));
    };
    return among.reduce((best, one) => (wrong(one) < wrong(best) ? one : best));
  }

  // ---- pieces of training lines: a Bloom filter ---------------------------------------------------

  function known(piece) {
    let one = 2166136261, two = 84696351;
    for (const sign of piece) {
      one = Math.imul(one ^ sign.codePointAt(0), PRIME) >>> 0;
      two = Math.imul(two ^ sign.codePointAt(0), PRIME) >>> 0;
    }
    const step = (two | 1) >>> 0;
    for (let k = 0; k < model.index.hashes; k += 1) {
      const at = ((one + Math.imul(k, step)) >>> 0) % (8 * model.bits.length);
      if (!(model.bits[at >> 3] & (128 >> (at & 7)))) return false;
    }
    return true;
  }

  function copiedRun(line) {
    const signs = [...line];
    let best = 0, now = 0;
    for (let k = 0; k + RUN <= signs.length; k += 1) {
      now = known(signs.slice(k, k + RUN)) ? now + 1 : 0;
      best = Math.max(best, now);
    }
    return best ? best + RUN - 1 : 0;
  }

  function judge(lines, pattern, own) {
    const ends = lines.filter((_, n) => rhyming(pattern[n])).map((line) => [...line].at(-1));
    const common = ends.slice(1).reduce((some, word) => shared(some, groups(word)), [...groups(ends[0])]);
    const counts = new Map();
    for (const sign of lines.join("")) counts.set(sign, (counts.get(sign) ?? 0) + 1);
    return { breaks: breaks(lines, pattern, [...lines[0]].length), words: ends, rhyme: common.sort(), doubled: new Set(ends).size < ends.length,
      repeated: [...counts.keys()].filter((sign) => counts.get(sign) > 1), run: Math.max(0, ...lines.slice(own).map(copiedRun)) };
  }

  // ---- the network, and the mask -------------------------------------------------------------------

  function step(id, h) {
    const { arrays } = model, E = arrays["embedding.E"];
    const now = net.gru(net.embedding(id, E), h ?? net.start.gru(model.cell), model.cell);
    const u = net.dense(now, arrays["projection.W_y"], arrays["projection.b_y"]);
    return { h: now, scores: net.denseTransposed(u, E, arrays["output.b_y"]) };
  }

  // As rnncourse.widgets.poet.Poet.allowed: 1 where a character may stand. A rule that leaves none is dropped.
  function allowed(mark, ends, rhyme, used, seen, rules) {
    let kept = model.signs.map(han);
    const narrow = (fits) => {
      const both = kept.map((yes, k) => yes && fits(k));
      if (both.includes(true)) kept = both;
    };
    if (rules.includes("tones") && mark !== EITHER) kept = kept.map((yes, k) => yes && model.tones[k].includes(mark));
    if (rules.includes("rhyme") && ends) {
      const wanted = rhyme ?? model.common;
      narrow((k) => shared(groups(model.signs[k]), wanted).length > 0 && !used.includes(model.signs[k]));
    }
    if (rules.includes("repeats")) narrow((k) => !seen.includes(model.signs[k]));
    return kept;
  }

  const logSum = (values) => {
    const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
    return most + Math.log(values.reduce((sum, y) => sum + Math.exp(y - most), 0));
  };

  // A quatrain; random: numbers in [0, 1), one for each character that is chosen.
  function compose({ size, first, heads, pattern, free, rules, tau }, random) {
    const asked = marksOf(pattern, size), lines = [], used = [];
    let rhyme = null, cost = 0, logProb = 0, { h, scores } = step(model.id.get(model.end), null);
    const read = (sign) => ({ h, scores } = step(model.id.get(sign) ?? model.id.get(model.rare), h));
    function choose(n, t) {
      const seen = [...lines.join(""), ...heads.slice(n + 1)];
      const kept = allowed(asked[n][t], rhyming(pattern[n]) && t === size - 1, rhyme, used, seen, rules);
      const all = logSum(scores), masked = scores.map((y, k) => (kept[k] ? y : -Infinity));
      cost += all - logSum(masked);
      const k = tau ? net.draw(net.softmax(masked.map((y) => y / tau)), random()) : masked.indexOf(masked.reduce((a, b) => Math.max(a, b)));
      logProb += scores[k] - all;
      return model.signs[k];
    }
    for (let n = 0; n < LINES; n += 1) {
      lines.push("");
      for (let t = 0; t < size; t += 1) {
        const sign = (n === 0 && first[t]) || (t === 0 && heads[n]) || choose(n, t);
        lines[n] += sign;
        read(sign);
      }
      if (rhyming(pattern[n])) {
        const word = [...lines[n]].at(-1), found = groups(word);
        used.push(word);
        const both = rhyme ? new Set(shared(found, rhyme)) : found;
        if (both.size) rhyme = both;
      }
      read(STOPS[n]);
    }
    const same = PATTERNS.filter((one) => rhyming(one[0]) === rhyming(pattern[0]));
    const found = free ? bestPattern(lines, size, same) : pattern;
    return { lines, pattern: found, cost, logProb, verdict: judge(lines, found, Number(first.length > 0)) };
  }

  async function ready() {
    if (model) return;
    note.textContent = words.loading;
    const sounds = await net.load(name), base = await net.load(sounds.base);
    const signs = [...base.tokens], rhymeOf = new Map(), pairs = [...sounds.forms], counts = new Map();
    for (const [group, some] of Object.entries(sounds.rhymes)) {
      for (const sign of some) rhymeOf.set(sign, (rhymeOf.get(sign) ?? new Set()).add(group));
    }
    model = { ...base, signs, rhymeOf, index: sounds.index, id: new Map(signs.map((sign, k) => [sign, k])), oblique: new Set(sounds.oblique),
      bits: Uint8Array.from(atob(sounds.index.bits), (c) => c.charCodeAt(0)), cell: net.part(base.arrays, "cell"),
      forms: new Map(pairs.filter((_, k) => k % 2 === 0).map((old, k) => [old, pairs[2 * k + 1]])) };
    model.tones = signs.map(tones);
    for (const sign of signs) for (const group of groups(sign)) counts.set(group, (counts.get(group) ?? 0) + 1);
    model.common = new Set([...counts.keys()].filter((group) => counts.get(group) >= ENOUGH));
    note.textContent = "";
    label();
  }

  // ---- the page ------------------------------------------------------------------------------

  const id = `poet-${place}`;
  const radio = (group, value, text, on) => `<label><input type="radio" name="${id}-${group}" value="${value}"${on ? " checked" : ""}> ${text}</label>`;
  const field = (title, inner, kind) => `<fieldset class="poet-${kind}"><legend>${title}</legend>${inner}</fieldset>`;
  box.replaceChildren();
  box.insertAdjacentHTML("afterbegin",
    `<form>${field(words.ways, radio("way", "free", words.free) + radio("way", "first", words.first, true) + radio("way", "heads", words.heads), "way")}` +
    `<label for="${id}-typed">${words.typed}</label><input id="${id}-typed" class="poet-typed" type="text" lang="zh" autocomplete="off" spellcheck="false">` +
    `<div class="poet-offers" role="group" aria-label="${words.offers}"></div>` +
    `<div class="poet-choices">${field(words.size, radio("size", 5, words.five, true) + radio("size", 7, words.seven), "size")}` +
    field(words.rules, RULES.map((rule) => `<label><input type="checkbox" value="${rule}" checked> ${words[rule]}</label>`).join(""), "rules") +
    `<label>${words.pattern} <select class="poet-pattern"></select></label>` +
    `<label>${words.heat} <input class="poet-heat" type="range" min="0" max="1.5" step="0.1" value="0.8"> <output>0.8</output></label></div>` +
    `<div class="poet-buttons"><button type="submit" class="poet-go"></button><button type="button" class="poet-copy" disabled>${words.copy}</button>` +
    `<button type="button" class="poet-keep" disabled>${words.keep}</button></div></form>` +
    `<p class="poet-note" role="status"></p><ol class="poet-lines" lang="zh" aria-label="${words.poem}"></ol>` +
    `<p class="poet-marks">${words.marks}</p><ul class="poet-verdict" role="list"></ul><p class="poet-caption">${words.limits}</p>` +
    `<p class="visually-hidden" role="status"></p>`);
  const [form, input, offers, select, heat, go, copy, keep, note, list, verdict] = ["form", ".poet-typed", ".poet-offers", "select", ".poet-heat",
    ".poet-go", ".poet-copy", ".poet-keep", ".poet-note", ".poet-lines", ".poet-verdict"].map((selector) => box.querySelector(selector));
  const spoken = box.querySelector(":scope > .visually-hidden");
  const made = (kind, text, name = "") => Object.assign(document.createElement(kind), { textContent: text, className: name });
  const chosen = (group) => box.querySelector(`[name="${id}-${group}"]:checked`).value;
  const choose = (group, value) => { box.querySelector(`[name="${id}-${group}"][value="${value}"]`).checked = true; };
  const size = () => Number(chosen("size"));
  const text = () => run.lines.map((line, n) => line + STOPS[n]).join("\n");
  const label = () => { go.textContent = (run ? words.again : words.write) + (model ? "" : words.loads); };

  function patterns() {
    const before = select.value;
    select.replaceChildren(new Option(words.auto, ""), ...PATTERNS.map((one) => new Option(nameOf(one, size()), one)));
    select.value = before;
  }

  // What is ordered, or a sentence on why it cannot be; and what to say of it.
  function ordered() {
    const way = chosen("way"), said = [];
    const typed = way === "free" ? [] : [...input.value.normalize("NFC")].filter((sign) => !/[\s，。、！？；：,.!?;:]/u.test(sign));
    const strange = [...new Set(typed.filter((sign) => !han(sign)))].slice(0, 5);
    if (way !== "free" && !typed.length) return { wrong: words.empty };
    if (strange.length) return { wrong: words.strange(strange) };
    if (way === "first" && !SIZES.includes(typed.length)) return { wrong: words.length(typed.length) };
    const signs = (way === "heads" ? typed.slice(0, LINES) : typed), read = signs.map(plain);
    const first = way === "first" ? read : [], heads = way === "heads" ? read : [];
    if (first.length && first.length !== size()) {
      said.push(words.resized(first.length));
      choose("size", first.length);
      patterns();
    }
    if (heads.length && heads.length < LINES) said.push(words.fewer(heads.length));
    if (way === "heads" && typed.length > LINES) said.push(words.more(typed.length));
    const turned = signs.map((sign, k) => [sign, read[k]]).filter(([a, b]) => a !== b).map(([a, b]) => `${a} → ${b}`);
    if (turned.length) said.push(words.turned([...new Set(turned)].join(say(", ", "，"))));
    const unread = [...new Set(read.filter((sign) => !model.id.has(sign)))], silent = [...new Set(read.filter((sign) => !tones(sign)))];
    if (unread.length) said.push(words.unread(unread));
    if (silent.length) said.push(words.silent(silent));
    const given = first.length ? [first.join("")] : heads, rules = RULES.filter((rule) => box.querySelector(`[value="${rule}"]`).checked);
    return { said, order: { size: size(), first, heads, rules, pattern: select.value || bestPattern(given, size()),
      free: !select.value && !rules.includes("tones"), tau: Number(heat.value) } };
  }

  // The lines with as many characters as are written already; under each its tone and what is asked for.
  function draw(count) {
    const shape = { [LEVEL]: "○", [OBLIQUE]: "●", [EITHER]: "◐", [LEVEL + OBLIQUE]: "◐", "": "?" };
    const asked = marksOf(run.pattern, run.order.size), wrong = new Set(run.verdict.breaks.map(([n, t]) => n * run.order.size + t));
    list.replaceChildren(...run.lines.map((line, n) => {
      const row = made("li", "");
      for (const [t, sign] of [...line].entries()) {
        const at = n * run.order.size + t, there = at < count;
        const cell = made("span", "", "poet-cell");
        if (rhyming(run.pattern[n]) && t === run.order.size - 1) cell.classList.add("poet-rhyme");
        if (t < (n === 0 ? run.order.first.length : 0) || (t === 0 && n < run.order.heads.length)) cell.classList.add("poet-given");
        if (there && wrong.has(at)) cell.classList.add("poet-wrong");
        cell.append(made("b", there ? sign : "\u3000"), made("i", there ? shape[tones(sign)] + (wrong.has(at) ? "✗" : "") : "\u3000"), made("small", shape[asked[n][t]]));
        row.append(cell);
      }
      row.append(made("span", count >= (n + 1) * run.order.size ? STOPS[n] : "", "poet-stop"));
      return row;
    }));
  }

  function tell() {
    const { breaks: wrong, words: ends, rhyme, doubled, repeated, run: copied } = run.verdict, all = words.verdict;
    const rows = [all.tones(wrong.length), rhyme.length ? all.rhyme(ends, rhyme) : all.none(ends), ...(doubled ? [all.doubled] : []),
      all.repeated(repeated), ...(run.order.rules.length ? [all.cost(run.cost.toFixed(1))] : []), all.run(copied)];
    verdict.replaceChildren(...rows.map((row) => made("li", row)));
    copy.disabled = keep.disabled = false;
    spoken.textContent = `${text()} ${rows.join(say(" ", ""))}`;
  }

  // Character by character; `finish` writes the rest at once.
  function show() {
    const total = LINES * run.order.size;
    let k = 0;
    verdict.replaceChildren();
    finish = () => {
      clearTimeout(timer);
      finish = null;
      draw(total);
      tell();
    };
    const tick = () => {
      k += 1;
      draw(k);
      if (k >= total || calm.matches) finish();
      else timer = setTimeout(tick, PAUSE);
    };
    tick();
  }

  async function send() {
    if (busy) return;  // a second click while the network loads
    finish?.();
    note.textContent = spoken.textContent = "";
    if (chosen("way") !== "free" && !input.value.trim()) { note.textContent = words.empty; return; }
    busy = true;
    try {
      await ready();
      const { wrong, said, order } = ordered();
      if (wrong) { note.textContent = wrong; return; }
      const seed = box.dataset.seed ? Number(box.dataset.seed) : Math.floor(Math.random() * 2 ** 32);
      drawn += 1;
      run = { ...compose(order, net.random(seed)), order, seed, number: drawn };
      box.trace = run;
      note.textContent = said.join(say(" ", ""));
      label();
      show();
    } catch (error) {
      if (model) throw error;
      note.textContent = words.failed;
    } finally {
      busy = false;
    }
  }

  // ---- the buttons -----------------------------------------------------------------------------

  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
  heat.addEventListener("input", () => { heat.nextElementSibling.textContent = Number(heat.value).toFixed(1); });
  input.addEventListener("input", () => { if (chosen("way") === "free") choose("way", "first"); });
  for (const one of box.querySelectorAll(`[name="${id}-size"]`)) one.addEventListener("change", patterns);
  for (const example of examples) {
    const button = Object.assign(made("button", example), { type: "button", lang: "zh" });
    button.addEventListener("click", () => {
      input.value = example;
      choose("way", SIZES.includes([...example].length) ? "first" : "heads");
      send();
    });
    offers.append(button);
  }
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      note.textContent = words.copied;
    } catch {
      note.textContent = words.uncopied;
    }
  });
  keep.addEventListener("click", () => {
    const link = Object.assign(document.createElement("a"), { download: "poem.txt", href: URL.createObjectURL(new Blob([`${text()}\n`], { type: "text/plain" })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  patterns();
  label();
}
