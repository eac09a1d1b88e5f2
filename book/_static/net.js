// Recurrent networks in the page: what rnncourse.widgets.weights recorded is read here, and
// computed with, in the package's conventions. Vectors are rows, h W + b; a GRU's columns are
// those of r, z, n, an LSTM's those of i, f, g, o. A classic script with one global, `rnnNet`, and
// weights in classic scripts too: a page that was opened from a disk may load nothing else.
(() => {
  const here = globalThis.document?.currentScript?.src;
  const waiting = new Map();  // name → {promise, resolve, reject}
  const GRU = ["r", "z", "n"], LSTM = ["i", "f", "g", "o"];

  // ---- weights -----------------------------------------------------------------------------

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;

  // {name: {shape, values: Float32Array}}; a matrix in row-major order
  function unpack(packed) {
    const arrays = {};
    for (const [name, { shape, axis, scales, values }] of Object.entries(packed)) {
      if (shape.length === 1) {
        arrays[name] = { shape, values: new Float32Array(bytes(values)) };
        continue;
      }
      const small = new Int8Array(bytes(values)), scale = new Float32Array(bytes(scales));
      const full = new Float32Array(small.length), columns = shape[1];
      for (let k = 0; k < small.length; k += 1) {
        full[k] = small[k] * scale[axis === 0 ? k % columns : Math.floor(k / columns)];
      }
      arrays[name] = { shape, values: full };
    }
    return arrays;
  }

  // The arrays below a name: part(arrays, "cell").W_x
  function part(arrays, name) {
    const found = {};
    for (const key of Object.keys(arrays)) {
      if (key.startsWith(`${name}.`)) found[key.slice(name.length + 1)] = arrays[key];
    }
    return found;
  }

  // A recorded network, loaded once for the page: a promise of {arrays, …what else it has}.
  function load(name) {
    if (waiting.has(name)) return waiting.get(name).promise;
    const entry = {};
    entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
    waiting.set(name, entry);
    const script = document.createElement("script");
    script.src = new URL(`../../live/${name}.js`, here);
    script.addEventListener("error", () => {
      waiting.delete(name);  // so that the next click tries again
      script.remove();
      entry.reject(new Error(`${name} did not load`));
    });
    document.head.append(script);
    return entry.promise;
  }

  // Called by the file that load asked for.
  function receive(name, network) {
    const { weights, ...rest } = network;
    waiting.get(name)?.resolve({ ...rest, arrays: unpack(weights) });
  }

  // ---- layers ------------------------------------------------------------------------------

  const sigmoid = (a) => 1 / (1 + Math.exp(-a));

  function softmax(scores) {
    let most = -Infinity;
    for (const y of scores) most = Math.max(most, y);
    const p = Float64Array.from(scores, (y) => Math.exp(y - most));
    const sum = p.reduce((a, b) => a + b, 0);
    return p.map((v) => v / sum);
  }

  // row W + b: (I) times (I, J) → (J); without b the product alone
  function dense(row, W, b) {
    const [I, J] = W.shape, out = new Float64Array(J), w = W.values;
    if (b) out.set(b.values);
    for (let i = 0; i < I; i += 1) {
      const x = row[i], start = i * J;
      if (x === 0) continue;
      for (let j = 0; j < J; j += 1) out[j] += x * w[start + j];
    }
    return out;
  }

  // row Wᵀ + b: (J) times the transpose of (I, J) → (I), as an output layer tied to an embedding
  function denseTransposed(row, W, b) {
    const [I, J] = W.shape, out = new Float64Array(I), w = W.values;
    for (let i = 0; i < I; i += 1) {
      let sum = b ? b.values[i] : 0;
      for (let j = 0, k = i * J; j < J; j += 1, k += 1) sum += row[j] * w[k];
      out[i] = sum;
    }
    return out;
  }

  // Row `token` of E, (D)
  const embedding = (token, { shape: [, D], values }) =>
    Float64Array.from(values.subarray(token * D, (token + 1) * D));

  const zeros = (p) => new Float64Array(p.W_h.shape[0]);

  // One step of each cell; h (H), x (D); p = {W_x, W_h, b}, a GRU's with b_hn (H).
  function rnn(x, h, p) {
    const recurrent = dense(h, p.W_h);
    return dense(x, p.W_x, p.b).map((a, j) => Math.tanh(a + recurrent[j]));
  }

  function gru(x, h, p) {
    const H = h.length, a = dense(x, p.W_x, p.b), u = dense(h, p.W_h);
    const [R, Z, N] = ["r", "z", "n"].map((gate) => GRU.indexOf(gate) * H);
    return h.map((old, j) => {
      const r = sigmoid(a[R + j] + u[R + j]), z = sigmoid(a[Z + j] + u[Z + j]);
      const n = Math.tanh(a[N + j] + r * (u[N + j] + p.b_hn.values[j]));
      return (1 - z) * n + z * old;
    });
  }

  function lstm(x, [h, c], p) {
    const H = h.length, recurrent = dense(h, p.W_h);
    const a = dense(x, p.W_x, p.b).map((v, j) => v + recurrent[j]);
    const [I, F, G, O] = ["i", "f", "g", "o"].map((gate) => LSTM.indexOf(gate) * H);
    const cell = c.map((old, j) => sigmoid(a[F + j]) * old + sigmoid(a[I + j]) * Math.tanh(a[G + j]));
    return [cell.map((now, j) => sigmoid(a[O + j]) * Math.tanh(now)), cell];
  }

  // The state before the first step, and the h of a state.
  const start = { rnn: zeros, gru: zeros, lstm: (p) => [zeros(p), zeros(p)] };
  const step = { rnn, gru, lstm };
  const hidden = (state) => (Array.isArray(state) ? state[0] : state);

  // ---- one sequence into another: GRUs; the decoder "luong" of nn.decoder ----------------------------

  const beside = (a, b) => Float64Array.from([...a, ...b]);

  // The encoder's outputs of both directions, side by side, and the decoder's first state.
  function encode(ids, arrays) {
    const xs = ids.map((id) => embedding(id, arrays["encoder.embedding.E"]));
    const [ahead, back] = [xs, xs.slice().reverse()].map((way, k) => {
      const p = part(arrays, `encoder.cell.${k}`);
      let h = zeros(p);
      return way.map((x) => (h = gru(x, h, p)));
    });
    const last = beside(ahead.at(-1), back.at(-1)), bridge = part(arrays, "bridge.h");
    const outputs = ahead.map((h, t) => beside(h, back[back.length - 1 - t]));
    return { outputs, first: dense(last, bridge.W_y, bridge.b_y).map(Math.tanh) };
  }

  // Of keys what the scores read, "additive" or "general" as the parameters are.
  const prepare = (keys, p) => keys.map((key) => (p.W ? denseTransposed(key, p.W) : dense(key, p.W_k, p.b)));

  // Weights (T) of a query's scores, and the keys' weighted mean; ready: what prepare returned.
  function attend(query, keys, ready, p) {
    const asked = p.W ? query : dense(query, p.W_q);
    const term = p.W ? (a, q) => a * q : (a, q, j) => Math.tanh(a + q) * p.v.values[j];
    const weights = softmax(ready.map((key) => key.reduce((sum, a, j) => sum + term(a, asked[j], j), 0)));
    const context = keys[0].map((_, j) => keys.reduce((sum, key, t) => sum + weights[t] * key[j], 0));
    return { weights, context };
  }

  // What writes after reading ids: its first state, and of a token and a state {h, scores, weights}.
  function writer(ids, arrays) {
    const { outputs, first } = encode(ids, arrays);
    const [cell, attention, combine, output] = ["cell", "attention", "combine", "output"]
      .map((name) => part(arrays, `decoder.${name}`));
    const ready = prepare(outputs, attention);
    const step = (token, before) => {
      const h = gru(embedding(token, arrays["decoder.embedding.E"]), before, cell);
      const { weights, context } = attend(h, outputs, ready, attention);
      const combined = dense(beside(h, context), combine.W_y, combine.b_y).map(Math.tanh);
      return { h, weights, scores: dense(combined, output.W_y, output.b_y) };
    };
    return { first, step };
  }

  // Always the most probable token, up to `end`: of each step {token, p: of all, weights}.
  function translate(ids, arrays, { start: first, end, length }) {
    const { first: begin, step } = writer(ids, arrays), steps = [];
    for (let state = begin, token = first; steps.length < length && token !== end;) {
      const { h, weights, scores } = step(token, state);
      scores[first] = -Infinity;  // no text has the start token
      const p = softmax(scores);
      token = p.indexOf(p.reduce((a, b) => Math.max(a, b)));
      steps.push({ token, p, weights });
      state = h;
    }
    return steps;
  }

  // ---- pictures: convolution, pooling, and the captioner of nn.captioning ----------------------------
  // A picture is {shape: [Y, X, C], values}, row by row, channels last.

  // Filters at each place, zeros around the picture; W (K K C, F), b (F).
  function conv2d({ shape: [Y, X, C], values }, W, b) {
    const F = W.shape[1], K = Math.sqrt(W.shape[0] / C), before = (K - 1) >> 1, w = W.values;
    const out = new Float64Array(Y * X * F);
    for (let place = 0; place < Y * X; place += 1) {
      const sums = out.subarray(place * F, (place + 1) * F), y = Math.floor(place / X), x = place % X;
      sums.set(b.values);
      for (let k = 0; k < K * K; k += 1) {
        const i = y + Math.floor(k / K) - before, j = x + (k % K) - before;
        if (i < 0 || i >= Y || j < 0 || j >= X) continue;
        for (let c = 0; c < C; c += 1) {
          const v = values[(i * X + j) * C + c], start = (k * C + c) * F;
          if (v !== 0) for (let f = 0; f < F; f += 1) sums[f] += v * w[start + f];
        }
      }
    }
    return { shape: [Y, X, F], values: out };
  }

  const relu = ({ shape, values }) => ({ shape, values: values.map((v) => Math.max(v, 0)) });

  // The largest number of each window of `size` rows and columns, channel by channel.
  function maxPool({ shape: [Y, X, C], values }, size) {
    const R = Math.floor(Y / size), S = Math.floor(X / size), out = new Float64Array(R * S * C).fill(-Infinity);
    for (let y = 0; y < R * size; y += 1) {
      for (let x = 0; x < S * size; x += 1) {
        const to = (Math.floor(y / size) * S + Math.floor(x / size)) * C, from = (y * X + x) * C;
        for (let c = 0; c < C; c += 1) out[to + c] = Math.max(out[to + c], values[from + c]);
      }
    }
    return { shape: [R, S, C], values: out };
  }

  // The keys of a picture, one for each place, row and column beside the features, -1 to 1.
  function look(picture, arrays, pools) {
    const { shape: [R, S, F], values } = pools.reduce((seen, size, k) => {
      const { W, b } = part(arrays, `eyes.${k}`);
      return maxPool(relu(conv2d(seen, W, b)), size);
    }, picture);
    const along = (k, n) => (n > 1 ? (2 * k) / (n - 1) - 1 : 0), { W_y, b_y } = part(arrays, "keys");
    return Array.from({ length: R * S }, (_, g) => dense([...values.subarray(g * F, (g + 1) * F),
      along(Math.floor(g / S), R), along(g % S, S)], W_y, b_y).map(Math.tanh));
  }

  // A sentence about keys, always the most probable word: of each step {token, p: of all, weights}.
  function describe(keys, arrays, { start: first, end, length }) {
    const [cell, attention, combine, output] = ["cell", "attention", "combine", "output"].map((name) => part(arrays, `decoder.${name}`));
    const ready = prepare(keys, attention), bridge = part(arrays, "bridge.h"), steps = [];
    const mean = keys[0].map((_, j) => keys.reduce((sum, key) => sum + key[j], 0) / keys.length);
    let h = dense(mean, bridge.W_y, bridge.b_y).map(Math.tanh);
    for (let token = first; steps.length < length && token !== end;) {
      h = gru(embedding(token, arrays["decoder.embedding.E"]), h, cell);
      const { weights, context } = attend(h, keys, ready, attention);
      const scores = dense(dense(beside(h, context), combine.W_y, combine.b_y).map(Math.tanh), output.W_y, output.b_y);
      scores[first] = -Infinity;  // no sentence has the start token
      const p = softmax(scores);
      token = p.indexOf(p.reduce((a, b) => Math.max(a, b)));
      steps.push({ token, p, weights });
    }
    return steps;
  }

  // ---- chance ------------------------------------------------------------------------------

  // Numbers in [0, 1) that the same seed repeats on any machine (mulberry32, Ettinger 2017).
  function random(seed) {
    let a = seed >>> 0;
    return () => {
      a = (a + 0x6d2b79f5) >>> 0;
      let t = Math.imul(a ^ (a >>> 15), a | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  // A number drawn with probabilities p; `u` is what random() gave.
  function draw(p, u) {
    let sum = 0, last = 0;
    for (let k = 0; k < p.length; k += 1) {
      if (p[k] === 0) continue;
      sum += p[k];
      last = k;
      if (u < sum) return k;
    }
    return last;  // rounding left the sum short of 1
  }

  // ---- words -------------------------------------------------------------------------------

  // As rnncourse.nlp.text.words cuts: a run of Chinese characters, a word, a number, any other sign.
  const HAN = "\\u3005\\u3007\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}";
  const MARKS = "\\u0300-\\u036f", FLAG = "[\\u{1f1e6}-\\u{1f1ff}]{2}";
  const JOINED = "[\\ufe0e\\ufe0f\\u20e3\\u{1f3fb}-\\u{1f3ff}]|\\u200d\\S";
  const WORD = `(?:(?![${HAN}])[\\p{L}\\p{Nl}\\p{No}][${MARKS}]*)+`;
  const PIECES = new RegExp(`(?<han>[${HAN}]+)|${WORD}(?:['’]${WORD})*` +
    `|\\p{Nd}+(?:[.,]\\p{Nd}+)*(?!\\ufe0f)|${FLAG}|\\S(?:${JOINED}|[${MARKS}])*`, "gu");

  // Tokens of a text; `known` is a Set or Map of words, the longest of which cuts Chinese. Where
  // it has "n't", an unknown word that ends so is two tokens (rnncourse.widgets.live.tokens).
  function words(text, known) {
    let longest = 1;
    for (const word of known.keys()) longest = Math.max(longest, word.length);
    const not = "n't";
    const parts = (word) => (known.has(not) && !known.has(word) && word.endsWith(not) && word !== not
      ? [word.slice(0, -not.length), not] : [word]);
    return [...text.toLowerCase().matchAll(PIECES)].flatMap((piece) =>
      piece.groups.han ? longestMatch([...piece[0]], known, longest) : parts(piece[0]));
  }

  // A run of characters, cut from the left by the longest known word, else by one character.
  function longestMatch(run, known, longest) {
    const found = [];
    for (let at = 0; at < run.length; at += [...found.at(-1)].length) {
      let end = Math.min(run.length, at + longest);
      while (end > at + 1 && !known.has(run.slice(at, end).join(""))) end -= 1;
      found.push(run.slice(at, end).join(""));
    }
    return found;
  }

  // ---- tokens of a tagger --------------------------------------------------------------------

  // As rnncourse.widgets.tagger reads: what a text has between spaces, of its first characters.
  const LOOKED = 2000, UNKNOWN = "*", FACTOR = 7919, SHAPES = ["small", "first", "capitals", "mixed", "digits"];

  function pieces(typed) {
    const signs = [...typed];
    return { pieces: signs.slice(0, LOOKED).join("").split(/[\s\x1c-\x1f\x85]+/).filter(Boolean), more: signs.length > LOOKED };
  }

  const narrow = (sign) => {
    const plain = sign.normalize("NFKC");
    return [...plain].length === 1 && !/\s/.test(plain) ? plain : sign;
  };
  const bare = (word) => word.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");

  function form(word) {
    const plain = word.normalize("NFKC").replaceAll("’", "'").toLowerCase();
    return bare(plain) || plain;
  }

  function shape(word) {
    const plain = bare(word), [, ...others] = plain, rest = others.join("");
    if (/\p{Nd}/u.test(plain)) return SHAPES.indexOf("digits");
    if (plain === plain.toLowerCase()) return SHAPES.indexOf("small");
    if (plain === plain.toUpperCase() && others.length) return SHAPES.indexOf("capitals");
    return SHAPES.indexOf(rest === rest.toLowerCase() ? "first" : "mixed");
  }

  // Of tokens the numbers, those of what is read beside them, and which are not known; index: a Map.
  function numbered(tokens, { index, embedding: { S } }, chinese) {
    const names = tokens.map(chinese ? narrow : form);
    const known = (k) => index.has(names[k]) && !names[k].startsWith(UNKNOWN);
    const stand = (word) => UNKNOWN + (/\p{Nd}/u.test(word) ? "0" : [...word].slice(-2).join(""));
    const ids = names.map((word) => index.get(word) ?? (chinese ? undefined : index.get(stand(word))) ?? index.get(UNKNOWN));
    const pair = (t) => ((t ? ids[t - 1] : 0) * FACTOR + ids[t]) % S.shape[0];
    return { ids, beside: tokens.map((token, t) => (chinese ? pair(t) : shape(token))),
      unknown: [...tokens.keys()].filter((k) => !known(k)) };
  }

  // Rows of both embeddings side by side.
  const rows = ({ ids, beside }, { E, S }) => ids.map((number, t) => [...embedding(number, E), ...embedding(beside[t], S)]);

  // States of an LSTM at each step.
  function pass(xs, cell) {
    let state = start.lstm(cell);
    return xs.map((x) => (state = lstm(x, state, cell))[0]);
  }

  // The best path of a chain; among equals the lower number.
  function viterbi(emissions, { start: first, end, step: next }) {
    const K = first.length, back = [];
    let best = Float64Array.from(first, (score, k) => score + emissions[0][k]);
    for (const row of emissions.slice(1)) {
      const from = new Int32Array(K), now = new Float64Array(K);
      for (let k = 0; k < K; k += 1) {
        let most = -Infinity;
        for (let j = 0; j < K; j += 1) {
          const score = best[j] + next[j * K + k];
          if (score > most) [most, from[k]] = [score, j];
        }
        now[k] = most + row[k];
      }
      back.push(from);
      best = now;
    }
    const ended = [...best].map((score, k) => score + end[k]), path = [ended.indexOf(Math.max(...ended))];
    for (const from of back.reverse()) path.unshift(from[path[0]]);
    return path;
  }

  // ---- what a page shows of it ---------------------------------------------------------------

  // A number's colour: blue below zero, orange above, stronger the larger; 1 is strongest.
  const colour = (v) =>
    `rgb(${v < 0 ? "58 110 165" : "200 110 20"} / ${Math.min(1, Math.abs(v)).toFixed(2)})`;

  globalThis.rnnNet = {
    load, receive, unpack, part, sigmoid, softmax, dense, denseTransposed, embedding,
    rnn, gru, lstm, start, step, hidden, writer, translate, random, draw, words, colour,
    pieces, narrow, numbered, rows, pass, viterbi, conv2d, relu, maxPool, look, describe,
  };
})();
