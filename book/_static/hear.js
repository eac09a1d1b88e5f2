// A network that hears digits (rnncourse.widgets.hear): clips of two voices, a file, a microphone.
// Sound becomes features here as in rnncourse.speech; what it computes with is in net.js. Weights and
// clips are loaded when the reader first asks. No sound leaves the page.
for (const [place, box] of document.querySelectorAll(".hear").entries()) {
  const net = globalThis.rnnNet, { net: name, kilobytes, known, new: strange } = box.dataset;
  const chinese = document.documentElement.lang.startsWith("zh");
  const say = (en, zh) => (chinese ? zh : en);
  const voices = JSON.parse(box.dataset.voices), strings = JSON.parse(box.dataset.strings);
  const MOST = 10, GAP = 0.1, QUIET = 1e-3, SECONDS = 5, MU = 255;
  const NOISES = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let model = null, said = "", heard = null, playing = null, recording = null, asked = 0;

  // ---- what it says ------------------------------------------------------------------------

  const words = {
    start: say(`Load the network and the clips (${kilobytes} KB)`, `加载网络和录音（${kilobytes} KB）`),
    loading: say("Loading …", "正在加载……"),
    failed: say("It did not load. Check your connection, then press the button again.", "没有加载成功。请检查连接，再按一次按钮。"),
    voice: say("Voice", "声音"),
    voices: [say("one that it knows", "听过的声音"), say("a new one", "没听过的声音")],
    keys: say("Digits to say", "要说的数字"), back: say("Delete the last digit", "删去最后一个数字"),
    noise: say("Noise", "噪声"), play: say("Play", "播放"), stop: say("Stop", "停止"),
    microphone: say("Use the microphone", "用麦克风说"), file: say("Or a file of your own (the first 10 seconds)", "或者用自己的音频文件（只听前 10 秒）"),
    said: say("Said", "说的"), answer: say("Heard", "听到的"), nothing: say("nothing", "什么也没有"),
    picture: say("what the network reads and answers", "网络读到的和它的回答"),
    ask: say("Choose digits.", "请选数字。"),
    silence: say("There is no sound in it.", "里面没有声音。"),
    noSound: say("Your browser cannot read this as sound.", "浏览器读不出这个文件里的声音。"),
    refused: say("The microphone was refused, or there is none. The clips work without it.", "没有麦克风，或者没有得到允许。不用麦克风也可以听录音。"),
    speak: say(`Speak: single digits in English, up to ${SECONDS} seconds. Then press Stop.`, `请用英语一个一个地说数字，最多 ${SECONDS} 秒，说完按「停止」。`),
    cut: say(" Only the first 10 seconds were heard.", "只听了前 10 秒。"),
    limits: say(`It learned from recordings of five people who say digits in English. On strings of three to five digits it makes ${known} errors in a hundred digits with voices that it knows, and ${strange} with the new one here. Your room and your microphone are new to it too. No sound leaves this page. Recordings: Free Spoken Digit Dataset, Zohar Jackson and others, CC BY-SA 4.0.`,
      `它只听过五个人用英语说数字的录音。三到五个数字的串，声音听过时每一百个数字错 ${known} 个，换成这里的新声音，错 ${strange} 个。你的房间和麦克风，对它来说也是新的。声音不会离开本页。录音来自 Free Spoken Digit Dataset（Zohar Jackson 等人），CC BY-SA 4.0。`),
    colon: say(": ", "："),
  };

  // ---- the page ------------------------------------------------------------------------------

  const id = `hear-${place}`;
  box.replaceChildren();
  box.insertAdjacentHTML("afterbegin",
    `<button type="button" class="hear-start">${words.start}</button><div class="hear-desk" hidden>` +
    `<fieldset class="hear-voices"><legend>${words.voice}</legend>` + words.voices.map((text, k) =>
      `<label><input type="radio" name="${id}" value="${voices[k]}"${k ? "" : " checked"}> ${text}</label>`).join("") + `</fieldset>` +
    `<div class="hear-keys" role="group" aria-label="${words.keys}">` + [..."0123456789"].map((digit) =>
      `<button type="button">${digit}</button>`).join("") + `<button type="button" class="hear-back" aria-label="${words.back}">⌫</button></div>` +
    `<label for="${id}-noise">${words.noise}</label><input id="${id}-noise" type="range" min="0" max="${NOISES.length - 1}" value="0">` +
    `<div class="hear-buttons"><button type="button" class="hear-play">${words.play}</button>` +
    `<button type="button" class="hear-microphone">${words.microphone}</button></div>` +
    `<label for="${id}-file">${words.file}</label><input id="${id}-file" type="file" accept="audio/*">` +
    `<p class="hear-answer" role="status"></p>` +
    `<canvas class="hear-picture" role="img" height="260" hidden></canvas></div>` +
    `<p class="hear-note" role="status"></p><p class="hear-limits">${words.limits}</p>`);
  const part = (selector) => box.querySelector(selector);
  const [start, desk, keys, noise, play, microphone, file, answer, picture, note] = [".hear-start", ".hear-desk",
    ".hear-keys", "[type=range]", ".hear-play", ".hear-microphone", "[type=file]", ".hear-answer", "canvas", ".hear-note"].map(part);

  // ---- sound into features, as rnncourse.speech -------------------------------------------------

  const mel = (hertz) => 2595 * Math.log10(1 + hertz / 700);

  function prepare({ rate, bands, length, hop, floor }) {
    const samples = Math.round(rate * length), size = 2 ** Math.ceil(Math.log2(samples)), F = size / 2 + 1;
    const [low, high] = [mel(20), mel(rate / 2)], edge = (i) => low + (i * (high - low)) / (bands + 1);
    const filters = Array.from({ length: bands }, (_, j) => Float64Array.from({ length: F }, (_, f) => {
      const at = mel((f * rate) / size);
      return Math.max(0, Math.min((at - edge(j)) / (edge(j + 1) - edge(j)), (edge(j + 2) - at) / (edge(j + 2) - edge(j + 1))));
    }));
    const turn = Array.from({ length: size }, (_, i) => (2 * Math.PI * i) / size);
    return { samples, floor, step: Math.round(rate * hop), size, F, filters, cos: turn.map(Math.cos), sin: turn.map(Math.sin),
             window: Array.from({ length: samples }, (_, i) => 0.54 - 0.46 * Math.cos((2 * Math.PI * i) / (samples - 1))) };
  }

  // Frames → power spectra → bands → logarithms, then mean 0 and deviation 1 in each band; the loudest
  // sample counts as 1.
  function features(sound, { samples, floor, step, size, F, filters, cos, sin, window }) {
    const loudest = sound.reduce((most, v) => Math.max(most, Math.abs(v)), 0), signal = sound.map((v) => v / loudest);
    const T = 1 + Math.max(0, Math.ceil((signal.length - samples) / step)), rows = [];
    for (let t = 0; t < T; t += 1) {
      const piece = Float64Array.from({ length: samples }, (_, i) => signal[t * step + i] ?? 0);
      const mean = piece.reduce((a, b) => a + b) / samples, flat = piece.map((v) => v - mean);
      const faded = flat.map((v, i) => (v - 0.97 * flat[Math.max(0, i - 1)]) * window[i]);
      const power = Float64Array.from({ length: F }, (_, f) => {
        let a = 0, b = 0;
        for (let i = 0, k = 0; i < samples; i += 1, k = (k + f) % size) { a += faded[i] * cos[k]; b += faded[i] * sin[k]; }
        return a * a + b * b;
      });
      rows.push(filters.map((filter) => Math.log(Math.max(floor, filter.reduce((sum, w, f) => sum + w * power[f], 0)))));
    }
    for (const j of filters.keys()) {
      const band = rows.map((row) => row[j]), mean = band.reduce((a, b) => a + b) / T;
      const deviation = Math.sqrt(band.reduce((sum, v) => sum + (v - mean) ** 2, 0) / T);
      const scale = deviation > 1e-12 * Math.max(...band.map(Math.abs)) ? deviation : 1;
      for (const row of rows) row[j] = (row[j] - mean) / scale;
    }
    return rows;
  }

  // ---- the network ---------------------------------------------------------------------------

  function outputs(xs) {
    const [ahead, back] = [xs, xs.slice().reverse()].map((way, k) => {
      const cell = net.part(model.arrays, `cell.${k}`);
      let h = net.start.gru(cell);
      return way.map((x) => (h = net.gru(x, h, cell)));
    });
    const { W_y, b_y } = net.part(model.arrays, "output");
    return ahead.map((h, t) => net.softmax(net.dense([...h, ...back[xs.length - 1 - t]], W_y, b_y)));
  }

  // The best path, its repeats merged, then its blanks dropped: {digit, frame} of each.
  function spikes(ps) {
    const path = ps.map((p) => p.indexOf(Math.max(...p)));
    return path.flatMap((k, t) => (k !== 0 && k !== path[t - 1] ? [{ digit: k - 1, frame: t }] : []));
  }

  function listen(signal, cut = false) {
    stop();
    const loud = signal.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    if (loud < QUIET) {
      heard = null;
      picture.hidden = true;
      answer.textContent = words.silence;
      return;
    }
    const xs = features(signal, model.plan), ps = outputs(xs), found = spikes(ps);
    heard = { signal, xs, ps, found, text: found.map(({ digit }) => digit).join("") };
    box.trace = heard;
    const told = said ? `${words.said}${words.colon}${[...said].join(" ")}   ` : "";
    answer.textContent = `${told}${words.answer}${words.colon}${[...heard.text].join(" ") || words.nothing}${cut ? words.cut : ""}`;
    picture.hidden = false;
    picture.setAttribute("aria-label", `${words.picture}${words.colon}` + found.map(({ digit, frame }) =>
      say(`${digit} at ${(frame * model.hop).toFixed(1)} s`, `${(frame * model.hop).toFixed(1)} 秒 ${digit}`)).join(say(", ", "、")));
    draw(-1);
  }

  // ---- what is heard ---------------------------------------------------------------------------

  const unpack = (text) => Float64Array.from(atob(text), (sign) => {
    const curve = sign.charCodeAt(0) / 127.5 - 1;
    return (Math.sign(curve) * Math.expm1(Math.abs(curve) * Math.log1p(MU))) / MU;
  });

  function fromClips() {
    if (!said) { stop(); heard = null; picture.hidden = true; answer.textContent = words.ask; return; }
    const voice = box.querySelector("[type=radio]:checked").value, gap = new Float64Array(GAP * model.rate);
    const pieces = [...said].flatMap((digit) => [gap, unpack(model.clips[voice][digit])]).concat([gap]);
    const next = net.random(said.length + 1), level = NOISES[noise.value];
    // Box and Muller's normal numbers; the same for the same digits.
    const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    listen(Float64Array.from(pieces.flatMap((piece) => [...piece]), (v) => v + level * normal()));
  }

  // Any sound that the browser reads, as one channel at the network's rate.
  async function fromBytes(bytes) {
    said = "";
    let whole;
    try {
      whole = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(bytes);
    } catch {
      stop();
      heard = null;
      picture.hidden = true;
      answer.textContent = words.noSound;
      return;
    }
    const seconds = Math.min(whole.duration, MOST), quiet = new OfflineAudioContext(1, Math.max(1, Math.ceil(seconds * model.rate)), model.rate);
    const source = quiet.createBufferSource();
    source.buffer = whole;
    source.connect(quiet.destination);
    source.start();
    const made = await quiet.startRendering();
    listen(Float64Array.from(made.getChannelData(0)), whole.duration > MOST);
  }

  async function record() {
    const mine = (asked += 1);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      note.textContent = words.refused;
      return;
    }
    const recorder = new MediaRecorder(stream), parts = [];
    recording = recorder;
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    recorder.addEventListener("stop", async () => {
      for (const track of stream.getTracks()) track.stop();
      recording = null;
      microphone.textContent = words.microphone;
      note.textContent = "";
      await fromBytes(await new Blob(parts).arrayBuffer());
    });
    recorder.start();
    microphone.textContent = words.stop;
    note.textContent = words.speak;
    setTimeout(() => { if (mine === asked && recorder.state === "recording") recorder.stop(); }, 1000 * SECONDS);
  }

  // ---- what is seen ------------------------------------------------------------------------------

  // Above the features, dark where there is much energy; below the answers; a line where it plays.
  function draw(seconds) {
    const { xs, ps, found } = heard, T = xs.length, ratio = devicePixelRatio || 1;
    const [W, top, low] = [picture.clientWidth || 600, 110, 130], H = top + low + 20;
    picture.width = W * ratio;
    picture.height = H * ratio;
    picture.style.height = `${H}px`;
    const pen = picture.getContext("2d");
    pen.scale(ratio, ratio);
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, W, H);
    const x = (t) => (t * W) / T, bands = xs[0].length;
    xs.forEach((row, t) => row.forEach((v, j) => {
      pen.fillStyle = `rgb(0 0 0 / ${Math.min(1, Math.max(0, (v + 1) / 3)).toFixed(2)})`;
      pen.fillRect(x(t), top - ((j + 1) * top) / bands, W / T + 0.5, top / bands + 0.5);
    }));
    const bottom = top + low, y = (p) => bottom - p * (low - 24);
    const line = (k, colour, dashes) => {
      pen.strokeStyle = colour;
      pen.setLineDash(dashes);
      pen.lineWidth = 2;
      pen.beginPath();
      ps.forEach((p, t) => pen[t ? "lineTo" : "moveTo"](x(t + 0.5), y(p[k])));
      pen.stroke();
    };
    line(0, "#888", [2, 3]);
    const colours = ["#b35806", "#2166ac", "#1b7837", "#762a83", "#8c510a"];
    [...new Set(found.map(({ digit }) => digit))].forEach((digit, k) => line(digit + 1, colours[k % 5], []));
    pen.setLineDash([]);
    pen.fillStyle = "#000";
    pen.font = "bold 16px sans-serif";
    pen.textAlign = "center";
    for (const { digit, frame } of found) pen.fillText(digit, Math.min(W - 8, Math.max(8, x(frame + 0.5))), top + 18);
    pen.font = "12px sans-serif";
    for (let s = 0; s < T * model.hop; s += 1) pen.fillText(`${s} s`, Math.min(W - 12, Math.max(12, x(s / model.hop))), H - 4);
    if (seconds >= 0) {
      pen.fillStyle = "#d6001c";
      pen.fillRect(x(seconds / model.hop), 0, 2, bottom);
    }
  }

  function sound() {
    if (!heard) return;
    const context = new AudioContext(), buffer = context.createBuffer(1, heard.signal.length, model.rate);
    buffer.copyToChannel(Float32Array.from(heard.signal), 0);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    const mine = { context, source };
    playing = mine;
    source.addEventListener("ended", () => { if (playing === mine) stop(); });
    source.start();
    play.textContent = words.stop;
    const begin = context.currentTime;
    const follow = () => {
      if (playing !== mine) return;
      draw(context.currentTime - begin);
      requestAnimationFrame(follow);
    };
    if (!calm.matches) follow();
  }

  function stop() {
    if (!playing) return;
    playing.context.close();
    playing = null;
    play.textContent = words.play;
    if (heard) draw(-1);
  }

  // ---- what the reader does ------------------------------------------------------------------------

  start.addEventListener("click", async () => {
    start.disabled = true;
    note.textContent = words.loading;
    try {
      const loaded = await net.load(name);
      model = { ...loaded, plan: prepare(loaded) };
    } catch {
      start.disabled = false;
      note.textContent = words.failed;
      return;
    }
    note.textContent = "";
    start.hidden = true;
    desk.hidden = false;
    if (!navigator.mediaDevices || !globalThis.MediaRecorder) microphone.hidden = true;
    [said] = strings;
    fromClips();
    keys.querySelector("button").focus();
  });
  keys.addEventListener("click", ({ target }) => {
    if (target.tagName !== "BUTTON") return;
    said = target.classList.contains("hear-back") ? said.slice(0, -1) : (said + target.textContent).slice(-MOST);
    fromClips();
  });
  for (const choice of box.querySelectorAll("[type=radio]")) choice.addEventListener("change", fromClips);
  noise.addEventListener("change", fromClips);
  play.addEventListener("click", () => (playing ? stop() : sound()));
  microphone.addEventListener("click", () => (recording ? recording.stop() : record()));
  file.addEventListener("change", async () => { if (file.files[0]) await fromBytes(await file.files[0].arrayBuffer()); });
  addEventListener("resize", () => { if (heard && !picture.hidden) draw(-1); });
}
