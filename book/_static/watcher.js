// A network that watches a small film (rnncourse.widgets.watcher): of a motion that the reader
// chooses, or that he makes with the pointer, buttons or keys. What it computes with is in net.js;
// its weights are loaded when the first frame is there.
for (const [place, box] of document.querySelectorAll(".watcher").entries()) {
  const net = globalThis.rnnNet, { net: name, kilobytes } = box.dataset;
  const chinese = document.documentElement.lang.startsWith("zh");
  const say = (en, zh) => (chinese ? zh : en);
  const [classes, steps, things, right] = ["classes", "steps", "things", "right"].map((key) => JSON.parse(box.dataset[key]));
  const names = classes[chinese ? "zh" : "en"], K = names.length;
  const EDGE = 16, THING = 8, CHANNELS = 2, POOL = 2, MOST = 24, LENGTH = 12, PAUSE = 220, SURE = 0.6, MISSING = 0.4, SCALE = 12;
  const CHANGES = ["as it was", "backwards", "shuffled", "every second", "gaps", "one frame"];
  const KEYS = { ArrowRight: 0, ArrowLeft: 1, ArrowUp: 2, ArrowDown: 3, r: 4, R: 4, l: 5, L: 5, " ": 6 };
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let model = null, film = [], state = [4, 4, 0], shown = null, playing = 0, grabbed = null, asked = 0;

  // ---- what it says ------------------------------------------------------------------------

  const words = {
    thing: say("Thing", "图形"), motion: say("Motion", "运动"), play: say("Play", "播放"),
    own: say("Or move it yourself, a frame a step", "也可以自己动手，动一步就是一帧"),
    moves: ["→", "←", "↑", "↓", "↻", "↺", say("wait", "停一帧")],
    board: say("Board. Arrow keys move the thing, R and L turn it, the space bar waits.", "图板：方向键移动图形，R 键和 L 键转动它，空格键停一帧。"),
    drag: say("Drag the thing, or use the arrow keys, R, L and the space bar. What leaves at one edge comes in at the other.",
      "可以拖动图形，也可以用方向键、R 键、L 键和空格键。从一边出去，就从对面进来。"),
    anew: say("New film", "重新开始"), shown: say("The network is shown the film", "给网络看的影片"),
    changes: [say("as it was", "原样"), say("backwards", "倒放"), say("shuffled", "打乱顺序"), say("every second frame", "隔一帧取一帧"),
      say("with missing frames", "缺几帧"), say("one frame alone", "只有一帧")],
    table: say("Probability of each class after each frame, in percent", "看过每一帧之后各种运动的概率（百分数）"),
    classes: say("after frame", "看过第几帧"), frame: (t) => say(`Frame ${t}`, `第 ${t} 帧`), lost: (t) => say(`Frame ${t} is missing`, `第 ${t} 帧缺失`),
    empty: say("There is no frame yet.", "还没有影片。"),
    loading: say("The network is loading …", "正在加载网络……"),
    failed: say("The network did not load. Move once more to try again.", "网络没有加载成功，再动一步就会重试。"),
    said: (t, k, p) => say(`After frame ${t}: ${names[k]}, with probability ${p}.`, `看过第 ${t} 帧之后：${names[k]}，概率 ${p}。`),
    unsure: (t, k, p, j, q) => say(`After frame ${t} it isn't sure: ${names[k]} ${p}, ${names[j]} ${q}.`,
      `看过第 ${t} 帧之后还拿不准：${names[k]} ${p}，${names[j]} ${q}。`),
    single: say("One frame says nothing of the motion: all motions have the same frames.", "单独一帧看不出运动：各种运动的单帧完全一样。"),
    full: say(`Only the last ${MOST} frames are kept.`, `只保留最后 ${MOST} 帧。`),
    notes: {
      backwards: say("Backwards, the opposite motion is what is seen.", "倒放以后，看到的就是相反的运动。"),
      shuffled: say("Without their order the frames tell a pair of opposites at best. The network expects an order, and sees jumps that it never learned.",
        "没有了顺序，这些帧最多只能看出是哪一对相反的运动。网络是按顺序学的，现在看到的跳动它从没学过。"),
      "every second": say("Every second frame of a turn is a half turn, which looks the same either way.", "隔一帧看转动，每次正好转半圈，往哪边转看上去都一样。"),
      gaps: say("A missing frame changes nothing: the network waits, and compares the next one with the last that there was. It isn't told how many are missing.",
        "缺了一帧，网络什么也不变，等下一帧到了，再跟最后看到的那一帧比较。中间缺了几帧，它并不知道。"),
    },
    limits: say(`The network (${kilobytes} KB) loads with the first frame. It learned from films of handwritten digits and has seen none of the drawn shapes: after ten frames it is right in ${share(right.digits)} % of films of new digits, and in ${share(right.shapes)} % of those of the shapes. It knows one thing and seven motions; whatever else you do, it answers with one of the seven.`,
      `出现第一帧时才加载网络（${kilobytes} KB）。它只看过手写数字的影片，画出来的图形一个也没见过。看完十帧，没见过的数字有 ${share(right.digits)}% 说对，图形有 ${share(right.shapes)}% 说对。它只认得一个图形的七种运动，不管你怎么动，它都只会从这七种里选一种。`),
  };
  function share(p) { return (100 * p).toFixed(1); }

  // ---- the page ------------------------------------------------------------------------------

  const id = `watcher-${place}`, option = (text, k) => `<option value="${k}">${text}</option>`;
  box.replaceChildren();
  box.insertAdjacentHTML("afterbegin",
    `<div class="watcher-settings"><label for="${id}-thing">${words.thing}</label><select id="${id}-thing">` +
    things.map((one, k) => option(one[chinese ? "zh" : "en"], k)).join("") + `</select>` +
    `<label for="${id}-motion">${words.motion}</label><select id="${id}-motion">${names.map(option).join("")}</select>` +
    `<button type="button" class="watcher-play">${words.play}</button></div>` +
    `<p class="watcher-own">${words.own}</p><div class="watcher-desk">` +
    `<div class="watcher-board" role="group" tabindex="0" aria-label="${words.board}"><canvas width="${EDGE * SCALE}" height="${EDGE * SCALE}"></canvas></div>` +
    `<div class="watcher-moves" role="group" aria-label="${words.own}">` + words.moves.map((sign, k) =>
      `<button type="button" data-move="${k}"${k < 6 ? ` aria-label="${names[k]}"` : ""}>${sign}</button>`).join("") +
    `<button type="button" class="watcher-anew">${words.anew}</button></div></div><p class="watcher-hint">${words.drag}</p>` +
    `<fieldset class="watcher-changes"><legend>${words.shown}</legend>` + words.changes.map((text, k) =>
      `<label><input type="radio" name="${id}" value="${CHANGES[k]}"${k ? "" : " checked"}> ${text}</label>`).join("") + `</fieldset>` +
    `<div class="watcher-film" role="region" tabindex="0" aria-label="${words.table}" hidden></div>` +
    `<p class="watcher-said" role="status">${words.empty}</p><p class="watcher-note"></p><p class="watcher-limits">${words.limits}</p>`);
  const [thing, motion] = ["thing", "motion"].map((part) => box.querySelector(`#${id}-${part}`));
  const [play, board, canvas, anew, table, said, note] = [".watcher-play", ".watcher-board", "canvas", ".watcher-anew", ".watcher-film",
    ".watcher-said", ".watcher-note"].map((selector) => box.querySelector(selector));

  // ---- frames --------------------------------------------------------------------------------

  const wrapped = (k, n) => ((k % n) + n) % n;
  const pixels = things.map((one) => Float64Array.from(one.pixels, (sign) => parseInt(sign, 17) / 16));

  // As films.show_states draws: a thing at a row and a column, after quarter turns clockwise.
  function frameOf([row, column, turns], picture) {
    const frame = new Float64Array(EDGE * EDGE), last = THING - 1;
    for (let y = 0; y < THING; y += 1) {
      for (let x = 0; x < THING; x += 1) {
        const [i, j] = [[y, x], [last - x, y], [last - y, last - x], [x, last - y]][wrapped(turns, 4)];
        frame[wrapped(row + y, EDGE) * EDGE + wrapped(column + x, EDGE)] = picture[i * THING + j];
      }
    }
    return frame;
  }

  function paint(target, frame, scale) {
    const context = target.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, EDGE * scale, EDGE * scale);
    for (let k = 0; k < EDGE * EDGE; k += 1) {
      if (!frame[k]) continue;
      context.fillStyle = `rgb(255 255 255 / ${frame[k]})`;
      context.fillRect((k % EDGE) * scale, Math.floor(k / EDGE) * scale, scale, scale);
    }
  }

  // Which frames are shown, and whether each is there, as watcher.changed; the same chance for the same length.
  function changed(change, T) {
    const all = Array.from({ length: T }, (_, t) => t), chance = net.random(T);
    if (change === "backwards") all.reverse();
    if (change === "shuffled") {
      for (let t = T - 1; t > 0; t -= 1) {
        const s = Math.floor(chance() * (t + 1));
        [all[t], all[s]] = [all[s], all[t]];
      }
    }
    const order = change === "one frame" ? all.slice(0, 1) : all.filter((t) => change !== "every second" || t % 2 === 0);
    return { order, seen: order.map((_, t) => change !== "gaps" || t === 0 || t === T - 1 || chance() >= MISSING) };
  }

  // ---- the network ---------------------------------------------------------------------------

  // Filters wherever they fit, and nothing below zero: {Y, X, C, values} → {Y, X, C, values}; W (K K C, F).
  function filtered({ Y, X, C, values }, { W, b }) {
    const F = W.shape[1], K = Math.sqrt(W.shape[0] / C), R = Y - K + 1, S = X - K + 1, w = W.values, out = new Float64Array(R * S * F);
    for (let y = 0; y < R; y += 1) {
      for (let x = 0; x < S; x += 1) {
        const sums = out.subarray((y * S + x) * F, (y * S + x + 1) * F);
        sums.set(b.values);
        for (let a = 0; a < K; a += 1) {
          const from = ((y + a) * X + x) * C;
          for (let k = 0; k < K * C; k += 1) {
            const v = values[from + k], start = (a * K * C + k) * F;
            if (v !== 0) for (let f = 0; f < F; f += 1) sums[f] += v * w[start + f];
          }
        }
        for (let f = 0; f < F; f += 1) sums[f] = Math.max(sums[f], 0);
      }
    }
    return { Y: R, X: S, C: F, values: out };
  }

  function pooled({ Y, X, C, values }, size) {
    const R = Math.floor(Y / size), S = Math.floor(X / size), out = new Float64Array(R * S * C).fill(-Infinity);
    for (let y = 0; y < R * size; y += 1) {
      for (let x = 0; x < S * size; x += 1) {
        const to = (Math.floor(y / size) * S + Math.floor(x / size)) * C, from = (y * X + x) * C;
        for (let c = 0; c < C; c += 1) out[to + c] = Math.max(out[to + c], values[from + c]);
      }
    }
    return { Y: R, X: S, C, values: out };
  }

  // What is found anywhere in a frame and the one before it; the board goes on beyond its edges.
  function features(frame, before) {
    const { first, second } = model, K = Math.sqrt(first.W.shape[0] / CHANNELS), L = Math.sqrt(second.W.shape[0] / first.W.shape[1]);
    const wide = EDGE + K - 1 + POOL * (L - 1), values = new Float64Array(wide * wide * CHANNELS);
    for (let y = 0; y < wide; y += 1) {
      for (let x = 0; x < wide; x += 1) {
        const from = (y % EDGE) * EDGE + (x % EDGE), to = (y * wide + x) * CHANNELS;
        [values[to], values[to + 1]] = [frame[from], before[from]];
      }
    }
    const found = filtered(pooled(filtered({ Y: wide, X: wide, C: CHANNELS, values }, first), POOL), second);
    return Float64Array.from({ length: found.C }, (_, c) => {
      let most = 0;
      for (let k = c; k < found.values.length; k += found.C) most = Math.max(most, found.values[k]);
      return most;
    });
  }

  // After each frame the probabilities of the classes; a missing frame leaves them as they were.
  function watch(frames, seen) {
    let h = net.start.gru(model.cell), before = null, p = new Float64Array(K).fill(1 / K);
    return frames.map((frame, t) => {
      if (seen[t]) {
        h = net.gru(features(frame, before ?? frame), h, model.cell);
        p = net.softmax(net.dense(h, model.output.W_y, model.output.b_y));
        before = frame;
      }
      return p;
    });
  }

  async function ready() {
    if (model) return;
    said.textContent = words.loading;
    const { arrays } = await net.load(name);
    model = Object.fromEntries(["first", "second", "cell", "output"].map((part) => [part, net.part(arrays, part)]));
  }

  // ---- what is seen of it ----------------------------------------------------------------------

  const made = (kind, text = "", extra = {}) => Object.assign(document.createElement(kind), { textContent: text, ...extra });

  function thumbnail(frame, there, t) {
    const cell = made("th", "", { scope: "col" }), button = made("button", "", { type: "button", title: words.frame(t + 1) });
    button.setAttribute("aria-label", there ? words.frame(t + 1) : words.lost(t + 1));
    if (there) {
      const small = made("canvas", "", { width: 2 * EDGE, height: 2 * EDGE });
      paint(small, frame, 2);
      button.append(small);
      button.addEventListener("click", () => paint(canvas, frame, SCALE));
    } else {
      button.textContent = "?";
      button.disabled = true;
    }
    cell.append(button);
    return cell;
  }

  function draw({ frames, seen, p }) {
    const grid = made("table"), head = made("tr"), body = made("tbody");
    head.append(made("th", words.classes, { scope: "row" }), ...frames.map((frame, t) => thumbnail(frame, seen[t], t)));
    for (const [k, label] of names.entries()) {
      const row = made("tr");
      row.append(made("th", label, { scope: "row" }), ...p.map((all, t) => {
        const cell = made("td", String(Math.round(100 * all[k])), { className: seen[t] ? "" : "watcher-lost" });
        cell.style.setProperty("--p", `${(100 * all[k]).toFixed(1)}%`);
        return cell;
      }));
      body.append(row);
    }
    const top = made("thead");
    top.append(head);
    grid.append(top, body);
    table.replaceChildren(grid);
    table.hidden = false;
    table.scrollLeft = table.scrollWidth;
  }

  function tell({ p, seen, change, full }) {
    const last = p.at(-1), order = [...last.keys()].sort((a, b) => last[b] - last[a]), number = (k) => last[k].toFixed(2), [k, j] = order;
    const alone = seen.filter(Boolean).length < 2;
    said.textContent = last[k] < SURE ? words.unsure(p.length, k, number(k), j, number(j)) : words.said(p.length, k, number(k));
    note.textContent = [alone ? words.single : words.notes[change], full && words.full].filter(Boolean).join(" ");
  }

  // Everything anew from the film as it stands.
  async function show() {
    const turn = (asked += 1);
    if (!film.length) {
      [shown, box.trace, table.hidden, said.textContent, note.textContent] = [null, null, true, words.empty, ""];
      return;
    }
    try {
      await ready();
    } catch {
      said.textContent = words.failed;
      return;
    }
    if (turn !== asked) return;  // another frame came while it loaded
    const change = box.querySelector("[type=radio]:checked").value, { order, seen } = changed(change, film.length);
    const frames = order.map((t) => film[t]);
    shown = { change, order, seen, frames, p: watch(frames, seen), full: film.length === MOST };
    box.trace = shown;
    draw(shown);
    tell(shown);
  }

  // ---- what the reader does --------------------------------------------------------------------

  const now = () => frameOf(state, pixels[thing.value]);

  function stop() {
    clearTimeout(playing);
    playing = 0;
  }

  // A frame more: the thing as it stands now.
  function add() {
    film = [...film, now()].slice(-MOST);
    paint(canvas, film.at(-1), SCALE);
  }

  function move(k) {
    if (!film.length) add();
    state = state.map((value, axis) => wrapped(value + steps[k][axis], axis === 2 ? 4 : EDGE));
    add();
  }

  function again() {
    stop();
    film = [];
    paint(canvas, now(), SCALE);
    show();
  }

  function run() {
    stop();
    film = [];
    add();
    const more = () => {
      move(Number(motion.value));
      if (film.length < LENGTH) playing = setTimeout(more, PAUSE);
      show();
    };
    if (calm.matches) {
      while (film.length < LENGTH) move(Number(motion.value));
      show();
    } else {
      show();
      playing = setTimeout(more, PAUSE);
    }
  }

  function own(k) {
    stop();
    move(k);
    show();
  }

  // The cell of the board under the pointer.
  function under(event) {
    const area = canvas.getBoundingClientRect(), at = (v, start, length) => Math.floor((EDGE * (v - start)) / length);
    return [at(event.clientY, area.top, area.height), at(event.clientX, area.left, area.width)];
  }

  // One pixel a frame, along the longer way first.
  function drag(event) {
    if (!grabbed) return;
    const to = under(event);
    for (let left = MOST; left > 0; left -= 1) {
      const [rows, columns] = to.map((v, axis) => v - grabbed[axis]);
      if (!rows && !columns) break;
      const across = Math.abs(columns) >= Math.abs(rows);
      move(across ? (columns > 0 ? 0 : 1) : (rows > 0 ? 3 : 2));
      grabbed[across ? 1 : 0] += Math.sign(across ? columns : rows);
      show();
    }
  }

  play.addEventListener("click", run);
  anew.addEventListener("click", again);
  thing.addEventListener("change", again);
  for (const radio of box.querySelectorAll("[type=radio]")) radio.addEventListener("change", () => { stop(); show(); });
  for (const button of box.querySelectorAll("[data-move]")) button.addEventListener("click", () => own(Number(button.dataset.move)));
  board.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    own(KEYS[event.key]);
  });
  canvas.addEventListener("pointerdown", (event) => {
    stop();
    grabbed = under(event);
    canvas.setPointerCapture(event.pointerId);
    if (!film.length) { add(); show(); }
  });
  canvas.addEventListener("pointermove", drag);
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => { grabbed = null; });
  paint(canvas, now(), SCALE);
}
