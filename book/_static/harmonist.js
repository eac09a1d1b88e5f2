// A network that writes alto, tenor and bass under the reader's melody (rnncourse.widgets.harmonist):
// drawn as a piano roll with numbered notation below, played by Web Audio, saved as MIDI. What it
// computes with is in net.js; its weights are loaded when the reader first asks for voices.
for (const [place, box] of document.querySelectorAll(".harmonist").entries()) {
  const net = globalThis.rnnNet, { net: name, kilobytes, edition } = box.dataset, chinese = edition === "zh";
  const say = (en, zh) => (chinese ? zh : en);
  const { REST, SCALE, NAMES, nameOf, column, majorOf, numbered, bars, breaksOf, notesOf, midi, sound, masked, made } = globalThis.rnnVoices;
  const [tunes, told] = [box.dataset.tunes, box.dataset.told].map(JSON.parse);
  const LONGEST = 32, LOWEST = 36, KINDS = 47, OFFSET = 32, MIDDLE = 37, ORDER = [3, 1, 2];
  const [LOW, HIGH] = [60, 81];  // of the soprano
  const STEP = 26, ROW = 6, TOP = 22, LINE = 22;  // pixels of the roll
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let melody = [], model = null, shown = null, busy = false, seed = 1 + Math.floor(1e9 * Math.random());
  let context = null, playing = null;

  // ---- what it says ------------------------------------------------------------------------

  const VOICES = chinese ? ["女高音", "女低音", "男高音", "男低音"] : ["soprano", "alto", "tenor", "bass"];
  const listed = (steps) => steps.slice(0, 6).join(say(", ", "、")) + (steps.length > 6 ? " …" : "");
  const tempoText = (v) => say(`${v} a minute`, `每分钟 ${v} 拍`);
  const words = {
    offers: say("Melodies to take", "可选的旋律"), keys: say("Piano keys for the melody", "输入旋律的琴键"),
    hint: say("Click keys, or type: A to G or 1 to 7 (1 is C) add the nearest such note, arrow keys move the last one by a semitone, - holds it, 0 is a rest, Backspace undoes.",
      "点琴键，或者用键盘输入：1 到 7（1 是 C）或 A 到 G 加入最近的那个音，上下方向键把最后一个音移动半音，- 延长一拍，0 是休止，退格键撤销。"),
    melody: say("Melody", "旋律"), none: say("no note yet", "还没有音"),
    count: (k) => say(`${k} of ${LONGEST} quarter notes`, `${k} 拍，最多 ${LONGEST} 拍`),
    hold: say("Hold", "延长"), rest: say("Rest", "休止"), undo: say("Undo", "撤销"), clear: say("Clear", "清空"),
    way: say("Written by", "由谁来写"), ways: [say("the network", "网络"), say("the table", "对照表")],
    rules: say("keep the rules", "不许违反规则"), temperature: say("Temperature", "温度"), tempo: say("Tempo", "速度"),
    go: say("Write three voices", "写出三个声部"), again: say("Write anew", "重写一遍"),
    size: say(` (loads ${kilobytes} KB)`, `（加载 ${kilobytes} KB）`),
    play: say("Play", "播放"), stop: say("Stop", "停止"), save: say("Save as MIDI", "存为 MIDI 文件"), file: say("chorale.mid", "四部合唱.mid"),
    heard: say("Voices that are heard", "播放哪些声部"),
    roll: say("Piano roll of the four voices, with numbered notation", "四个声部的钢琴卷帘与简谱"),
    empty: say("There is no note yet. Click a key, or take a melody.", "还没有音。请点琴键，或者选一条旋律。"),
    silent: say("The melody is all rests. Click a key.", "旋律里只有休止。请点琴键。"),
    full: say(`The melody has ${LONGEST} quarter notes, and no room for more.`, `旋律已满 ${LONGEST} 拍，不能再加。`),
    nothing: say("There is no note to hold yet.", "还没有可以延长的音。"),
    outside: (pitch) => say(`${nameOf(pitch)} is outside of the soprano's range, ${nameOf(LOW)} to ${nameOf(HIGH)}.`,
      `${nameOf(pitch)} 超出了女高音的音域（${nameOf(LOW)} 到 ${nameOf(HIGH)}）。`),
    loading: say("The network is loading …", "正在加载网络……"),
    failed: say("The network did not load. Check your connection, then ask again.", "网络没有加载成功。请检查连接，再试一次。"),
    mute: say("This browser has no Web Audio, so nothing can be played.", "这个浏览器没有 Web Audio，无法播放。"),
    clean: say("No parallel fifths or octaves, and no voices cross.", "没有平行五度、平行八度，也没有声部交叉。"),
    kinds: { 7: (k) => say(`parallel fifths: ${k}`, `平行五度 ${k} 处`), 0: (k) => say(`parallel octaves or unisons: ${k}`, `平行八度或同度 ${k} 处`),
      x: (k) => say(`crossings: ${k}`, `声部交叉 ${k} 处`) },
    steps: (some) => say(` (step ${listed(some)})`, `（第 ${listed(some)} 拍）`),
    broken: (parts) => say(`Rules broken: ${parts.join("; ")}.`, `违反规则：${parts.join("；")}。`),
    cost: (who, kept, free) => say(`By the probabilities of ${who}, these voices cost ${kept} nats a beat; written freely, ${free}.`,
      `按${who}自己的概率，这样写平均每拍的代价是 ${kept} 纳特，不加限制时是 ${free} 纳特。`),
    key: (pitch) => `1 = ${NAMES[pitch % 12]}`,
    limits: say(`The network loads when you first ask, and what you write stays in your browser. It learnt 229 of Bach's chorales, a note for each beat. Under the melodies of other chorales, each voice has Bach's own pitch at ${told.network} % of the steps; the table, each voice's most frequent pitch under that note, at ${told.table} %. In a hundred steps there are ${told["network parallels"]} parallel fifths and octaves in the network's, ${told["table parallels"]} in the table's, ${told["bach parallels"]} in Bach's. No voice is allowed to leave its range. Marks above the roll: 5 and 8 for parallel fifths and octaves, × for voices that cross.`,
      `第一次要它写的时候才加载网络，输入的旋律不会离开你的浏览器。它学过巴赫的 229 首众赞歌，每拍只取一个音。换成没有学过的众赞歌，每个声部有 ${told.network}% 的拍子与巴赫写的音完全相同。对照表只取每个声部在这个高音下面最常用的音，相同的占 ${told.table}%。每一百拍里，网络写出 ${told["network parallels"]} 处平行五度和平行八度，对照表写出 ${told["table parallels"]} 处，巴赫自己有 ${told["bach parallels"]} 处。各声部都不许超出音域。卷帘上方的 5 和 8 标出平行五度和平行八度，× 标出声部交叉。`),
  };

  // ---- the page ------------------------------------------------------------------------------

  const id = `harmonist-${place}`, black = (pitch) => [1, 3, 6, 8, 10].includes(pitch % 12);
  const pitches = Array.from({ length: HIGH - LOW + 1 }, (_, k) => LOW + k), whites = pitches.filter((pitch) => !black(pitch));
  const left = (pitch) => (100 * whites.filter((one) => one < pitch).length) / whites.length;
  const keyOf = (pitch) => `<button type="button" data-pitch="${pitch}" tabindex="${pitch === 72 ? 0 : -1}" aria-label="${nameOf(pitch)}"` +
    (black(pitch) ? ` class="harmonist-black" style="left:${left(pitch).toFixed(2)}%"></button>` : `><span>${pitch % 12 ? "" : nameOf(pitch)}</span></button>`);
  const button = (kind, text) => `<button type="button" class="harmonist-${kind}">${text}</button>`;
  const mark = (v) => `<svg class="harmonist-mark" viewBox="0 0 20 8" aria-hidden="true"><rect class="harmonist-v${v}" x="1" y="1" width="18" height="6" rx="${v === 3 ? 3 : 0}"/></svg>`;
  box.replaceChildren();
  box.insertAdjacentHTML("afterbegin",
    `<div class="harmonist-offers" role="group" aria-label="${words.offers}"></div>` +
    `<div class="harmonist-keys" role="group" aria-label="${words.keys}" aria-describedby="${id}-hint">${pitches.map(keyOf).join("")}</div>` +
    `<p class="harmonist-hint" id="${id}-hint">${words.hint}</p>` +
    `<p class="harmonist-line"><b>${words.melody}</b> <span class="harmonist-melody"></span></p>` +
    `<div class="harmonist-buttons">${button("hold", words.hold)}${button("rest", words.rest)}${button("undo", words.undo)}${button("clear", words.clear)}</div>` +
    `<div class="harmonist-settings"><fieldset><legend>${words.way}</legend>` + words.ways.map((text, k) =>
      `<label><input type="radio" name="${id}" value="${k ? "table" : "network"}"${k ? "" : " checked"}> ${text}</label>`).join("") + `</fieldset>` +
    `<label><input type="checkbox" class="harmonist-rules"> ${words.rules}</label>` +
    `<label>${words.temperature} <input type="range" class="harmonist-heat" min="0" max="1.5" step="0.1" value="0"> <output>0</output></label>` +
    `<label>${words.tempo} <input type="range" class="harmonist-tempo" min="40" max="160" step="5" value="90"> <output>${tempoText(90)}</output></label></div>` +
    `<div class="harmonist-buttons">${button("go", "")}${button("play", words.play)}${button("save", words.save)}</div>` +
    `<p class="harmonist-note" role="status"></p>` +
    `<div class="harmonist-roll" tabindex="0" role="region" aria-label="${words.roll}" hidden></div>` +
    `<fieldset class="harmonist-heard"><legend>${words.heard}</legend>` + VOICES.map((voice, v) =>
      `<label><input type="checkbox" value="${v}" checked> ${mark(v)} ${voice}</label>`).join("") + `</fieldset>` +
    `<p class="harmonist-said" role="status"></p><p class="harmonist-caption">${words.limits}</p>`);
  const part = (selector) => box.querySelector(selector);
  const [offers, keys, line, go, play, save, note, roll, said, heat, tempo, rules] = [".harmonist-offers", ".harmonist-keys", ".harmonist-melody", ".harmonist-go",
    ".harmonist-play", ".harmonist-save", ".harmonist-note", ".harmonist-roll", ".harmonist-said", ".harmonist-heat", ".harmonist-tempo", ".harmonist-rules"].map(part);

  // ---- the network -----------------------------------------------------------------------------

  const coded = (pitch) => (pitch === REST ? 0 : pitch - LOWEST + 1);
  const below = (number, top) => (number === 0 ? 0 : (top || MIDDLE) - number + OFFSET);
  const joined = (rows) => Float64Array.from(rows.flatMap((row) => [...row]));

  function encoded(tops) {
    const xs = tops.map((top, t) => joined([net.embedding(top, model.arrays.top), net.embedding(below(tops[Math.max(0, t - 1)], top), model.arrays.move)]));
    const [ahead, back] = [xs, xs.slice().reverse()].map((way, k) => {
      const p = net.part(model.arrays, `read.${k}`);
      let h = net.start.gru(p);
      return way.map((x) => (h = net.gru(x, h, p)));
    });
    return ahead.map((h, t) => joined([h, back[back.length - 1 - t]]));
  }

  // Of each step a function: scores of the k-th voice's numbers, given those chosen before it.
  function reader(tops) {
    const all = encoded(tops), cell = net.part(model.arrays, "write"), outs = ORDER.map((_, k) => net.part(model.arrays, `out.${k}`));
    const hung = (numbers, top) => numbers.map((number, k) => net.embedding(below(number, top), model.arrays[`below.${k}`]));
    let h = net.start.gru(cell);
    return (t, top, before) => {
      const last = hung(before, top);
      h = net.gru(joined([all[t], ...last]), h, cell);
      const now = [all[t], h, ...last];
      return (k, here) => {
        const inside = net.dense(joined([...now, ...hung(here, top)]), outs[k].W_1, outs[k].b_1).map((a) => Math.max(a, 0));
        const scores = net.dense(inside, outs[k].W_2, outs[k].b_2);
        return Float64Array.from({ length: KINDS }, (_, number) => scores[below(number, top)]);
      };
    };
  }

  const looker = () => (t, top) => (k) => net.embedding(top, model.arrays[`table.${k}`]);

  // Scores → log p, of what a voice may have; all else is -Infinity.
  function inRange(scores, top, [low, high]) {
    const may = (number) => (top === 0 ? number === 0 : number >= coded(low) && number <= coded(high));
    const kept = scores.map((score, number) => (may(number) ? score : -Infinity)), most = Math.max(...kept);
    const sum = Math.log(kept.reduce((total, score) => total + Math.exp(score - most), 0));
    return kept.map((score) => score - most - sum);
  }

  // The voices (T, 4) under pitches, as Harmonist.harmonise.
  function harmonise(notes, way, temperature, chance, strict) {
    const tops = notes.map(coded), score = way === "table" ? looker() : reader(tops), rows = [];
    let p = 0;
    for (const [t, top] of tops.entries()) {
      const before = rows.at(-1), now = [top, -1, -1, -1], chosen = (k) => ORDER.slice(0, k).map((v) => now[v]);
      const step = score(t, top, ORDER.map((v) => before?.[v] ?? 0));
      for (const [k, v] of ORDER.entries()) {
        const log = inRange(step(k, chosen(k)), top, model.ranges[v]), left = strict ? masked(log, v, now, before) : log;
        now[v] = temperature ? net.draw(net.softmax(left.map((a) => a / temperature)), chance()) : left.indexOf(Math.max(...left));
        p += log[now[v]];
      }
      rows.push(now);
    }
    return { voices: rows.map((row) => row.map((number) => (number ? number + LOWEST - 1 : REST))), p };
  }

  async function ready() {
    if (model) return;
    note.textContent = words.loading;
    model = await net.load(name);
    note.textContent = "";
  }

  // ---- sound -------------------------------------------------------------------------------------

  // What is heard, without a loudspeaker: samples of the whole piece.
  async function render(rate) {
    const seconds = 60 / Number(tempo.value), quiet = new OfflineAudioContext(1, Math.ceil(rate * seconds * shown.voices.length), rate);
    sound(quiet, shown.voices, shown.struck, seconds, 0, heard());
    return (await quiet.startRendering()).getChannelData(0);
  }

  const voiceBoxes = [...box.querySelectorAll(".harmonist-heard [type=checkbox]")], heard = () => voiceBoxes.map((one) => one.checked);

  // Only after a click or a key: browsers allow it no earlier.
  function awake() {
    if (!globalThis.AudioContext) return false;
    context ??= new AudioContext();
    if (context.state === "suspended") context.resume();
    return true;
  }

  function preview(pitch) {
    if (!playing && awake()) sound(context, [[pitch]], null, 0.3, context.currentTime + 0.01, [true]);
  }

  function stop() {
    if (!playing) return;
    const { frame, notes } = playing;
    playing = null;
    cancelAnimationFrame(frame);
    for (const gain of notes.gains) gain.gain.setTargetAtTime(0, context.currentTime, 0.01);
    setTimeout(notes.stop, 60);
    roll.querySelector(".harmonist-head")?.setAttribute("visibility", "hidden");
    play.textContent = words.play;
  }

  async function start() {
    if (playing) { stop(); return; }
    if (!awake()) { note.textContent = words.mute; return; }
    if (!shown && !(await write())) return;
    const seconds = 60 / Number(tempo.value), begin = context.currentTime + 0.08, T = shown.voices.length;
    playing = { notes: sound(context, shown.voices, shown.struck, seconds, begin, heard()), frame: 0 };
    play.textContent = words.stop;
    const head = roll.querySelector(".harmonist-head");
    head.setAttribute("visibility", "visible");
    const move = () => {
      const at = Math.max(0, (context.currentTime - begin) / seconds);
      if (at >= T) { stop(); return; }
      const x = STEP * (calm.matches ? Math.floor(at) : at);
      head.setAttribute("transform", `translate(${x.toFixed(1)} 0)`);
      if (x < roll.scrollLeft || x > roll.scrollLeft + 0.7 * roll.clientWidth) roll.scrollLeft = x - 0.3 * roll.clientWidth;
      playing.frame = requestAnimationFrame(move);
    };
    move();
  }

  // ---- what is seen of it --------------------------------------------------------------------------

  function drawNotation(svg, signs, y, v) {
    svg.append(made("text", { class: `harmonist-name harmonist-t${v}`, x: 4, y }, VOICES[v]));
    for (const [t, { sign, dots }] of signs.entries()) {
      const x = (t + 0.5) * STEP;
      svg.append(made("text", { class: `harmonist-sign harmonist-t${v}`, x, y: y + LINE / 2 + 6 }, sign));
      for (let k = 0; k < Math.abs(dots); k += 1) {
        svg.append(made("circle", { class: `harmonist-t${v}`, cx: x, cy: y + LINE / 2 + (dots > 0 ? -8 - 4 * k : 10 + 4 * k), r: 1.4 }));
      }
    }
  }

  function draw({ voices, struck, breaks, key }) {
    const T = voices.length, all = voices.flat().filter((pitch) => pitch !== REST), high = Math.max(...all) + 1, low = Math.min(...all) - 1;
    const y = (pitch) => TOP + ROW * (high - pitch), bottom = y(low) + ROW, space = LINE + 18, height = bottom + 22 + 4 * space;
    const svg = made("svg", { width: T * STEP, height, viewBox: `0 0 ${T * STEP} ${height}`, role: "img" });
    const lines = [0, 1, 2, 3].map((v) => numbered(column(voices, v), v ? null : struck, key));
    svg.setAttribute("aria-label", `${words.key(key)}. ${lines.map((signs, v) => `${VOICES[v]}: ${bars(signs)}`).join(". ")}`);
    for (let t = 0; t <= T; t += 1) svg.append(made("line", { class: t % 4 ? "harmonist-beat" : "harmonist-bar", x1: t * STEP, x2: t * STEP, y1: TOP, y2: bottom }));
    for (let pitch = low; pitch <= high; pitch += 1) if (pitch % 12 === 0) svg.append(made("text", { class: "harmonist-octave", x: 2, y: y(pitch) + ROW }, nameOf(pitch)));
    for (let v = 0; v < 4; v += 1) {
      for (const { pitch, start: t, length } of notesOf(column(voices, v), v ? null : struck)) {
        const rect = made("rect", { class: `harmonist-v${v}`, x: t * STEP + 1, y: y(pitch), width: length * STEP - 2, height: ROW, rx: v === 3 ? 3 : 0 });
        rect.append(made("title", {}, `${VOICES[v]} ${nameOf(pitch)}`));
        svg.append(rect);
      }
      drawNotation(svg, lines[v], bottom + 30 + v * space, v);
    }
    for (const { t, upper, lower, kind } of breaks) {
      const x = (t + 0.5) * STEP;
      svg.append(made("line", { class: "harmonist-break", x1: x, x2: x, y1: y(voices[t][upper]) + ROW / 2, y2: y(voices[t][lower]) + ROW / 2 }));
      svg.append(made("text", { class: "harmonist-broken", x, y: 14 }, kind === "x" ? "×" : kind ? "5" : "8"));
    }
    svg.append(made("text", { class: "harmonist-key", x: 4, y: bottom + 14 }, words.key(key)));
    svg.append(made("line", { class: "harmonist-head", x1: 0, x2: 0, y1: 0, y2: height, visibility: "hidden" }));
    const scrolled = roll.scrollLeft;
    roll.replaceChildren(svg);
    roll.hidden = false;
    roll.scrollLeft = scrolled;
  }

  function tell({ breaks, p, free, way, voices }) {
    const parts = ["7", "0", "x"].flatMap((kind) => {
      const steps = breaks.filter((one) => String(one.kind) === kind).map((one) => one.t + 1);
      return steps.length ? [words.kinds[kind](steps.length) + words.steps([...new Set(steps)])] : [];
    });
    const cost = free === null ? "" : say(" ", "") + words.cost(words.ways[way === "table" ? 1 : 0], ...[p, free].map((log) => (-log / voices.length).toFixed(2)));
    said.textContent = (parts.length ? words.broken(parts) : words.clean) + cost;
  }

  // Voices for the melody as it stands; whether there are some.
  function refresh() {
    const notes = melody.map(({ pitch }) => pitch);
    if (!model || notes.every((pitch) => pitch === REST)) {
      [shown, box.trace, roll.hidden, said.textContent] = [null, null, true, ""];
      label();
      return false;
    }
    const way = box.querySelector("[type=radio]:checked").value, temperature = Number(heat.value);
    const { voices, p } = harmonise(notes, way, temperature, net.random(seed), rules.checked);
    const free = rules.checked ? harmonise(notes, way, temperature, net.random(seed), false).p : null;
    shown = { voices, p, free, way, temperature, seed, struck: melody.map((one) => one.struck), breaks: breaksOf(voices), key: majorOf(voices) };
    shown.lines = [0, 1, 2, 3].map((v) => bars(numbered(column(voices, v), v ? null : shown.struck, shown.key)));
    box.trace = { ...shown, midi: midi(voices, shown.struck, Number(tempo.value)), render };
    draw(shown);
    tell(shown);
    label();
    return true;
  }

  async function write() {
    if (busy) return false;  // a second click while the network loads
    stop();
    note.textContent = "";
    if (melody.every(({ pitch }) => pitch === REST)) {
      note.textContent = melody.length ? words.silent : words.empty;
      return false;
    }
    busy = true;
    try {
      await ready();
    } catch {
      note.textContent = words.failed;
      return false;
    } finally {
      busy = false;
    }
    return refresh();
  }

  // ---- the melody --------------------------------------------------------------------------------

  const label = () => {
    go.textContent = (shown && Number(heat.value) ? words.again : words.go) + (model ? "" : words.size);
    save.disabled = !shown;
  };

  function changed() {
    stop();
    const notes = melody.map(({ pitch }) => pitch), signs = bars(numbered(notes, melody.map(({ struck }) => struck), majorOf([notes])));
    line.textContent = melody.length ? `${words.key(majorOf([notes]))}  ${signs}  (${words.count(melody.length)})` : words.none;
    refresh();
  }

  function add(pitch, struck = true) {
    note.textContent = "";
    if (pitch !== REST && (pitch < LOW || pitch > HIGH)) { note.textContent = words.outside(pitch); return; }
    if (melody.length >= LONGEST) { note.textContent = words.full; return; }
    melody.push({ pitch, struck });
    changed();
    if (pitch !== REST && struck) preview(pitch);
  }

  function hold() {
    const last = melody.at(-1);
    if (!last || last.pitch === REST) note.textContent = words.nothing;
    else add(last.pitch, false);
  }

  function take(some) {
    note.textContent = "";
    melody = some;
    changed();
  }

  // The last note a semitone up or down, with all that holds it.
  function shift(by) {
    const last = melody.at(-1)?.pitch ?? REST;
    if (last === REST) { note.textContent = words.nothing; return; }
    if (last + by < LOW || last + by > HIGH) { note.textContent = words.outside(last + by); return; }
    for (let t = melody.length - 1; t >= 0; t -= 1) {
      melody[t].pitch = last + by;
      if (melody[t].struck) break;
    }
    take(melody);
    preview(last + by);
  }

  // The note of this class that is nearest to the last one, from those the soprano has.
  function nearest(step) {
    const last = melody.findLast(({ pitch }) => pitch !== REST)?.pitch ?? 67;
    const some = pitches.filter((pitch) => pitch % 12 === step).sort((a, b) => Math.abs(a - last) - Math.abs(b - last));
    add(some[0]);
  }

  function typed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const letter = "CDEFGAB".indexOf(event.key.toUpperCase()), digit = "1234567".indexOf(event.key);
    const way = Math.max(letter, digit), single = event.key.length === 1 && way >= 0;
    const focus = { ArrowRight: 1, ArrowLeft: -1 }[event.key], act = { Backspace: () => take(melody.slice(0, -1)), "-": hold, 0: () => add(REST), ArrowUp: () => shift(1), ArrowDown: () => shift(-1) }[event.key];
    if (single) nearest(SCALE[way]);
    else if (act) act();
    else if (focus) reach(Number(document.activeElement.dataset.pitch) + focus);
    else return;
    event.preventDefault();
  }

  function reach(pitch) {
    const next = keys.querySelector(`[data-pitch="${pitch}"]`);
    if (!next) return;
    for (const key of keys.children) key.tabIndex = key === next ? 0 : -1;
    next.focus();
  }

  keys.addEventListener("click", (event) => {
    const key = event.target.closest("[data-pitch]");
    if (!key) return;
    for (const one of keys.children) one.tabIndex = one === key ? 0 : -1;
    add(Number(key.dataset.pitch));
  });
  keys.addEventListener("keydown", typed);
  for (const [kind, act] of Object.entries({ hold, rest: () => add(REST), undo: () => take(melody.slice(0, -1)), clear: () => take([]) })) {
    part(`.harmonist-${kind}`).addEventListener("click", act);
  }
  for (const tune of tunes) {
    const one = Object.assign(document.createElement("button"), { type: "button", textContent: tune.name });
    one.addEventListener("click", () => take(tune.pitches.map((pitch, t) => ({ pitch, struck: tune.struck[t] }))));
    offers.append(one);
  }
  go.addEventListener("click", () => { if (shown) seed = 1 + (seed % 1e9); write(); });
  play.addEventListener("click", start);
  for (const one of [...box.querySelectorAll("[type=radio]"), rules]) one.addEventListener("change", changed);
  heat.addEventListener("input", () => { heat.parentNode.querySelector("output").textContent = heat.value; changed(); });
  tempo.addEventListener("input", () => { tempo.parentNode.querySelector("output").textContent = tempoText(tempo.value); stop(); });
  for (const [v, one] of voiceBoxes.entries()) {
    one.addEventListener("change", () => playing?.notes.gains[v].gain.setTargetAtTime(one.checked ? 1 : 0, context.currentTime, 0.01));
  }
  save.addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([midi(shown.voices, shown.struck, Number(tempo.value))], { type: "audio/midi" }));
    Object.assign(document.createElement("a"), { href: url, download: words.file }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
  changed();
}
