// Networks that write Chinese verse under rules, as masks over the next character: quatrains
// (rnncourse.widgets.poet), and Song ci to a tune (rnncourse.widgets.songci). What each needs loads
// when the reader first asks for it.
for (const [place, box] of document.querySelectorAll(".poet").entries()) {
  const net = globalThis.rnnNet, { net: name, kilobytes, edition } = box.dataset, chinese = edition === "zh";
  const { han, shared, pairsOf, namesOf, runs, stepper, choose: drawn, unlessEmpty, songs } = globalThis.rnnVerse;
  const say = (en, zh) => (chinese ? zh : en);
  const examples = JSON.parse(box.dataset.examples), tunes = JSON.parse(box.dataset.tunes ?? "[]");
  const LINES = 4, SIZES = [5, 7], STOPS = "，。，。", LEVEL = "平", OBLIQUE = "仄", EITHER = "中";
  const RULES = ["tones", "rhyme", "repeats"], PATTERNS = ["aBbA", "bAaB", "ABbA", "BAaB"];
  const FIVES = { a: "中仄平平仄", A: "中仄仄平平", b: "中平平仄仄", B: "平平仄仄平" };
  const BEFORE = { a: "中平", A: "中平", b: "中仄", B: "中仄" };
  const ENOUGH = 12, PAUSE = 110;  // PAUSE: milliseconds from one character to the next
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let model = null, sung = null, run = null, busy = false, timer = 0, finish = null, number = 0;

  // ---- what it says ------------------------------------------------------------------------

  const quoted = (signs) => (chinese ? signs.map((sign) => `「${sign}」`).join("") : signs.join(", "));
  const words = {
    kinds: say("Form", "体裁"), quatrain: say("quatrain", "绝句"), song: say("Song ci to a tune", "词"), tune: say("Tune", "词牌"),
    beginning: say("a beginning", "给开头几个字"), began: say("The first characters; the tune sets the stops", "开头几个字（标点由词牌决定）"),
    ways: say("Begin with", "怎样开头"), free: say("nothing", "不给开头"), first: say("a first line", "给第一句"), heads: say("an acrostic", "藏头诗"),
    typed: say("First line, or the characters that the lines begin with", "第一句，或者要藏的字"),
    size: say("Characters a line", "每句字数"), five: say("five", "五言"), seven: say("seven", "七言"),
    pattern: say("Pattern", "格律"), auto: say("the one that fits best", "自动选择"),
    starts: (mark) => (mark === LEVEL ? say("level start", "平起") : say("oblique start", "仄起")),
    rhymed: (yes) => (yes ? say("first line rhymes", "首句入韵") : say("first line does not rhyme", "首句不入韵")),
    comma: say(", ", ""), rules: say("Rules", "规则"), tones: say("tones", "平仄"), rhyme: say("rhyme", "押韵"), repeats: say("no character twice", "不用重字"),
    heat: say("Temperature", "温度"), write: say("Write", "写诗"), again: say("Again", "再写一首"), loads: (size) => say(` (loads ${size} KB)`, `（加载 ${size} KB）`),
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
    long: (tune, k, places) => say(`${tune} has ${places} characters and the beginning ${k}: nothing would be left to write.`, `《${tune}》共 ${places} 个字，开头却有 ${k} 个字，没有可写的了。`),
    blank: say("Type a beginning; or begin with nothing.", "请输入开头几个字，也可以选「不给开头」。"),
    mute: (signs) => say(`The rhyme of ${quoted(signs)} is not known; the rhyme begins with the next rhyme word.`, `不知道${quoted(signs)}的韵，从下一个韵脚起押韵。`),
    sung: {
      form: (k, lines, share) => say(`Form: ${k} characters in ${lines} lines, as in ${share}% of the tune's training poems.`, `字数：${lines} 句共 ${k} 字，训练用的同调词中有 ${share}% 是这样的。`),
      rhyme: (list, group) => say(`Rhyme: ${list.join(", ")} rhyme (${group.join(", ")}).`, `押韵：${list.join("、")}同韵（${group.join("、")}）。`),
      some: (list, fitting) => say(`Rhyme: of ${list.join(", ")} at most ${fitting} rhyme with one another.`, `押韵：${list.join("、")}中最多有 ${fitting} 个互相押韵。`),
      cost: (nats, rhymed) => say(`The tune's stops${rhymed ? " and the rhyme" : ""} cost ${nats} nats.`, `词牌的句读${rhymed ? "和押韵" : ""}的代价是 ${nats} 纳特。`),
      run: (k) => (k ? say(`In the lines of the network, at most ${k} characters in a row stand in a line of its training poems. (The index takes one run of four in eighteen for copied that is not.)`, `网络写的句子里，最多有 ${k} 个连续的字出现在训练作品的某一句中。（四个字的片段，索引每十八个会误认一个。）`)
        : words.verdict.run(0)),
      marks: say("A frame marks the rhyme words. Under each stands its rhyme, one of today's fourteen, and whether it is level (○) or oblique (●); a word that does not rhyme has ✗.",
        "韵脚加框，下面是它的韵（今天的十四韵之一）和平仄：○ 平，● 仄。不押韵的标 ✗。"),
      limits: say("This network was trained on Song ci and told the tune. Stops and rhymes are no part of it, but masks: the tune's commonest form, and rhymes between the ends of sentences that rhyme in its training poems. The first rhyme word chooses the rhyme, and level or oblique; the others follow (in Xijiangyue two take the other tone). A tune also asks for tones inside its lines: these are not asked for here. What you type stays in your browser.",
        "这个网络是用宋词训练的，写之前先告诉它词牌。句读和押韵不是它学来的，是加在选字上的掩码：字数和句读取该词牌最常见的一体，哪些句末互相押韵由训练用的词统计得出。第一个韵脚定韵，也定平仄，后面的跟着它（《西江月》有两处换成另一声）。词牌对句中平仄也有要求，这里不作要求。输入的内容不会离开你的浏览器。"),
    },
    verdict: {
      tones: (k) => (k ? say(`Tones: ${k} against the pattern, marked ✗.`, `平仄：有 ${k} 处不合，以 ✗ 标出。`) : say("Tones: all as the pattern asks.", "平仄：全部合律。")),
      rhyme: (list, group) => say(`Rhyme: ${list.join(", ")} rhyme (${group.join(", ")}).`, `押韵：${list.join("、")}同在「${group.join("、")}」韵。`),
      none: (list) => say(`Rhyme: ${list.join(", ")} do not rhyme.`, `押韵：${list.join("、")}不押韵。`),
      doubled: say("One rhyme word stands twice.", "韵脚用了同一个字。"),
      repeated: (signs) => (signs.length ? say(`Repeated: ${quoted(signs)}.`, `重字：${quoted(signs)}。`) : say("No character stands twice.", "没有重字。")),
      cost: (nats) => say(`The rules that were on cost ${nats} nats.`, `所选规则的代价是 ${nats} 纳特。`),
      run: (k) => (k ? say(`In the lines of the network, at most ${k} characters in a row stand in a line of its training poems.`, `网络写的句子里，最多有 ${k} 个连续的字出现在训练作品的某一句中。`)
        : say("In the lines of the network, no four characters in a row stand in a line of its training poems.", "网络写的句子里，没有四个连续的字出现在训练作品的任何一句中。")),
    },
    marks: say("Under each character its own tone, then what the pattern asks for: ○ level, ● oblique, ◐ either. A frame marks the rhyme words.",
      "字下第一行是这个字的平仄，第二行是格律的要求：○ 平，● 仄，◐ 可平可仄。韵脚加框。"),
    limits: say("The network is the one from the chapter on language models, trained on Tang quatrains; the rules are no part of it. They only take characters out of its choice. Tones and rhymes are those of the old rhyme books, not of today's Mandarin. What you type stays in your browser.",
      "网络就是「语言模型」一章用唐人绝句训练的那个，规则不是它学来的，只是在选字时把不合规则的字去掉。平仄和押韵依照古代韵书，不是今天的普通话。输入的内容不会离开你的浏览器。"),
  };

  // ---- patterns and sounds --------------------------------------------------------------------

  const marksOf = (pattern, size) => [...pattern].map((kind) => (size === 7 ? BEFORE[kind] : "") + FIVES[kind]);
  const rhyming = (kind) => kind === kind.toUpperCase();
  const nameOf = (pattern, size) => words.starts(marksOf(pattern, size)[0][1]) + words.comma + words.rhymed(rhyming(pattern[0]));
  const plain = (sign) => model.forms.get(sign) ?? sign;
  const groups = (sign) => model.rhymeOf.get(plain(sign)) ?? new Set();
  const tones = (sign) => (model.rhymeOf.has(plain(sign)) ? LEVEL : "") + (model.oblique.has(plain(sign)) ? OBLIQUE : "");

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

  function judge(lines, pattern, own) {
    const ends = lines.filter((_, n) => rhyming(pattern[n])).map((line) => [...line].at(-1));
    const common = ends.slice(1).reduce((some, word) => shared(some, groups(word)), [...groups(ends[0])]);
    const counts = new Map();
    for (const sign of lines.join("")) counts.set(sign, (counts.get(sign) ?? 0) + 1);
    return { breaks: breaks(lines, pattern, [...lines[0]].length), words: ends, rhyme: common.sort(), doubled: new Set(ends).size < ends.length,
      repeated: [...counts.keys()].filter((sign) => counts.get(sign) > 1), run: Math.max(0, ...lines.slice(own).map(model.copied)) };
  }

  // ---- the network, and the mask -------------------------------------------------------------------

  // As rnncourse.widgets.poet.Poet.allowed: 1 where a character may stand. A rule that leaves none is dropped.
  function allowed(mark, ends, rhyme, used, seen, rules) {
    let kept = model.signs.map(han);
    const narrow = (fits) => { kept = unlessEmpty(kept, fits); };
    if (rules.includes("tones") && mark !== EITHER) kept = kept.map((yes, k) => yes && model.tones[k].includes(mark));
    if (rules.includes("rhyme") && ends) {
      const wanted = rhyme ?? model.common;
      narrow((k) => shared(groups(model.signs[k]), wanted).length > 0 && !used.includes(model.signs[k]));
    }
    if (rules.includes("repeats")) narrow((k) => !seen.includes(model.signs[k]));
    return kept;
  }

  // A quatrain; random: numbers in [0, 1), one for each character that is chosen.
  function compose({ size, first, heads, pattern, free, rules, tau }, random) {
    const asked = marksOf(pattern, size), lines = [], used = [];
    let rhyme = null, cost = 0, logProb = 0, { h, scores } = model.step(model.id.get(model.end), null);
    const read = (sign) => ({ h, scores } = model.step(model.id.get(sign) ?? model.id.get(model.rare), h));
    function choose(n, t) {
      const seen = [...lines.join(""), ...heads.slice(n + 1)];
      const kept = allowed(asked[n][t], rhyming(pattern[n]) && t === size - 1, rhyme, used, seen, rules);
      const found = drawn(scores, kept, tau, random);
      cost += found.cost;
      logProb += found.logProb;
      return model.signs[found.k];
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

  async function readyForQuatrains() {
    const sounds = await net.load(name), base = await net.load(sounds.base);
    const signs = [...base.tokens], counts = new Map();
    model = { ...base, signs, rhymeOf: namesOf(sounds.rhymes), copied: runs(sounds.index), id: new Map(signs.map((sign, k) => [sign, k])),
      oblique: new Set(sounds.oblique), step: stepper(base.arrays), forms: pairsOf(sounds.forms) };
    model.tones = signs.map(tones);
    for (const sign of signs) for (const group of groups(sign)) counts.set(group, (counts.get(group) ?? 0) + 1);
    model.common = new Set([...counts.keys()].filter((group) => counts.get(group) >= ENOUGH));
  }

  const isThere = (kind) => Boolean(kind === "song" ? sung : model);

  async function ready(kind) {
    if (isThere(kind)) return;
    note.textContent = words.loading;
    if (kind === "song") sung = songs(await net.load(box.dataset.songs));
    else await readyForQuatrains();
    note.textContent = "";
    label();
  }

  // ---- the page ------------------------------------------------------------------------------

  const id = `poet-${place}`;
  const radio = (group, value, text, on) => `<label><input type="radio" name="${id}-${group}" value="${value}"${on ? " checked" : ""}> ${text}</label>`;
  const field = (title, inner, kind) => `<fieldset class="poet-${kind}"><legend>${title}</legend>${inner}</fieldset>`;
  box.replaceChildren();
  box.insertAdjacentHTML("afterbegin",
    `<form>${tunes.length ? field(words.kinds, radio("kind", "quatrain", words.quatrain, true) + radio("kind", "song", words.song), "kind") : ""}` +
    `<label class="poet-of-song">${words.tune} <select class="poet-tune" lang="zh">${tunes.map((tune) => `<option>${tune}</option>`).join("")}</select></label>` +
    `${field(words.ways, radio("way", "free", words.free) + radio("way", "first", `<span class="poet-first">${words.first}</span>`, true) + radio("way", "heads", words.heads), "way")}` +
    `<label for="${id}-typed">${words.typed}</label><input id="${id}-typed" class="poet-typed" type="text" lang="zh" autocomplete="off" spellcheck="false">` +
    `<div class="poet-offers" role="group" aria-label="${words.offers}"></div>` +
    `<div class="poet-choices">${field(words.size, radio("size", 5, words.five, true) + radio("size", 7, words.seven), "size")}` +
    field(words.rules, RULES.map((rule) => `<label class="poet-rule-${rule}"><input type="checkbox" value="${rule}" checked> ${words[rule]}</label>`).join(""), "rules") +
    `<label class="poet-of-quatrain">${words.pattern} <select class="poet-pattern"></select></label>` +
    `<label>${words.heat} <input class="poet-heat" type="range" min="0" max="1.5" step="0.1" value="0.8"> <output>0.8</output></label></div>` +
    `<div class="poet-buttons"><button type="submit" class="poet-go"></button><button type="button" class="poet-copy" disabled>${words.copy}</button>` +
    `<button type="button" class="poet-keep" disabled>${words.keep}</button></div></form>` +
    `<p class="poet-note" role="status"></p><ol class="poet-lines" lang="zh" aria-label="${words.poem}"></ol>` +
    `<p class="poet-marks"></p><ul class="poet-verdict" role="list"></ul><p class="poet-caption"></p>` +
    `<p class="visually-hidden" role="status"></p>`);
  const [form, input, offers, select, tuneOf, heat, go, copy, keep, note, list, verdict] = ["form", ".poet-typed", ".poet-offers", ".poet-pattern",
    ".poet-tune", ".poet-heat", ".poet-go", ".poet-copy", ".poet-keep", ".poet-note", ".poet-lines", ".poet-verdict"].map((selector) => box.querySelector(selector));
  const spoken = box.querySelector(":scope > .visually-hidden");
  const made = (kind, text, name = "") => Object.assign(document.createElement(kind), { textContent: text, className: name });
  const chosen = (group) => box.querySelector(`[name="${id}-${group}"]:checked`).value;
  const choose = (group, value) => { box.querySelector(`[name="${id}-${group}"][value="${value}"]`).checked = true; };
  const size = () => Number(chosen("size"));
  const kindOf = () => box.querySelector(`[name="${id}-kind"]:checked`)?.value ?? "quatrain";
  const text = () => run.lines.map((line, n) => line + run.stops[n]).join(run.kind === "song" ? "" : "\n").replace(/([。！？])(?=.)/gu, "$1\n");
  function label() {
    const kind = kindOf(), { songkilobytes } = box.dataset;
    go.textContent = (run?.kind === kind ? words.again : words.write) + (isThere(kind) ? "" : words.loads(kind === "song" ? songkilobytes : kilobytes));
  }

  // What is asked for a quatrain and for a song.
  function adapt() {
    const song = kindOf() === "song", said = song ? words.sung : words;
    box.classList.toggle("poet-songs", song);
    box.querySelector(".poet-first").textContent = song ? words.beginning : words.first;
    form.querySelector(`[for="${id}-typed"]`).textContent = song ? words.began : words.typed;
    box.querySelector(".poet-marks").textContent = said.marks;
    box.querySelector(".poet-caption").textContent = said.limits;
    if (song && chosen("way") === "heads") choose("way", "first");
    label();
  }

  function patterns() {
    const before = select.value;
    select.replaceChildren(new Option(words.auto, ""), ...PATTERNS.map((one) => new Option(nameOf(one, size()), one)));
    select.value = before;
  }

  // What was typed, without stops, or a sentence on why it cannot be.
  function typedIn(way, empty) {
    const typed = way === "free" ? [] : [...input.value.normalize("NFC")].filter((sign) => !/[\s，。、！？；：,.!?;:]/u.test(sign));
    const strange = [...new Set(typed.filter((sign) => !han(sign)))].slice(0, 5);
    if (way !== "free" && !typed.length) return { wrong: empty };
    return strange.length ? { wrong: words.strange(strange) } : { typed };
  }

  // Which characters were read as others, and which the network does not know.
  function remarks(signs, read, knows) {
    const turned = signs.map((sign, k) => [sign, read[k]]).filter(([a, b]) => a !== b).map(([a, b]) => `${a} → ${b}`);
    const unread = [...new Set(read.filter((sign) => !knows(sign)))];
    return [...(turned.length ? [words.turned([...new Set(turned)].join(say(", ", "，")))] : []), ...(unread.length ? [words.unread(unread)] : [])];
  }

  const rulesOn = () => RULES.filter((rule) => box.querySelector(`[value="${rule}"]`).checked);

  function orderedSong() {
    const tune = tuneOf.value, { wrong, typed } = typedIn(chosen("way"), words.blank);
    if (wrong) return { wrong };
    const { lengths, groups } = sung.forms.get(tune), places = lengths.reduce((a, b) => a + b, 0);
    if (typed.length >= places) return { wrong: words.long(tune, typed.length, places) };
    const given = typed.map(sung.plain), said = remarks(typed, given, sung.knows);
    let ends = 0;
    const lastOnes = lengths.map((length) => given[(ends += length) - 1]);
    const mute = groups.flat().map((n) => lastOnes[n]).filter((word) => word && !sung.rhymes(word).size);
    if (mute.length) said.push(words.mute([...new Set(mute)]));
    return { said, order: { tune, given, rules: rulesOn().filter((rule) => rule === "rhyme"), tau: Number(heat.value) } };
  }

  // What is ordered, or a sentence on why it cannot be; and what to say of it.
  function ordered() {
    const way = chosen("way"), said = [], { wrong, typed } = typedIn(way, words.empty);
    if (wrong) return { wrong };
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
    said.push(...remarks(signs, read, (sign) => model.id.has(sign)));
    const silent = [...new Set(read.filter((sign) => !tones(sign)))];
    if (silent.length) said.push(words.silent(silent));
    const given = first.length ? [first.join("")] : heads, rules = rulesOn();
    return { said, order: { size: size(), first, heads, rules, pattern: select.value || bestPattern(given, size()),
      free: !select.value && !rules.includes("tones"), tau: Number(heat.value) } };
  }

  // The lines with as many characters as are written already; under each its tone and what is asked for.
  const shape = { [LEVEL]: "○", [OBLIQUE]: "●", [EITHER]: "◐", [LEVEL + OBLIQUE]: "◐", "": "?" };

  function drawQuatrain(count) {
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

  // A word's rhyme and tone: what it has in common with its group, or all that it has.
  function rhymeMark(sign, turned, common) {
    const own = [...sung.rhymes(sign)], asked = own.filter((name, k) => common.includes([...sung.rhymes(sign, turned)][k]));
    const tonesOf = new Map();
    for (const name of (asked.length ? asked : own).sort()) tonesOf.set(name.slice(0, -1), (tonesOf.get(name.slice(0, -1)) ?? "") + name.at(-1));
    return [...tonesOf].map(([name, some]) => name + (shape[some] ?? shape[EITHER])).join(" ") || "?";
  }

  // A song: a sentence in a row, which breaks between lines; under each rhyme word its rhyme.
  function drawSong(count) {
    const { group, turned } = sung.forms.get(run.order.tune), { fitting } = run.verdict, rows = [];
    let at = 0, row = null;
    for (const [n, line] of run.lines.entries()) {
      const part = made("span", "", "poet-clause"), signs = [...line], k = group(n);
      for (const [t, sign] of signs.entries()) {
        const cell = made("span", "", "poet-cell"), there = at < count, ends = k >= 0 && t === signs.length - 1;
        const fits = !ends || fitting[k].includes(sign);
        if (ends) cell.classList.add("poet-rhyme");
        if (at < run.order.given.length) cell.classList.add("poet-given");
        if (there && !fits) cell.classList.add("poet-wrong");
        cell.append(made("b", there ? sign : "\u3000"));
        if (ends) cell.append(made("i", there ? rhymeMark(sign, turned.has(n), run.verdict.rhymes[k]) + (fits ? "" : "✗") : "\u3000"));
        part.append(cell);
        at += 1;
      }
      part.append(made("span", at <= count ? run.stops[n] : "", "poet-stop"));
      if (!row) rows.push(row = made("li", ""));
      row.append(part);
      if (/[。！？]/u.test(run.stops[n])) row = null;
    }
    list.replaceChildren(...rows);
  }

  const draw = (count) => (run.kind === "song" ? drawSong(count) : drawQuatrain(count));

  function verdictOfSong() {
    const { words: ends, rhymes, fitting, doubled, run: copied } = run.verdict, all = words.sung, { share, groups: lines, turned } = sung.forms.get(run.order.tune);
    const named = (names, k) => (lines[k].some((n) => turned.has(n)) ? names.map((name) => name.slice(0, -1)) : names);
    const groups = ends.map((list, k) => (rhymes[k].length ? all.rhyme(list, named(rhymes[k], k)) : all.some(list, fitting[k].length)));
    return [all.form([...run.lines.join("")].length, run.lines.length, Math.round(100 * share)), ...groups, ...(doubled.length ? [words.verdict.doubled] : []),
      all.cost(run.cost.toFixed(1), run.order.rules.length > 0), all.run(copied)];
  }

  function verdictOfQuatrain() {
    const { breaks: wrong, words: ends, rhyme, doubled, repeated, run: copied } = run.verdict, all = words.verdict;
    return [all.tones(wrong.length), rhyme.length ? all.rhyme(ends, rhyme) : all.none(ends), ...(doubled ? [all.doubled] : []),
      all.repeated(repeated), ...(run.order.rules.length ? [all.cost(run.cost.toFixed(1))] : []), all.run(copied)];
  }

  function tell() {
    const rows = run.kind === "song" ? verdictOfSong() : verdictOfQuatrain();
    verdict.replaceChildren(...rows.map((row) => made("li", row)));
    copy.disabled = keep.disabled = false;
    spoken.textContent = `${text()} ${rows.join(say(" ", ""))}`;
  }

  // Character by character; `finish` writes the rest at once.
  function show() {
    const total = [...run.lines.join("")].length;
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
    const kind = kindOf(), song = kind === "song";
    finish?.();
    note.textContent = spoken.textContent = "";
    if (chosen("way") !== "free" && !input.value.trim()) { note.textContent = song ? words.blank : words.empty; return; }
    busy = true;
    try {
      await ready(kind);
      const { wrong, said, order } = song ? orderedSong() : ordered();
      if (wrong) { note.textContent = wrong; return; }
      const seed = box.dataset.seed ? Number(box.dataset.seed) : Math.floor(Math.random() * 2 ** 32);
      number += 1;
      run = { stops: STOPS, ...(song ? sung.compose : compose)(order, net.random(seed)), kind, order, seed, number };
      list.classList.toggle("poet-song", song);
      box.trace = run;
      note.textContent = said.join(say(" ", ""));
      label();
      show();
    } catch (error) {
      if (isThere(kind)) throw error;
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
  for (const one of box.querySelectorAll(`[name="${id}-kind"]`)) one.addEventListener("change", adapt);
  for (const example of examples) {
    const button = Object.assign(made("button", example), { type: "button", lang: "zh" });
    button.addEventListener("click", () => {
      input.value = example;
      choose("way", SIZES.includes([...example].length) || kindOf() === "song" ? "first" : "heads");
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
  adapt();
}
