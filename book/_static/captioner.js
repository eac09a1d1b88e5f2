// A network that describes a board of shapes (rnncourse.widgets.captioner, rnncourse.data.scenes).
// What it computes with is in net.js; its weights are loaded when the reader first does something.
for (const [place, box] of document.querySelectorAll(".captioner").entries()) {
  const net = globalThis.rnnNet, { net: name, kilobytes } = box.dataset;
  const chinese = document.documentElement.lang.startsWith("zh"), say = (en, zh) => (chinese ? zh : en);
  const examples = JSON.parse(box.dataset.examples);

  // ---- scenes, as rnncourse.data.scenes has them -----------------------------------------------

  const GRID = 4, CELL = 6, MOST = 3, PAUSE = 450;  // things that it learnt; milliseconds for a word
  const POOLS = [2, 3], PLAN = { start: 0, end: 1, length: 30 };
  const SHAPES = ["circle", "square", "triangle"], COLOURS = ["red", "green", "blue", "yellow"], SIZES = ["small", "large"];
  const PAINT = { red: [213, 94, 0], green: [0, 158, 115], blue: [0, 114, 178], yellow: [240, 228, 66] };
  const MASKS = {  // rows of a cell
    "large circle": [".####.", "######", "######", "######", "######", ".####."],
    "large square": ["######", "######", "######", "######", "######", "######"],
    "large triangle": ["..##..", "..##..", ".####.", ".####.", "######", "######"],
    "small circle": ["......", "..##..", ".####.", ".####.", "..##..", "......"],
    "small square": ["......", ".####.", ".####.", ".####.", ".####.", "......"],
    "small triangle": ["......", "..##..", "..##..", ".####.", ".####.", "......"],
  };
  const ZH = { circle: "圆", square: "正方形", triangle: "三角形", red: "红色", green: "绿色", blue: "蓝色", yellow: "黄色",
    small: "小的", large: "大的", "left of": "左边", "right of": "右边", above: "上方", below: "下方" };
  const EN = Object.fromEntries(Object.entries(ZH).map(([en, zh]) => [zh, en]));
  const EMPTY = { en: ["the board is empty", "nothing is on the board"], zh: ["棋盘是空的", "棋盘上没有东西"] };
  const HOLDS = { "left of": (a, b) => a.column < b.column, "right of": (a, b) => a.column > b.column,
    above: (a, b) => a.row < b.row, below: (a, b) => a.row > b.row };
  const kindOf = ({ size, colour, shape }) => `${size} ${colour} ${shape}`;
  const rank = ({ size, colour, shape }) => (SIZES.indexOf(size) * COLOURS.length + COLOURS.indexOf(colour)) * SHAPES.length + SHAPES.indexOf(shape);
  const joined = (found, language) => found.join(language === "zh" ? "" : " ");

  // (24, 24, 3), 0 to 1
  function drawn(things) {
    const side = GRID * CELL, values = new Float64Array(side * side * 3);
    for (const { shape, colour, size, row, column } of things) {
      for (const [y, line] of MASKS[`${size} ${shape}`].entries()) {
        for (const [x, mark] of [...line].entries()) {
          const at = ((CELL * row + y) * side + CELL * column + x) * 3;
          if (mark === "#") PAINT[colour].forEach((v, c) => { values[at + c] = Math.fround(v / 255); });
        }
      }
    }
    return { shape: [side, side, 3], values };
  }

  // The usual sentence for up to three things.
  function usual(things, language) {
    const scene = [...things].sort((a, b) => rank(a) - rank(b) || a.row - b.row || a.column - b.column);
    if (!scene.length) return EMPTY[language][0];
    const named = (thing) => (language === "zh" ? [thing.size, thing.colour, thing.shape].map((word) => ZH[word]).join("") : `a ${kindOf(thing)}`);
    const where = (a, b) => {
      const down = a.row - b.row, right = a.column - b.column;
      return Math.abs(down) > Math.abs(right) ? (down > 0 ? "below" : "above") : (right > 0 ? "right of" : "left of");
    };
    const parts = scene.slice(1).map((other) => (language === "zh" ? `在${named(other)}${ZH[where(scene[0], other)]}` : `${where(scene[0], other)} ${named(other)}`));
    return language === "zh" ? named(scene[0]) + parts.join("，") : [named(scene[0]), parts.join(" and ")].join(" ").trim();
  }

  // What words say: kinds, and where the first lies seen from each other; null where they say nothing.
  function understood(words, language) {
    if (EMPTY[language].includes(joined(words, language))) return { kinds: [], names: [] };
    let left = joined(words, " ").replaceAll(" of", "_of").split(" ").map((word) => (language === "zh" ? EN[word] ?? word : word));
    const opening = language === "zh" ? "有 一个" : "there is", kinds = [], names = [];
    if (left.slice(0, 2).join(" ") === opening) left = left.slice(2);
    const take = (word) => (left[0] === word ? Boolean(left.shift()) : false);
    const kind = () => {
      if (language === "en" && !take("a")) return false;
      const [size, colour, shape] = left.splice(0, 3);
      kinds.push(`${size} ${colour} ${shape}`);
      return SIZES.includes(size) && COLOURS.includes(colour) && SHAPES.includes(shape);
    };
    if (!kind()) return null;
    for (let many = 0; left.length; many += 1) {
      if (many && !take(language === "zh" ? "，" : "and")) return null;
      if (language === "zh" ? !take("在") : false) return null;
      if (language === "en") names.push((left.shift() ?? "").replace("_", " "));
      if (!kind()) return null;
      if (language === "zh") names.push(left.shift());
      if (!(names.at(-1) in HOLDS)) return null;
    }
    return { kinds, names };
  }

  // Whether some order of the things has these kinds, and, where asked, the first lies as said.
  function fits({ kinds, names }, things, places, chosen = []) {
    if (chosen.length === kinds.length) {
      return chosen.length === things.length && (!places || names.every((where, k) => HOLDS[where](chosen[0], chosen[k + 1])));
    }
    return things.some((thing) => !chosen.includes(thing) && kindOf(thing) === kinds[chosen.length] && fits({ kinds, names }, things, places, [...chosen, thing]));
  }

  // ---- what it says ------------------------------------------------------------------------------

  const NAMES = { circle: "圆", square: "正方形", triangle: "三角形", red: "红", green: "绿", blue: "蓝", yellow: "黄", small: "小", large: "大" };
  const named = (word) => say(word, NAMES[word]);
  const thingName = (thing) => say(kindOf(thing), `${ZH[thing.size]}${ZH[thing.colour]}${ZH[thing.shape]}`);
  const percent = (p) => (p < 0.01 ? "<1%" : `${Math.floor(100 * p + 1e-9)}%`);
  const words = {
    choose: say("Choose a thing, then a place on the board. The same again takes it away.", "先选一样东西，再点棋盘上的格子；再点一次就拿掉。"),
    shape: say("Shape", "形状"), colour: say("Colour", "颜色"), size: say("Size", "大小"), language: say("Sentence in", "用哪种语言"),
    board: say("The board. Arrow keys move, Enter puts or takes away.", "棋盘。方向键移动，回车键放上或拿掉。"),
    cell: (row, column, thing) => say(`row ${row}, column ${column}: ${thing ? thingName(thing) : "empty"}`, `第 ${row} 行第 ${column} 列：${thing ? thingName(thing) : "空"}`),
    offers: say("Boards to take", "现成的棋盘"), offer: (k) => say(`Board ${k}`, `棋盘 ${k}`),
    random: say("Surprise me", "随机摆放"), clear: say("Empty the board", "清空棋盘"), go: say("Describe it", "描述棋盘"),
    play: say("Word by word", "逐词播放"), blank: say("Cover its eyes", "蒙住它的眼睛"),
    loading: say("The network is loading …", "正在加载网络……"),
    failed: say("The network did not load. Do something again to try once more.", "网络没有加载成功。再操作一次就会重试。"),
    hint: say("Put things on the board, or let it describe this one.", "请在棋盘上摆放，或者让它描述现在的棋盘。"),
    end: say("end", "结束"),
    map: say("Each word looked at the places with a ring; the numbers are its attention. Point at a word, or reach it with Tab.",
      "每个词看的是带方框的格子，数字是注意力权重。指向一个词，或者用 Tab 键选中它，就能看到。"),
    right: say("True: everything is named, and what is said of the places holds.", "说得对：东西都说到了，位置也没有说错。"),
    places: say("It names the right things, but not where they are.", "东西说对了，位置说错了。"),
    wrong: say("Not true of this board.", "这句话与棋盘不符。"),
    none: say("This is no sentence of the kind that it learnt.", "这不成句子，不是它学过的那种话。"),
    covered: say("Its eyes are covered: at every place it reads the mean of what it used to see there. So it writes the same whatever lies on the board.",
      "它的眼睛被蒙住了，每个格子读到的都是平时所见的平均值，所以无论棋盘上有什么，它写出的话都一样。"),
    many: (k) => say(`It learnt boards of ${MOST} things at most; here are ${k}.`, `它学过的棋盘最多有 ${MOST} 样东西，这里有 ${k} 样。`),
    rule: (line) => say(`The rule that it learnt from says: “${line}”.`, `按训练时的规则，应该说「${line}」。`),
    sure: (p) => say(`It gives its words a probability of ${p} each, in the geometric mean.`, `它平均给每个词的概率是 ${p}（几何平均）。`),
    limits: say(`The network (${kilobytes} KB) loads when you first do something, and runs in your browser. It learnt from boards that a program drew and sentences that a rule wrote. It knows these shapes, these words and boards of up to three things, and nothing of photographs.`,
      `第一次操作时加载网络（${kilobytes} KB），计算都在你的浏览器里进行。它只学过程序画的棋盘和按规则写的句子：只认得这几种形状、这些词，棋盘上最多三样东西，对照片一无所知。`),
  };

  // ---- the page ----------------------------------------------------------------------------------

  const id = `captioner-${place}`, made = (kind, text, className = "") => Object.assign(document.createElement(kind), { textContent: text, className });
  const radios = (group, all, label, first) => `<fieldset class="captioner-${group}"><legend>${label}</legend>${all.map(([value, text]) =>
    `<label><input type="radio" name="${id}-${group}" value="${value}"${value === first ? " checked" : ""}> ${text}</label>`).join("")}</fieldset>`;
  const dot = (word) => (PAINT[word] ? `<i style="background: rgb(${PAINT[word].join(" ")})"></i>` : "");
  const choices = (group, all) => radios(group, all.map((word) => [word, dot(word) + named(word)]), words[group], all[0]);
  box.replaceChildren();
  box.insertAdjacentHTML("afterbegin",
    `<p>${words.choose}</p><div class="captioner-desk"><div class="captioner-tools">` +
    choices("shape", SHAPES) + choices("colour", COLOURS) + choices("size", SIZES) +
    radios("language", [["en", '<span lang="en">English</span>'], ["zh", '<span lang="zh-CN">中文</span>']], words.language, say("en", "zh")) +
    `<label class="captioner-cover"><input type="checkbox"> ${words.blank}</label></div>` +
    `<div class="captioner-board" role="group" aria-label="${words.board}"><canvas width="${GRID * CELL}" height="${GRID * CELL}" aria-hidden="true"></canvas></div></div>` +
    `<div class="captioner-offers" role="group" aria-label="${words.offers}"></div>` +
    `<div class="captioner-buttons"><button type="button">${words.go}</button><button type="button">${words.random}</button>` +
    `<button type="button">${words.clear}</button><button type="button" disabled>${words.play}</button></div>` +
    `<p class="captioner-sentence"></p><p class="captioner-said" role="status" aria-live="polite">${words.hint}</p>` +
    `<p class="captioner-note"></p><p class="captioner-caption">${words.map}</p><p class="captioner-caption">${words.limits}</p>`);
  const [canvas, grid, offers, line, said, note, cover] = ["canvas", ".captioner-board", ".captioner-offers", ".captioner-sentence",
    ".captioner-said", ".captioner-note", "[type=checkbox]"].map((selector) => box.querySelector(selector));
  const [go, random, clear, play] = box.querySelectorAll(".captioner-buttons button");
  const picked = (group) => box.querySelector(`.captioner-${group} :checked`).value;

  const board = Array(GRID * GRID).fill(null), cells = [];  // on each place a thing, or null
  let model = null, run = null, timer = 0;
  for (let k = 0; k < board.length; k += 1) {
    const cell = Object.assign(made("button", ""), { type: "button", tabIndex: k ? -1 : 0 });
    cell.addEventListener("click", () => put(k));
    cell.addEventListener("keydown", (event) => move(event, k));
    cells.push(cell);
    grid.append(cell);
  }

  const lying = () => board.flatMap((thing, k) => (thing ? [{ ...thing, row: Math.floor(k / GRID), column: k % GRID }] : []));

  function paint() {
    const { values } = drawn(lying()), image = new ImageData(GRID * CELL, GRID * CELL);
    for (let k = 0; k < values.length / 3; k += 1) {
      for (let c = 0; c < 3; c += 1) image.data[4 * k + c] = Math.round(255 * values[3 * k + c]);
      image.data[4 * k + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    for (const [k, cell] of cells.entries()) {
      cell.setAttribute("aria-label", words.cell(Math.floor(k / GRID) + 1, (k % GRID) + 1, board[k]));
    }
  }

  // ---- the board under the reader's hands ------------------------------------------------------------

  function put(k) {
    const thing = { shape: picked("shape"), colour: picked("colour"), size: picked("size") };
    board[k] = board[k] && kindOf(board[k]) === kindOf(thing) ? null : thing;
    reach(k);
    changed();
  }

  function reach(k) {
    for (const [n, cell] of cells.entries()) cell.tabIndex = n === k ? 0 : -1;
  }

  function move(event, k) {
    const row = Math.floor(k / GRID), column = k % GRID, last = GRID - 1;
    const [r, c] = { ArrowUp: [Math.max(row - 1, 0), column], ArrowDown: [Math.min(row + 1, last), column],
      ArrowLeft: [row, Math.max(column - 1, 0)], ArrowRight: [row, Math.min(column + 1, last)] }[event.key] ?? [];
    if (r !== undefined) {
      event.preventDefault();
      reach(r * GRID + c);
      cells[r * GRID + c].focus();
    } else if (["Delete", "Backspace"].includes(event.key) && board[k]) {
      event.preventDefault();
      board[k] = null;
      changed();
    }
  }

  function lay(things) {
    board.fill(null);
    for (const { row, column, ...thing } of things) board[row * GRID + column] = thing;
    changed();
  }

  // One to three things anywhere.
  function surprise() {
    const any = (some) => some[Math.floor(Math.random() * some.length)], count = 1 + Math.floor(Math.random() * MOST);
    const free = [...board.keys()], things = [];
    while (things.length < count) {
      const [k] = free.splice(Math.floor(Math.random() * free.length), 1);
      things.push({ shape: any(SHAPES), colour: any(COLOURS), size: any(SIZES), row: Math.floor(k / GRID), column: k % GRID });
    }
    lay(things);
  }

  // ---- sentences -----------------------------------------------------------------------------------

  async function ready() {
    if (model) return;
    said.textContent = words.loading;
    model = await net.load(name);
  }

  function written() {
    const language = picked("language"), things = lying(), picture = drawn(things), arrays = net.part(model.arrays, language);
    const { blank: { shape: [G, H], values } } = arrays;
    const keys = cover.checked ? Array.from({ length: G }, (_, g) => Float64Array.from(values.subarray(g * H, (g + 1) * H)))
      : net.look(picture, arrays, POOLS);
    const steps = net.describe(keys, arrays, PLAN), tokens = steps.map(({ token }) => token).filter((token) => token !== PLAN.end);
    const found = tokens.map((token) => model.words[language][token]), meaning = understood(found, language);
    return { language, blank: cover.checked, things, picture: picture.values, steps, words: found, text: joined(found, language),
      p: Math.exp(steps.reduce((sum, { token, p }) => sum + Math.log(p[token]), 0) / steps.length),
      understood: meaning !== null, right: Boolean(meaning && fits(meaning, things, false)), true: Boolean(meaning && fits(meaning, things, true)),
      usual: things.length > MOST ? null : usual(things, language) };
  }

  // What a word looked at, -1: nothing.
  function show(u) {
    const weights = u < 0 ? [] : run.steps[u].weights;
    for (const [k, cell] of cells.entries()) {
      const w = weights[k] ?? 0, seen = w >= 0.05;
      cell.style.setProperty("--look", `${seen ? 1 + 4 * w : 0}px`);
      cell.dataset.look = seen ? percent(w) : "";
    }
    for (const [k, word] of [...line.children].entries()) word.toggleAttribute("data-now", k === u);
  }

  function draw() {
    const language = run.language, parts = [...run.words, ...(run.steps.at(-1).token === PLAN.end ? [words.end] : [])];
    line.lang = language === "zh" ? "zh-CN" : "en";
    line.replaceChildren(...parts.map((text, u) => {
      const word = Object.assign(made("button", text, u < run.words.length ? "" : "captioner-end"), { type: "button" });
      if (u >= run.words.length) word.lang = say("en", "zh-CN");
      for (const event of ["pointerenter", "focus", "click"]) word.addEventListener(event, () => { stop(); show(u); });
      return word;
    }));
    line.classList.toggle("captioner-tight", language === "zh");
  }

  function judged() {
    if (run.blank) return words.covered;
    if (run.true) return words.right;
    return run.right ? words.places : run.understood ? words.wrong : words.none;
  }

  function stop() {
    clearTimeout(timer);
    timer = 0;
  }

  function step(u) {
    if (u >= line.children.length) {
      stop();
      return;
    }
    show(u);
    timer = setTimeout(() => step(u + 1), PAUSE);
  }

  function silent(text) {
    run = null;
    delete box.trace;
    play.disabled = true;
    line.replaceChildren();
    note.textContent = "";
    said.textContent = text;
  }

  async function changed() {
    stop();
    paint();
    grid.classList.toggle("captioner-covered", cover.checked);
    for (const cell of cells) cell.dataset.look = "";
    try {
      await ready();
    } catch {
      silent(words.failed);
      return;
    }
    run = written();
    box.trace = run;
    play.disabled = false;
    draw();
    show(-1);
    said.textContent = [judged(), words.sure(percent(run.p))].join(say(" ", ""));
    const differs = run.usual !== null && run.usual !== run.text && !run.blank;
    note.textContent = [run.things.length > MOST && words.many(run.things.length), differs && words.rule(run.usual)].filter(Boolean).join(say(" ", ""));
  }

  // ---- the controls -----------------------------------------------------------------------------------

  for (const [k, things] of examples.entries()) {
    const button = Object.assign(made("button", words.offer(k + 1)), { type: "button" });
    button.addEventListener("click", () => lay(things.map(([shape, colour, size, row, column]) => ({ shape, colour, size, row, column }))));
    offers.append(button);
  }
  for (const { row, column, ...thing } of (examples[0] ?? []).map(([shape, colour, size, row, column]) => ({ shape, colour, size, row, column }))) {
    board[row * GRID + column] = thing;
  }
  paint();
  go.addEventListener("click", changed);
  random.addEventListener("click", surprise);
  clear.addEventListener("click", () => lay([]));
  play.addEventListener("click", () => { stop(); step(0); });
  cover.addEventListener("change", changed);
  for (const radio of box.querySelectorAll(".captioner-language input")) radio.addEventListener("change", changed);
}
