// A small bidirectional LSTM that reads what the reader types (rnncourse.live). Everything is
// computed here, from the weights in the page.
for (const box of document.querySelectorAll(".live")) {
  const net = JSON.parse(box.querySelector("script").textContent);
  const words = {
    en: { ask: "Type a review", read: "what is read", memory: "memory after each word", none: "There is no word in it.",
          strange: (k, n) => `Not judged: ${k} of ${n} words are known.`,
          unknown: (k) => ` ${k} unknown.`, cut: (k) => ` Only the last ${k} tokens are read.`, each: "after each word" },
    zh: { ask: "输入一条评论", read: "读到的词", memory: "读完每个词之后的记忆", none: "里面没有词。",
          strange: (k, n) => `不作判断：${n} 个词中只认得 ${k} 个。`,
          unknown: (k) => `有 ${k} 个词不认得。`, cut: (k) => `只读最后 ${k} 个词元。`, each: "读完每个词之后" },
  }[net.language];

  const arrays = {};
  for (const [name, { shape, base64 }] of Object.entries(net.weights)) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    arrays[name] = { shape, values: new Float32Array(bytes.buffer) };
  }
  const index = new Map(net.tokens.map((token, number) => [token, number]));
  const longest = Math.max(...net.tokens.map((token) => token.length));

  // ---- from text to tokens -------------------------------------------------------------------

  const longestMatch = (run) => {
    const found = [];
    for (let at = 0; at < run.length; ) {
      let length = Math.min(longest, run.length - at);
      while (length > 1 && !index.has(run.slice(at, at + length))) length -= 1;
      found.push(run.slice(at, at + length));
      at += length;
    }
    return found;
  };
  const isChinese = (piece) => /^\p{Script=Han}/u.test(piece);
  const tokenize = (text) =>
    (text.toLowerCase().match(/\p{Script=Han}+|[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}\p{N}]+)*|\S/gu) || [])
      .flatMap((piece) => (isChinese(piece) ? longestMatch(piece) : [piece]));

  // ---- the network ---------------------------------------------------------------------------

  const sigmoid = (a) => 1 / (1 + Math.exp(-a));
  // out += row W, for a row and a matrix in row-major order
  const addProduct = (out, row, { shape: [, columns], values }) => {
    row.forEach((x, i) => {
      for (let j = 0; j < columns; j += 1) out[j] += x * values[i * columns + j];
    });
    return out;
  };
  const block = Object.fromEntries(net.gates.map((name, k) => [name, k]));
  const lstm = (xs, way) => {
    const H = arrays[`${way}.W_h`].shape[0];
    let h = new Array(H).fill(0), c = new Array(H).fill(0);
    return xs.map((x) => {
      const a = addProduct(addProduct([...arrays[`${way}.b`].values], x, arrays[`${way}.W_x`]),
                           h, arrays[`${way}.W_h`]);
      const inside = (name, j) => a[block[name] * H + j];
      const gate = (name, j) => sigmoid(inside(name, j));
      c = c.map((old, j) => gate("f", j) * old + gate("i", j) * Math.tanh(inside("g", j)));
      h = c.map((now, j) => gate("o", j) * Math.tanh(now));
      return h;
    });
  };
  const read = (ids) => {
    const D = arrays.E.shape[1];
    const xs = ids.map((id) => [...arrays.E.values.slice(id * D, (id + 1) * D)]);
    const ahead = lstm(xs, "forward"), back = lstm(xs.slice().reverse(), "backward").reverse();
    const memory = xs.map((_, t) => [...ahead[t], ...back[t]]);
    const mean = memory[0].map((_, j) => memory.reduce((sum, h) => sum + h[j], 0) / memory.length);
    const y = addProduct([...arrays.b_y.values], mean, arrays.W_y);
    return { memory, p: sigmoid(y[1] - y[0]) };
  };

  // ---- the page ------------------------------------------------------------------------------

  const id = `live-${net.language}`;
  box.insertAdjacentHTML("afterbegin",
    `<label for="${id}">${words.ask}</label><input id="${id}" type="text" autocomplete="off">` +
    `<p class="live-answer" aria-live="polite"></p><div class="live-memory" tabindex="0" role="img"></div>`);
  const [input, answer, picture] = ["input", ".live-answer", ".live-memory"].map((s) => box.querySelector(s));

  // Blue below zero, orange above; the sign is in the text for those who see no colours.
  const cell = (v) =>
    `<i style="background:rgb(${v < 0 ? "58 110 165" : "200 110 20"} / ${Math.min(1, Math.abs(v)).toFixed(2)})"></i>`;
  const show = () => {
    const all = tokenize(input.value), tokens = all.slice(-net.limit);
    const real = tokens.filter((token) => /[\p{L}\p{N}]/u.test(token));
    const known = real.filter((token) => index.has(token)).length;
    picture.replaceChildren();
    picture.hidden = true;
    delete box.dataset.probability;
    if (!real.length) { answer.textContent = words.none; return; }
    if (2 * known < real.length) { answer.textContent = words.strange(known, real.length); return; }
    const ids = tokens.map((token) => index.get(token) ?? index.get(net.unknown));
    const { memory, p } = read(ids);
    const sofar = tokens.map((_, t) => read(ids.slice(0, t + 1)).p);
    box.dataset.probability = p;
    box.dataset.memory = JSON.stringify(memory);
    answer.textContent = `${net.classes[1]} ${p.toFixed(2)}.` +
      (known < real.length ? words.unknown(real.length - known) : "") +
      (tokens.length < all.length ? words.cut(net.limit) : "");
    picture.hidden = false;
    picture.setAttribute("aria-label", `${net.classes[1]}, ${words.each}: ` +
      tokens.map((token, t) => `${token} ${sofar[t].toFixed(2)}`).join(", "));
    for (const [t, token] of tokens.entries()) {
      const column = document.createElement("span");
      const name = document.createElement("b");
      name.textContent = token;
      column.append(name);
      column.insertAdjacentHTML("beforeend", memory[t].map(cell).join("") + `<small>${sofar[t].toFixed(2)}</small>`);
      picture.append(column);
    }
  };
  input.addEventListener("input", show);
  input.value = net.examples[0];
  show();
}
