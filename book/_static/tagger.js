// A network that tags what is typed and colours it as it is read (rnncourse.widgets.tagger): words
// and names in Chinese, parts of a request in English. What it computes with is in net.js; its
// weights are loaded when the reader first types or chooses an example.
for (const [place, box] of document.querySelectorAll(".tagger").entries()) {
  const net = globalThis.rnnNet, { net: name, kilobytes, edition } = box.dataset, chinese = edition === "zh";
  const say = (en, zh) => (chinese ? zh : en);
  const examples = JSON.parse(box.dataset.examples), sizes = { en: 40, zh: 120 };
  const NAMED = 8;  // listed at most
  const WHOLE = 3500;  // milliseconds in which a text is read again, PAUSE at most for each token
  const PAUSE = 350;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let model = null, run = null, timer = 0, later = 0;

  // ---- what it says ------------------------------------------------------------------------

  const KINDS = { NAME: "姓名", CONT: "国籍", RACE: "民族", EDU: "学历", PRO: "专业", LOC: "籍贯", ORG: "机构", TITLE: "职务" };
  const kindName = (kind) => say(kind.replaceAll("_", " ").replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`), KINDS[kind] ?? kind);
  const list = (texts, more) => say(texts.join(", ") + (more > 0 ? ` and ${more} more` : ""),
    texts.join("、") + (more > 0 ? `，另有 ${more} 个` : ""));
  const plural = (k, one) => `${k} ${one}${k === 1 ? "" : "s"}`;
  const words = {
    ask: say("Type a request to a voice assistant", "输入一句中文，越像简历越好"),
    offers: say("Examples", "例子"),
    ways: say("How each tag is chosen", "怎样选标签"),
    rules: say("within the rules", "守规则"), alone: say("each step alone", "每步自己选"),
    again: say("Read again", "再读一遍"),
    hint: say("Type, or choose an example.", "请输入，或者点一个例子。"),
    loading: say("The network is loading …", "正在加载网络……"),
    failed: say("The network did not load. Type on, or choose again, to try once more.", "网络没有加载成功。继续输入，或者再点一次例子，就会重试。"),
    empty: say("There is nothing to read.", "还没有可读的内容。"),
    none: say("It knows nothing in this text, so it says nothing.", "这里的字它一个都不认识，所以什么也不说。"),
    cut: say(`It reads the first ${sizes.en} words and leaves the rest.`, `只读前 ${sizes.zh} 个字符，后面的不读。`),
    strange: (tokens, more) => say(`What it does not know: ${list(tokens, more)}. That is over half of the words, so do not trust the tags.`,
      `它不认识的有：${list(tokens, more)}。超过了一半，标签不可信。`),
    nothing: say("It found no part to name.", "没有找到实体。"),
    found: (parts, more) => say(`Found: ${list(parts, more)}.`, `找到：${list(parts, more)}。`),
    part: (kind, text) => say(`${kindName(kind)} “${text}”`, `${kindName(kind)}「${text}」`),
    broken: (k, words, names) => say(`${plural(k, "place")} where the tags break a rule, underlined in red.`,
      `有 ${k} 处标签违反规则，用红色波浪线标出（分词 ${words} 处，实体 ${names} 处）。`),
    kept: say("No rule is broken.", "没有违反规则。"),
    changed: (k) => say(`While it read, tags already given changed ${k === 1 ? "once" : `${k} times`}.`, `逐步读的时候，已经给出的标签改了 ${k} 次。`),
    limits: say(`The network (${kilobytes} KB) loads when you first type or choose, and what you type stays in your browser. It learned from 13,084 requests about music, restaurants, weather, films and books, and from nothing else. “Each step alone” takes every word’s highest emission and leaves out the chain, with which the network was trained.`,
      `第一次输入或点例子时加载网络（${kilobytes} KB），输入的内容不会离开你的浏览器。分词学自 1998 年 1 月的《人民日报》，实体学自企业高管的简历，别的文字它没有学过；空格会略去。「每步自己选」取每个字发射分数最高的标签，不用链，而网络是带着链训练的。`),
  };

  // ---- the page ------------------------------------------------------------------------------

  const id = `tagger-${place}`;
  const radio = (way, checked) =>
    `<label><input type="radio" name="${id}-way" value="${way}"${checked ? " checked" : ""}> ${words[way]}</label>`;
  box.replaceChildren();
  box.insertAdjacentHTML("afterbegin",
    `<label for="${id}">${words.ask}</label>` +
    `<textarea id="${id}" rows="2" autocomplete="off" autocapitalize="off" spellcheck="false"></textarea>` +
    `<div class="tagger-offers" role="group" aria-label="${words.offers}"></div>` +
    `<div class="tagger-settings"><fieldset><legend>${words.ways}</legend>${radio("rules", true)}${radio("alone")}</fieldset>` +
    `<button type="button" class="tagger-again" disabled>${words.again}</button></div>` +
    `<p class="tagger-text" lang="${chinese ? "zh-CN" : "en"}"></p>` +
    `<p class="tagger-said" role="status" aria-live="polite">${words.hint}</p><p class="tagger-note"></p>` +
    `<p class="tagger-caption">${words.limits}</p>`);
  const [input, offers, again, shown, said, note] = ["textarea", ".tagger-offers", ".tagger-again", ".tagger-text",
    ".tagger-said", ".tagger-note"].map((selector) => box.querySelector(selector));
  const made = (kind, text, className = "") => Object.assign(document.createElement(kind), { textContent: text, className });
  const alone = () => box.querySelector("[type=radio]:checked").value === "alone";

  // ---- what is read --------------------------------------------------------------------------

  // Tokens as they are shown and as they are read, those not known, and whether there are more.
  function prepared(typed) {
    const { pieces, more } = net.pieces(typed);
    const all = chinese ? pieces.flatMap((piece) => [...piece]) : pieces;
    const tokens = all.slice(0, model.limit);
    return { tokens, ...net.numbered(tokens, model, chinese), cut: tokens.length < all.length || more };
  }

  // ---- the network -----------------------------------------------------------------------------

  // What was typed, with the states of the forward direction: they do not change when more comes.
  function begun(typed) {
    const read = prepared(typed);
    read.xs = net.rows(read, model.embedding);
    read.ahead = net.pass(read.xs, model.cells[0]);
    return read;
  }

  // Of each head the emissions and the path, when only the first `length` tokens have been read.
  function tagged(read, length, free) {
    const back = net.pass(read.xs.slice(0, length).reverse(), model.cells[1]).reverse();
    const states = back.map((h, t) => [...read.ahead[t], ...h]), found = {};
    for (const [key, head] of Object.entries(model.heads)) {
      const emissions = states.map((h) => net.dense(h, head.output.W_y, head.output.b_y));
      const path = free ? emissions.map((row) => row.indexOf(Math.max(...row))) : net.viterbi(emissions, head);
      found[key] = { emissions, path, tags: path.map((k) => head.tags[k]) };
    }
    return found;
  }

  // ---- rules -----------------------------------------------------------------------------------

  const TABLES = { BIO: ["BI", "I", ""], BMES: ["BM", "ME", "BM"] };  // open, goes on, never last
  const split = (tag) => [tag[0], tag.slice(2) || "_"];

  // Whether `tag` may follow `before`; "" stands before the first and after the last.
  function follows(scheme, before, tag) {
    const [open, goesOn, unfinished] = TABLES[scheme], [a, kind] = split(before || "O"), [b, own] = split(tag || "O");
    return goesOn.includes(b) ? open.includes(a) && kind === own : !unfinished.includes(a);
  }

  const breaks = (tags, scheme) => [...tags.keys()].filter((t) =>
    !follows(scheme, tags[t - 1], tags[t]) || (t === tags.length - 1 && !follows(scheme, tags[t], "")));

  function spans(tags, scheme) {
    const [, goesOn, unfinished] = TABLES[scheme], found = [];
    for (const [t, tag] of tags.entries()) {
      const [prefix, kind] = split(tag);
      if (prefix === "O") continue;
      const more = goesOn.includes(prefix) && follows(scheme, tags[t - 1], tag);
      if (!more) found.push({ kind, start: t });
      found.at(-1).end = t + 1;
      found.at(-1).whole = !goesOn.includes(tags[found.at(-1).start][0]) && !unfinished.includes(prefix);
    }
    return found;
  }

  function constrained({ tags, scheme }, chain) {
    const K = tags.length, rule = (a, b, score) => (follows(scheme, a, b) ? score : -Infinity);
    return {
      start: Float64Array.from(tags, (tag, k) => rule("", tag, chain.start.values[k])),
      end: Float64Array.from(tags, (tag, k) => rule(tag, "", chain.end.values[k])),
      step: Float64Array.from({ length: K * K }, (_, k) => rule(tags[Math.floor(k / K)], tags[k % K], chain.transitions.values[k])),
    };
  }

  async function ready() {
    if (model) return;
    said.textContent = words.loading;
    const { arrays, ...rest } = await net.load(name);
    const heads = {};
    for (const [key, head] of Object.entries(rest.heads)) {
      heads[key] = { ...head, output: net.part(arrays, `${key}.output`), ...constrained(head, net.part(arrays, `${key}.chain`)) };
    }
    const kinds = [...new Set(heads.names.tags.map((tag) => split(tag)[1]))].filter((kind) => kind !== "_");
    model = { ...rest, heads, kinds, index: new Map(rest.tokens.map((token, k) => [token, k])),
      embedding: net.part(arrays, "embedding"), cells: [0, 1].map((way) => net.part(arrays, `lstm.${way}`)) };
  }

  // ---- what is seen of it ----------------------------------------------------------------------

  const colour = (kind) => `oklch(0.6 0.15 ${60 + Math.round((model.kinds.indexOf(kind) * 137.5) % 280)})`;  // none of them red
  const joined = (read, { start, end }) => read.tokens.slice(start, end).join(say(" ", ""));

  // The first tokens with their tags, the rest as it is; `fresh`: tokens whose tag has just changed.
  function draw(read, found, length, fresh = new Set()) {
    const { names, words: cuts } = found, broken = new Set();
    for (const [key, { tags }] of Object.entries(found)) {
      for (const t of breaks(tags, model.heads[key].scheme)) broken.add(t);
    }
    const begins = new Set(cuts ? spans(cuts.tags, model.heads.words.scheme).map((one) => one.start) : []);
    const gap = (t) => (t === 0 ? "" : chinese ? (begins.has(t) ? made("i", "", "tagger-cut") : "") : " ");
    const token = (t) => made("span", read.tokens[t], [broken.has(t) && "broken", fresh.has(t) && "fresh"].filter(Boolean).join(" "));
    const pieces = [];
    let at = 0;
    for (const one of [...spans(names.tags, model.heads.names.scheme), { start: length, end: length }]) {
      for (; at < one.start; at += 1) pieces.push(gap(at), token(at));
      if (one.start === one.end) break;
      const part = made("span", "", one.whole ? "tagger-part" : "tagger-part tagger-fragment");
      part.style.setProperty("--kind", colour(one.kind));
      pieces.push(gap(at), part);
      for (; at < one.end; at += 1) part.append(at > one.start ? gap(at) : "", token(at));
      part.append(made("small", kindName(one.kind) + (one.whole ? "" : "?")));
    }
    if (length < read.tokens.length) {
      const rest = read.tokens.slice(length);
      pieces.push(say(" ", ""), made("span", rest.join(say(" ", "")), "tagger-rest"));
    }
    shown.replaceChildren(...pieces);
  }

  function summary(read, found) {
    const parts = spans(found.names.tags, model.heads.names.scheme).filter((one) => one.whole);
    const texts = parts.slice(0, NAMED).map((one) => words.part(one.kind, joined(read, one)));
    const sentences = [parts.length ? words.found(texts, parts.length - NAMED) : words.nothing];
    if (alone()) {
      const [cuts, names] = ["words", "names"].map((key) => (found[key] ? breaks(found[key].tags, model.heads[key].scheme).length : 0));
      sentences.push(cuts + names ? words.broken(cuts + names, cuts, names) : words.kept);
    }
    return sentences;
  }

  function notes(read) {
    const strange = [...new Set(read.unknown.map((t) => read.tokens[t]))];
    const lines = read.cut ? [words.cut] : [];
    if (2 * read.unknown.length > read.tokens.length) {
      lines.push(words.strange(strange.slice(0, NAMED).map((token) => [...token].slice(0, 20).join("")), strange.length - NAMED));
    }
    note.textContent = lines.join(say(" ", ""));
  }

  function stop() {
    clearTimeout(timer);
    clearTimeout(later);
    timer = later = 0;
  }

  // Nothing to tag: what is typed stays as it is.
  function silent(text) {
    run = null;
    delete box.trace;
    again.disabled = true;
    shown.replaceChildren();
    note.textContent = "";
    said.textContent = text;
  }

  // All of it at once. While someone types, it is said only when they pause.
  function read(wait = 0) {
    stop();
    const read = begun(input.value);
    if (!read.tokens.length || read.unknown.length === read.tokens.length) {
      silent(read.tokens.length ? words.none : words.empty);
      return;
    }
    run = { ...read, found: tagged(read, read.tokens.length, alone()) };
    box.trace = run;
    again.disabled = false;
    draw(run, run.found, run.tokens.length);
    notes(run);
    const speak = () => { said.textContent = summary(run, run.found).join(say(" ", "")); };
    if (wait) later = setTimeout(speak, wait);
    else speak();
  }

  // Token by token, each time anew from what has been read so far.
  function replay() {
    stop();
    const now = run, T = now.tokens.length, free = alone();
    let before = null, changes = 0;
    now.prefixes = [];
    const step = (length) => {
      const found = length === T ? now.found : tagged(now, length, free), { tags } = found.names;
      const fresh = new Set(before ? [...before.keys()].filter((t) => before[t] !== tags[t]) : []);
      [before, changes] = [tags, changes + fresh.size];
      now.prefixes.push(tags);
      if (length === T || !calm.matches) draw(now, found, length, length < T ? fresh : new Set());
      if (length === T) said.textContent = [...summary(now, found), words.changed(changes)].join(say(" ", ""));
    };
    if (calm.matches) {
      for (let k = 1; k <= T; k += 1) step(k);
      return;
    }
    said.textContent = "";
    const pause = Math.min(PAUSE, WHOLE / T), tick = (length) => {
      step(length);
      timer = length < T ? setTimeout(tick, pause, length + 1) : 0;
    };
    tick(1);
  }

  // ---- the controls ----------------------------------------------------------------------------

  async function ask(wait, after) {
    stop();
    try {
      await ready();
    } catch {
      silent(words.failed);
      return;
    }
    read(wait);
    if (run && after) after();
  }

  // A method of writing Chinese puts letters there first, which are not yet the text.
  input.addEventListener("input", (event) => { if (!event.isComposing) ask(600); });
  input.addEventListener("compositionend", () => ask(600));
  for (const text of examples) {
    const button = Object.assign(made("button", text), { type: "button" });
    button.addEventListener("click", () => {
      input.value = text;
      ask(0, replay);
    });
    offers.append(button);
  }
  for (const one of box.querySelectorAll("[type=radio]")) {
    one.addEventListener("change", () => { if (run) read(); });
  }
  again.addEventListener("click", () => { if (run) replay(); });
}
