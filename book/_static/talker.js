// A network that answers small talk, beside the nearest of the questions that it learnt from
// (rnncourse.widgets.talker). What it computes with is in net.js; its weights and the stored
// questions are loaded when the reader first says something.
for (const [place, box] of document.querySelectorAll(".talker").entries()) {
  const net = globalThis.rnnNet, { net: name, kilobytes, edition, opener } = box.dataset, chinese = edition === "zh";
  const say = (en, zh) => (chinese ? zh : en);
  const examples = JSON.parse(box.dataset.examples);
  const LONGEST = 2000, LIMIT = 40, LENGTH = 24, WIDTH = 8, NEAREST = 3;
  const [UNKNOWN, TURN, NOTHING] = [0, 1, 2], [START, END] = [0, 1];
  const K1 = 1.5, B = 0.75;  // of BM25
  const PAUSE = 220;  // milliseconds from one token to the next
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let model = null, before = opener, busy = false, timer = 0, finish = null;

  // ---- what it says ------------------------------------------------------------------------

  const words = {
    ask: say("Say something", "说点什么"), send: say("Say it", "发送"),
    size: say(` (loads ${kilobytes} KB)`, `（加载 ${kilobytes} KB）`),
    rerank: say("rerank against safe replies", "按「少说套话」重新排序"),
    anew: say("Begin anew", "重新开始"), offers: say("Lines to take", "可选的话"),
    you: say("You", "你"), it: say("Network", "网络"), colon: say(": ", "："),
    talk: say("The conversation", "对话"),
    beside: say("Nearest stored questions", "语料中最相近的问题"),
    none: say("No stored question shares a word with yours.", "语料里没有一个问题和这句话有相同的字。"),
    hint: say("Say something, or take a line. Three stored questions will stand here.", "请说点什么，或者选一句。这里会列出语料中最相近的三个问题。"),
    loading: say("The network is loading …", "正在加载网络……"),
    failed: say("The network did not load. Check your connection, then say it again.", "网络没有加载成功。请检查连接，再发送一次。"),
    empty: say("There is nothing to answer. Type a line, or take one.", "还没有可以回答的内容。请输入一句话，或者选一句。"),
    cut: say(`It reads the first ${LIMIT} words and signs and leaves the rest.`, `网络只读前 ${LIMIT} 个字，后面的不读。`),
    strange: (tokens, more) => say(`It does not know ${tokens.join(", ")}${more > 0 ? ` and ${more} more` : ""}.`,
      `它不认识${tokens.map((token) => `「${token}」`).join("")}${more > 0 ? `等 ${tokens.length + more} 个字词` : ""}。`),
    same: say("Reranking chose the same reply.", "重新排序以后，回答没有变。"),
    other: (text) => say(`Without reranking it would say: ${text}`, `不重新排序，它会说：${text}`),
    limits: say(`The network loads when you first say something, and what you type stays in your browser. It learnt made-up small talk and nothing else. It reads your line and its own last one, never more. It knows nothing: no facts, no date, not your name. Beside it stand the stored questions most like yours, by BM25, each with a reply that someone wrote.`,
      "第一次发送时才加载网络，输入的内容不会离开你的浏览器。它只学过课程编写的闲聊，别的都没有学过。它只读你这一句和它自己的上一句，再往前的一概不记得。它没有知识，不知道常识和日期，也不知道你的名字。旁边用 BM25 列出语料中与你的话最相近的问题，问题后面是人写的回答。"),
  };

  // ---- the page ------------------------------------------------------------------------------

  const id = `talker-${place}`;
  box.replaceChildren();
  box.insertAdjacentHTML("afterbegin",
    `<div class="talker-desk"><div class="talker-talk"><ol class="talker-lines" aria-label="${words.talk}" tabindex="0"></ol></div>` +
    `<div class="talker-beside"><p class="talker-title" id="${id}-beside">${words.beside}</p>` +
    `<ol class="talker-near" aria-labelledby="${id}-beside"></ol><p class="talker-none">${words.hint}</p></div></div>` +
    `<form><label for="${id}">${words.ask}</label>` +
    `<input id="${id}" type="text" autocomplete="off" autocapitalize="off" spellcheck="false">` +
    `<div class="talker-buttons"><button type="submit" class="talker-go"></button>` +
    `<button type="button" class="talker-anew">${words.anew}</button>` +
    `<label class="talker-way"><input type="checkbox"> ${words.rerank}</label></div></form>` +
    `<div class="talker-offers" role="group" aria-label="${words.offers}"></div>` +
    `<p class="talker-note" role="status"></p><p class="talker-caption">${words.limits}</p>` +
    `<p class="visually-hidden" role="status"></p>`);
  const part = (selector) => box.querySelector(selector);
  const [lines, near, none, form, input, go, anew, rerank, offers, note] = [".talker-lines", ".talker-near",
    ".talker-none", "form", "[type=text]", ".talker-go", ".talker-anew", "[type=checkbox]", ".talker-offers", ".talker-note"].map(part);
  const spoken = box.querySelector(":scope > .visually-hidden");
  const made = (kind, text, name = "") => Object.assign(document.createElement(kind), { textContent: text, className: name });

  // ---- what is read and written ----------------------------------------------------------------

  const NO_WORDS = new Map();  // Chinese comes apart into characters
  const read = (typed) => net.words([...typed].slice(0, LONGEST).join("").replaceAll("’", "'"), NO_WORDS);
  const tight = /^[^\p{L}\p{N}_\s]+$/u;
  const joined = (ids) => ids.map((id) => model.target[id])
    .map((token, k) => (chinese || k === 0 || tight.test(token) ? token : ` ${token}`)).join("");

  function encode(previous, tokens) {
    const ids = (some) => some.slice(0, LIMIT).map((token) => model.index.get(token) ?? UNKNOWN);
    return [...ids(read(previous)), TURN, ...ids(tokens)];
  }

  // ---- the nearest stored questions --------------------------------------------------------------

  function bm25(documents) {
    const N = documents.length, mean = documents.reduce((sum, tokens) => sum + tokens.length, 0) / N, found = new Map();
    for (const [n, tokens] of documents.entries()) {
      for (const token of tokens) {
        if (!found.has(token)) found.set(token, new Map());
        found.get(token).set(n, (found.get(token).get(n) ?? 0) + 1);
      }
    }
    return (tokens) => {
      const scores = new Float64Array(N);
      for (const token of tokens) {
        const counts = found.get(token);
        if (!counts) continue;
        const idf = Math.log(1 + (N - counts.size + 0.5) / (counts.size + 0.5));
        for (const [n, count] of counts) {
          scores[n] += (idf * count * (K1 + 1)) / (count + K1 * (1 - B + (B * documents[n].length) / mean));
        }
      }
      return scores;
    };
  }

  function nearest(previous, tokens) {
    const asked = model.asks(tokens), said = model.befores(read(previous));
    const scores = asked.map((score, n) => score + model.share * said[n]);
    return [...scores.keys()].filter((n) => asked[n] > 0).sort((a, b) => scores[b] - scores[a] || a - b)
      .slice(0, NEAREST).map((n) => ({ n, score: scores[n] }));
  }

  // ---- the network -----------------------------------------------------------------------------

  function logSoftmax(scores) {
    scores[START] = -Infinity;  // no reply has it
    const most = scores.reduce((a, b) => Math.max(a, b));
    const sum = Math.log(scores.reduce((total, y) => total + Math.exp(y - most), 0));
    return scores.map((y) => y - most - sum);
  }

  // The best replies {tokens, p} that a beam finds, as rnncourse.nlp.decoding.beam_search; width 1 is greedy.
  function beam({ first, step }, width) {
    let live = [{ tokens: [], p: 0, h: first }];
    const ended = [];
    for (let u = 0; u < LENGTH && live.length; u += 1) {
      const options = [];
      for (const one of live) {
        const { h, scores } = step(one.tokens.at(-1) ?? START, one.h);
        logSoftmax(scores).forEach((p, token) => {
          if (p > -Infinity) options.push({ tokens: one.tokens, token, p: one.p + p, h });
        });
      }
      options.sort((a, b) => b.p - a.p);  // stable: among equals the earlier
      live = [];
      for (const { tokens, token, p, h } of options.slice(0, width - ended.length)) {
        (token === END ? ended : live).push({ tokens: [...tokens, token], p, h });
      }
    }
    return (ended.length ? ended : live).sort((a, b) => b.p - a.p);  // rather whole ones
  }

  // log p of a reply where the network reads nothing.
  function alone(tokens) {
    const { first, step } = model.nothing;
    let total = 0, h = first, last = START;
    for (const token of tokens) {
      const found = step(last, h);
      total += logSoftmax(found.scores)[token];
      [h, last] = [found.h, token];
    }
    return total;
  }

  function answer(previous, typed) {
    const tokens = read(typed), ids = encode(previous, tokens), writes = net.writer(ids, model.arrays);
    const [plain] = beam(writes, 1), ranked = rerank.checked ? beam(writes, WIDTH) : [plain];
    let best = { ...plain, score: -Infinity };
    for (const one of rerank.checked ? ranked : []) {
      const found = { ...one, alone: alone(one.tokens) };
      found.score = found.p - model.weight * found.alone;
      if (found.score > best.score) best = found;
    }
    const unknown = [...new Set(tokens.slice(0, LIMIT).filter((token) => !model.index.has(token)))];
    return { before: previous, typed, tokens, ids, unknown, cut: tokens.length > LIMIT || [...typed].length > LONGEST,
      reranked: rerank.checked, plain: text(plain.tokens), text: text(best.tokens), written: best.tokens.filter((k) => k !== END),
      p: best.p, alone: best.alone ?? null, near: nearest(previous, tokens) };
  }

  const text = (tokens) => joined(tokens.filter((k) => k !== END));

  async function ready() {
    if (model) return;
    note.textContent = words.loading;
    const loaded = await net.load(name);
    model = { ...loaded, index: new Map(loaded.source.map((token, k) => [token, k])) };
    model.nothing = net.writer([NOTHING], model.arrays);
    model.asks = bm25(model.stored.map(([, asked]) => read(asked)));
    model.befores = bm25(model.stored.map(([said]) => read(said)));
    note.textContent = "";
    label();
  }

  // ---- what is seen of it --------------------------------------------------------------------

  function line(who, said) {
    const row = made("li", "", `talker-${who}`);
    row.append(made("b", words[who] + words.colon), made("span", said));
    lines.append(row);
    lines.scrollTop = lines.scrollHeight;
    return row.lastChild;
  }

  function drawNear(found) {
    near.replaceChildren(...found.map(({ n }) => {
      const [said, asked, reply] = model.stored[n], row = made("li", "");
      if (said) row.append(made("small", said), " ");
      row.append(made("span", asked, "talker-asked"), " ", made("span", reply, "talker-stored"));
      return row;
    }));
    none.textContent = found.length ? "" : words.none;
  }

  function notes(run) {
    const said = [];
    if (run.cut) said.push(words.cut);
    if (run.unknown.length) {
      const some = run.unknown.slice(0, 5).map((token) => [...token].slice(0, 20).join(""));
      said.push(words.strange(some, run.unknown.length - some.length));
    }
    if (run.reranked) said.push(run.plain === run.text ? words.same : words.other(run.plain));
    note.textContent = said.join(say(" ", ""));
  }

  // Token by token; `finish` writes the rest at once.
  function write(run) {
    const shown = line("it", "");
    let k = 0;
    finish = () => {
      clearTimeout(timer);
      shown.textContent = run.text;
      finish = null;
      lines.scrollTop = lines.scrollHeight;
      notes(run);
      spoken.textContent = `${words.it}${words.colon}${run.text}`;
    };
    const tick = () => {
      k += 1;
      shown.textContent = joined(run.written.slice(0, k));
      lines.scrollTop = lines.scrollHeight;
      if (k >= run.written.length || calm.matches) finish();
      else timer = setTimeout(tick, PAUSE);
    };
    tick();
  }

  function begin(first) {
    finish?.();
    before = first;
    lines.replaceChildren();
    near.replaceChildren();
    none.textContent = words.hint;
    note.textContent = spoken.textContent = "";
    delete box.trace;
    line("it", first);
  }

  // ---- the buttons -----------------------------------------------------------------------------

  const label = () => { go.textContent = words.send + (model ? "" : words.size); };

  async function send() {
    if (busy) return;  // a second click while the network loads
    finish?.();
    note.textContent = spoken.textContent = "";
    if (!read(input.value).length) { note.textContent = words.empty; return; }
    busy = true;
    try {
      await ready();
      const typed = input.value.trim();  // as it is now: the reader may have typed on
      if (!read(typed).length) { note.textContent = words.empty; return; }
      input.value = "";
      line("you", typed.length > 300 ? `${typed.slice(0, 300)} …` : typed);
      const run = answer(before, typed);
      before = run.text;
      box.trace = run;
      drawNear(run.near);
      write(run);
    } catch (error) {
      if (model) throw error;
      note.textContent = words.failed;
    } finally {
      busy = false;
    }
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
  for (const text of examples) {
    const button = Object.assign(made("button", text), { type: "button" });
    button.addEventListener("click", () => { input.value = text; send(); });
    offers.append(button);
  }
  anew.addEventListener("click", () => {
    const others = model ? model.openers.filter((text) => text !== lines.querySelector("span").textContent) : [opener];
    begin(others[Math.floor(Math.random() * others.length)]);
  });
  begin(opener);
  label();
}
