// A bidirectional LSTM that reads what the reader types (rnncourse.widgets.live). Everything is
// computed here, by net.js, from weights in the page or, of a recorded network, from those that
// load when the reader first asks.
(() => {
  const TEXTS = {
    en: { ask: "Type a review", hint: "Type, or choose an example below.", loading: "The network is loading …",
          failed: "The network did not load. Type on to try again.", none: "There is no word in it.",
          not: "Not sure", strange: (k, n) => `Not sure: ${k} of ${n} words are known.`,
          said: (name, p) => `${name[0].toUpperCase()}${name.slice(1)}, with probability ${p}.`,
          unsure: (name, p) => `Not sure (${name}: ${p}).`,
          unknown: (list, more) => ` Unknown: ${list.join(", ")}${more ? ` and ${more} more` : ""}.`,
          cut: (k) => ` Only the last ${k} tokens are read.`, each: "after each word" },
    zh: { ask: "输入一条评论", hint: "请输入，或点下面的例子。", loading: "正在加载网络……",
          failed: "网络没有加载成功，继续输入就会重试。", none: "里面没有词。",
          not: "拿不准", strange: (k, n) => `拿不准：${n} 个词中只认得 ${k} 个。`,
          said: (name, p) => `${name}，概率为 ${p}。`,
          unsure: (name, p) => `拿不准（${name}的概率为 ${p}）。`,
          unknown: (list, more) => `不认得的词：${list.join("、")}${more ? `等，另有 ${more} 个` : ""}。`,
          cut: (k) => `只读最后 ${k} 个词元。`, each: "读完每个词之后" },
  };
  const NAMED = 5;  // unknown words at most; of more a count

  // ---- the network ---------------------------------------------------------------------------

  // Memories (T, 2H) of both directions, and the probability of the second class.
  function read(net, ids) {
    const { arrays } = net, xs = ids.map((id) => rnnNet.embedding(id, arrays["embedding.E"]));
    const run = (inputs, cell) => {
      let state = rnnNet.start.lstm(cell);
      return inputs.map((x) => (state = rnnNet.lstm(x, state, cell))[0]);
    };
    const [ahead, back] = [0, 1].map((way) => rnnNet.part(arrays, `lstm.${way}`));
    const forward = run(xs, ahead), backward = run(xs.slice().reverse(), back).reverse();
    const memory = forward.map((h, t) => [...h, ...backward[t]]);
    const pooled = memory[0].map((_, j) => {
      const values = memory.map((h) => h[j]);
      return net.pool === "max" ? Math.max(...values) : values.reduce((a, b) => a + b) / values.length;
    });
    const y = rnnNet.dense(pooled, arrays["output.W_y"], arrays["output.b_y"]);
    return { memory, p: rnnNet.sigmoid(y[1] - y[0]) };
  }

  // What documents.judge decides, before the network is asked.
  function prepared(net, typed) {
    const all = rnnNet.words(typed.replaceAll("’", "'"), net.index), tokens = all.slice(-net.limit);
    const real = tokens.filter((token) => /[\p{L}\p{N}]/u.test(token));
    const unknown = real.filter((token) => !net.index.has(token));
    const ids = tokens.map((token) => net.index.get(token) ?? net.index.get(net.unknown));
    return { tokens, ids, real, unknown, cut: tokens.length < all.length };
  }

  // ---- the page ------------------------------------------------------------------------------

  const boxes = [...document.querySelectorAll(".live")];
  for (const [number, box] of boxes.entries()) start(box, `live-${number}`);

  function start(box, id) {
    const given = JSON.parse(box.querySelector("script").textContent), name = box.dataset.net;
    const words = TEXTS[given.language];
    const made = (net) => ({ ...net, index: new Map(net.tokens.map((token, k) => [token, k])) });
    let net = name ? null : made({ ...given, arrays: rnnNet.unpack(given.weights) });
    box.insertAdjacentHTML("afterbegin",
      `<label for="${id}">${words.ask}</label><input id="${id}" type="text" autocomplete="off">` +
      `<p class="live-answer" aria-live="polite">${words.hint}</p>` +
      `<div class="live-memory" tabindex="0" role="img" hidden></div>`);
    const [input, answer, picture] = ["input", ".live-answer", ".live-memory"].map((s) => box.querySelector(s));

    async function ask() {
      if (!net) {
        answer.textContent = words.loading;
        try {
          net = made(await rnnNet.load(name));
        } catch {
          answer.textContent = words.failed;
          return;
        }
      }
      show(box, net, words, input.value, answer, picture);
    }
    input.addEventListener("input", ask);
    for (const cell of box.querySelectorAll("tbody td:first-child")) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = cell.textContent;
      button.addEventListener("click", () => { input.value = button.textContent; ask(); });
      cell.replaceChildren(button);
    }
    if (!net) return;
    input.value = given.examples[0];
    ask();
  }

  function show(box, net, words, typed, answer, picture) {
    const { tokens, ids, real, unknown, cut } = prepared(net, typed);
    picture.replaceChildren();
    picture.hidden = true;
    delete box.dataset.probability;
    if (!real.length) { answer.textContent = words.none; return; }
    const notes = named(unknown, words) + (cut ? words.cut(net.limit) : "");
    if (2 * unknown.length > real.length) {
      answer.textContent = words.strange(real.length - unknown.length, real.length) + notes;
      return;
    }
    const { memory, p } = read(net, ids);
    box.dataset.probability = p;
    box.dataset.memory = JSON.stringify(memory);
    answer.textContent = said(net, words, p) + notes;
    const sofar = tokens.map((_, t) => read(net, ids.slice(0, t + 1)).p);
    draw(picture, tokens, memory, sofar);
    picture.setAttribute("aria-label", `${net.classes[1]}, ${words.each}: ` +
      tokens.map((token, t) => `${token} ${sofar[t].toFixed(2)}`).join(", "));
  }

  function said(net, words, p) {
    const most = Math.max(p, 1 - p);
    return most < net.sure ? words.unsure(net.classes[1], p.toFixed(2))
      : words.said(net.classes[p < 0.5 ? 0 : 1], most.toFixed(2));
  }

  function named(unknown, words) {
    const list = [...new Set(unknown)];
    return list.length ? words.unknown(list.slice(0, NAMED), Math.max(0, list.length - NAMED)) : "";
  }

  // A column a word: the word, coloured by the answer so far, its memories, that answer. The
  // numbers are there too, for those who see no colours. Behind a word no colour is stronger than
  // one half: in both themes it can still be read.
  function draw(picture, tokens, memory, sofar) {
    const cell = (v) => `<i style="background:${rnnNet.colour(v)}"></i>`;
    for (const [t, token] of tokens.entries()) {
      const column = document.createElement("span"), word = document.createElement("b");
      word.textContent = token;
      word.style.background = rnnNet.colour(sofar[t] - 0.5);
      column.append(word);
      column.insertAdjacentHTML("beforeend",
        memory[t].map(cell).join("") + `<small>${sofar[t].toFixed(2)}</small>`);
      // The two directions stand apart; a network may have any number of units.
      column.querySelectorAll("i")[memory[t].length / 2 - 1].className = "live-half";
      picture.append(column);
    }
    picture.hidden = false;
  }
})();
