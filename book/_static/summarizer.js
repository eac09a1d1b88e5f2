// A network that makes a title by leaving out words, or characters (rnncourse.widgets.summarizer).
// What it computes with is in net.js; its weights are loaded when the reader first types or chooses.
for (const [place, box] of document.querySelectorAll(".summarizer").entries()) {
  const net = globalThis.rnnNet, { net: name, kilobytes, edition } = box.dataset, chinese = edition === "zh";
  const say = (en, zh) => (chinese ? zh : en);
  const examples = JSON.parse(box.dataset.examples);
  const REACH = 1, MOST = 3, SHORTENED = 40;  // of the slider to either side; to which is counted; characters of an example on its button
  const OPENING = "\"'“‘«([{$£€#", QUOTES = "\"'”’»)]}", CLOSING = `${QUOTES},;:!?%…`, ENDS = ".!?", CLAUSE = "，。；：！？,;:!?";
  const ENDINGS = ["n't", "'s", "'m", "'re", "'ll", "'ve", "'d"];
  const SHORT = new Set(("mr mrs ms dr st sen rep gov gen col lt sgt prof rev inc co corp ltd jr sr vs ave jan feb " +
    "mar apr aug sept oct nov dec calif mich").split(" "));
  const NOT = new Set(chinese ? "不未没無无非否勿莫" : ["not", "n't", "no", "never", "without", "cannot", "neither", "nor"]);
  let model = null, run = null, later = 0;

  // ---- what it says ------------------------------------------------------------------------

  const words = {
    ask: say("Paste the first sentence of a news report", "粘贴一段中文，最好是论文的摘要"),
    offers: say("Examples", "例子"),
    length: say("Length", "长短"), shorter: say("shorter", "短一些"), longer: say("longer", "长一些"),
    title: say("The network keeps", "网络留下的"),
    lead: say("As many words from the start", "不用网络：第一个分句"),
    hint: say("Type, or choose an example.", "请输入，或者点一个例子。"),
    loading: say("The network is loading …", "正在加载网络……"),
    failed: say("The network did not load. Type on, or choose again, to try once more.", "网络没有加载成功。继续输入，或者再点一次例子，就会重试。"),
    empty: say("There is nothing to read.", "还没有可读的内容。"),
    none: say("It knows nothing in this text, so it says nothing.", "这里的字它一个都不认识，所以什么也不说。"),
    nothing: say("It keeps nothing. Move the slider to the right.", "它什么也没有留下。请把滑块往右拖。"),
    kept: (k, T) => say(`It keeps ${k} of ${T} words and signs.`, `${T} 个字符里留下 ${k} 个。`),
    cut: say("The text is longer than it reads; the rest is left out.", "文字超出了它一次能读的长度，后面的没有读。"),
    more: say("It reads the first sentence only, as it was trained.", ""),
    strange: say("Over half of this is unlike what it learned from, so do not trust the title.", "一半以上不是它学过的文字，标题不可信。"),
    lost: (tokens) => say(`It left out ${tokens.map((t) => `“${t}”`).join(", ")} between words that it kept: that may turn the meaning round.`,
      `它留下了两边的字，却删掉了中间的${tokens.map((t) => `「${t}」`).join("")}，意思可能反了。`),
    limits: say(`Every word of the title is copied; the numbers tell from where. The network (${kilobytes} KB) loads when you first type or choose, and what you type stays in your browser. It learned from 8,000 first sentences of news reports whose words made the headline, and from nothing else.`,
      `标题里的字都是从原文抄来的，数字标明抄自哪里。第一次输入或点例子时加载网络（${kilobytes} KB），输入的内容不会离开你的浏览器。它只学过 850 篇中文期刊摘要和它们的标题，而且逐字取舍，不认识词，所以常把词切断。`),
  };

  // ---- the page ------------------------------------------------------------------------------

  const id = `summarizer-${place}`, lang = chinese ? "zh-CN" : "en";
  box.replaceChildren();
  box.insertAdjacentHTML("afterbegin",
    `<label for="${id}">${words.ask}</label>` +
    `<textarea id="${id}" rows="4" autocomplete="off" autocapitalize="off" spellcheck="false"></textarea>` +
    `<div class="summarizer-offers" role="group" aria-label="${words.offers}"></div>` +
    `<div class="summarizer-settings"><label for="${id}-more">${words.length}</label> <span aria-hidden="true">${words.shorter}</span>` +
    `<input type="range" id="${id}-more" min="${-REACH}" max="${REACH}" step="0.1" value="0" disabled>` +
    `<span aria-hidden="true">${words.longer}</span></div>` +
    `<dl><dt>${words.title}</dt><dd class="summarizer-title" lang="${lang}"></dd>` +
    `<dt>${words.lead}</dt><dd class="summarizer-lead" lang="${lang}"></dd></dl>` +
    `<p class="summarizer-text" lang="${lang}"></p>` +
    `<p class="summarizer-said" role="status" aria-live="polite">${words.hint}</p><p class="summarizer-note"></p>` +
    `<p class="summarizer-caption">${words.limits}</p>`);
  const [input, offers, slider, title, lead, shown, said, note] = ["textarea", ".summarizer-offers", "[type=range]", ".summarizer-title",
    ".summarizer-lead", ".summarizer-text", ".summarizer-said", ".summarizer-note"].map((selector) => box.querySelector(selector));
  const made = (kind, text, className = "") => Object.assign(document.createElement(kind), { textContent: text, className });

  // ---- what is read --------------------------------------------------------------------------

  const has = (signs, token) => [...token].length === 1 && signs.includes(token);

  // Whether a full stop belongs to a word: "Mr.", "J.", "U.S.".
  function short(signs) {
    const plain = signs.slice(0, -1).join(""), small = plain.toLowerCase();
    return (signs.length === 2 && /\p{Lu}/u.test(plain)) || SHORT.has(small) || plain.replace(/^\.+|\.+$/g, "").includes(".");
  }

  // A word, the signs around it and its ending, each a token.
  function parts(word) {
    const signs = [...word], before = [], behind = [];
    while (signs.length > 1 && has(OPENING, signs[0])) before.push(signs.shift());
    while (signs.length > 1 && (has(CLOSING, signs.at(-1)) || (signs.at(-1) === "." && !short(signs)))) behind.push(signs.pop());
    const plain = signs.join("").replaceAll("’", "'").toLowerCase();
    const ending = ENDINGS.find((one) => plain.endsWith(one) && plain !== one);
    if (ending) behind.push(signs.splice(-ending.length).join(""));
    return [...before, signs.join(""), ...behind.reverse()];
  }

  // How many tokens the first English sentence has, quotation marks behind it included; it goes on before a small letter.
  function sentence(all) {
    for (let t = 0; t < all.length; t += 1) {
      if (!has(ENDS, all[t].token)) continue;
      let end = t + 1;
      while (end < all.length && all[end].glued && has(ENDS + QUOTES, all[end].token)) end += 1;
      if (end === all.length || !(all[end].glued || /^\p{Lowercase}/u.test(all[end].token))) return end;
    }
    return all.length;
  }

  function prepared(typed) {
    const { pieces, more } = net.pieces(typed);
    const all = pieces.flatMap((word) => (chinese ? [...word] : parts(word)).map((token, k) => ({ token, glued: chinese || k > 0 })));
    const end = chinese ? all.length : sentence(all), kept = all.slice(0, Math.min(end, model.limit));
    const tokens = kept.map((one) => one.token);
    const { ids, beside: written, unknown } = net.numbered(tokens, model, chinese);
    return { tokens, glued: kept.map((one) => one.glued), ids, unknown,
      beside: chinese ? beside(tokens.map(net.narrow)) : written,
      cut: tokens.length < end || (end === all.length && more), more: end < all.length };
  }

  // What is read beside each Chinese character: its clause, and how often the text has it with its neighbours.
  function beside(signs) {
    const pair = (t) => (signs[t - 1] ?? "") + (signs[t] ?? ""), times = new Map();
    for (let t = 1; t < signs.length; t += 1) times.set(pair(t), (times.get(pair(t)) ?? 0) + 1);
    const most = (k) => Math.min(k, MOST), often = (t) => (t > 0 && t < signs.length ? most(times.get(pair(t))) : 0);
    const seen = new Set();
    let clause = 0;
    return signs.map((sign, t) => {
      const place = (most(clause) * (MOST + 1) + often(t)) * (MOST + 1) + often(t + 1);
      const again = seen.has(pair(t)) || seen.has(pair(t + 1));
      seen.add(pair(t));
      clause += has(CLAUSE, sign) ? 1 : 0;
      return 2 * place + (again ? 1 : 0);
    });
  }

  // ---- titles ----------------------------------------------------------------------------------

  // (T, 2): of each token the scores of leaving and of keeping it.
  function scores(read) {
    const xs = net.rows(read, model.embedding), [ahead, behind] = model.cells;
    const back = net.pass(xs.slice().reverse(), behind).reverse();
    return net.pass(xs, ahead).map((h, t) => net.dense([...h, ...back[t]], model.output.W_y, model.output.b_y));
  }

  const best = (rows, more) => net.viterbi(rows.map(([leaving, keeping]) => [leaving, keeping + more]), model.chain).map((k) => k === 1);

  // What is added to the score of keeping before the reader adds anything.
  function usual(rows) {
    if (!model.wanted) return model.more;
    let more = -20;
    while (more < 60 && best(rows, more / 10).filter(Boolean).length < Math.min(model.wanted, rows.length)) more += 1;
    return more / 10;
  }

  // Texts of what is kept, a text for each stretch, with the space before it where it has one.
  function stretches({ tokens, glued }, kept) {
    const found = [];
    let last = -1;
    for (const [t, token] of tokens.entries()) {
      if (!kept[t]) continue;
      const tight = chinese || (glued[t] && (last === t - 1 || !/^[\p{L}\p{N}]/u.test(token))) || !found.length;
      if (last === t - 1 && found.length) found.at(-1).text += (tight ? "" : " ") + token;
      else found.push({ text: token, space: !tight, start: t });
      last = t;
      found.at(-1).end = t + 1;
    }
    return found;
  }

  const joined = (read, kept) => stretches(read, kept).map(({ text, space }) => (space ? " " : "") + text).join("");

  // The title without a network: as many words, or in Chinese the first clause.
  function start({ tokens }, kept) {
    const ends = chinese ? tokens.findIndex((token, t) => t > 0 && has(CLAUSE, token)) : kept.filter(Boolean).length;
    return tokens.map((_, t) => ends < 0 || t < ends);
  }

  // Negations left out between neighbours that were kept.
  const lost = ({ tokens }, kept) => [...tokens.keys()].filter((t) => !kept[t] && t > 0 && t < tokens.length - 1 &&
    kept[t - 1] && kept[t + 1] && NOT.has(tokens[t].replaceAll("’", "'").toLowerCase()));

  async function ready() {
    if (model) return;
    said.textContent = words.loading;
    const { arrays, ...rest } = await net.load(name), { start: first, end, transitions } = net.part(arrays, "chain");
    model = { ...rest, index: new Map(rest.tokens.map((token, k) => [token, k])), embedding: net.part(arrays, "embedding"),
      cells: [0, 1].map((way) => net.part(arrays, `lstm.${way}`)), output: net.part(arrays, "output"),
      chain: { start: first.values, end: end.values, step: transitions.values } };
  }

  // ---- what is seen of it ----------------------------------------------------------------------

  // A stretch that was copied, with its number.
  function marked(text, number, many) {
    const mark = made("mark", text);
    if (many) mark.dataset.run = number;
    return mark;
  }

  function draw({ tokens, glued, kept }, found) {
    const many = found.length > 1, pieces = [];
    title.replaceChildren(...found.flatMap(({ text, space }, k) => [space ? " " : "", marked(text, k + 1, many)]));
    const text = (from, to) => tokens.slice(from, to).map((token, k) => (glued[from + k] || k === 0 ? "" : " ") + token).join("");
    let at = 0;
    for (const [k, one] of [...found, { start: tokens.length, end: tokens.length }].entries()) {
      if (at < one.start) pieces.push(glued[at] || at === 0 ? "" : " ", made("span", text(at, one.start), "summarizer-left"));
      if (one.start < one.end) pieces.push(glued[one.start] || one.start === 0 ? "" : " ", marked(text(one.start, one.end), k + 1, many));
      at = one.end;
    }
    shown.replaceChildren(...pieces);
  }

  function notes(read, kept) {
    const strange = new Set(read.unknown);
    if (chinese) for (const [t, token] of read.tokens.entries()) if (!/\p{Script=Han}/u.test(token)) strange.add(t);
    const away = lost(read, kept).map((t) => read.tokens[t]);
    const lines = [read.cut && words.cut, read.more && words.more, 2 * strange.size > read.tokens.length && words.strange,
      away.length && words.lost([...new Set(away)])];
    note.textContent = lines.filter(Boolean).join(say(" ", ""));
  }

  // Nothing to shorten: what is typed stays as it is.
  function silent(text) {
    run = null;
    delete box.trace;
    slider.disabled = true;
    for (const one of [title, lead, shown]) one.replaceChildren();
    note.textContent = "";
    said.textContent = text;
  }

  // The title for where the slider stands. While someone types, it is said only when they pause.
  function shorten(wait = 0) {
    clearTimeout(later);
    const kept = best(run.scores, run.usual + Number(slider.value)), found = stretches(run, kept), first = start(run, kept);
    Object.assign(run, { kept, title: joined(run, kept), lead: joined(run, first), lost: lost(run, kept) });
    box.trace = run;
    draw(run, found);
    lead.textContent = run.lead;
    notes(run, kept);
    const speak = () => { said.textContent = found.length ? words.kept(kept.filter(Boolean).length, kept.length) : words.nothing; };
    if (wait) later = setTimeout(speak, wait);
    else speak();
  }

  function read(wait = 0) {
    clearTimeout(later);
    const found = prepared(input.value);
    if (!found.tokens.length || found.unknown.length === found.tokens.length) {
      silent(found.tokens.length ? words.none : words.empty);
      return;
    }
    run = { ...found, scores: scores(found) };
    run.usual = usual(run.scores);
    slider.disabled = false;
    shorten(wait);
  }

  // ---- the controls ----------------------------------------------------------------------------

  async function ask(wait) {
    clearTimeout(later);
    try {
      await ready();
    } catch {
      silent(words.failed);
      return;
    }
    read(wait);
  }

  // A method of writing Chinese puts letters there first, which are not yet the text.
  input.addEventListener("input", (event) => { if (!event.isComposing) ask(600); });
  input.addEventListener("compositionend", () => ask(600));
  slider.addEventListener("input", () => { if (run) shorten(); });
  for (const text of examples) {
    const signs = [...text];
    const button = Object.assign(made("button", signs.length > SHORTENED ? `${signs.slice(0, SHORTENED).join("").trimEnd()}…` : text), { type: "button" });
    button.addEventListener("click", () => {
      input.value = text;
      ask(0);
    });
    offers.append(button);
  }
}
