// Music in four voices for the page (rnncourse.music in script): names, numbered notation, rules,
// MIDI, sound. A piece is an array of steps, each the pitches of soprano, alto, tenor and bass; -1
// is a rest. A classic script with one global, `rnnVoices`.
(() => {
  const REST = -1, SCALE = [0, 2, 4, 5, 7, 9, 11], FIFTHS = [0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5, 6];
  const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
  const DEGREES = ["1", "#1", "2", "b3", "3", "4", "#4", "5", "b6", "6", "b7", "7"];
  const RISE = 0.02, FALL = 0.05, LOUD = [1, 0.5, 0.25, 0.125], PEAK = 0.9;  // of a note, in seconds; of all voices together

  const nameOf = (pitch) => (pitch === REST ? "–" : `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`);
  const column = (voices, v) => voices.map((row) => row[v]);

  function majorOf(voices) {
    const counts = new Array(12).fill(0);
    for (const pitch of voices.flat()) if (pitch !== REST) counts[pitch % 12] += 1;
    let [best, most] = [60, -1];
    for (const fifths of FIFTHS) {
      const tonic = (((7 * fifths) % 12) + 12) % 12, inside = SCALE.reduce((sum, step) => sum + counts[(tonic + step) % 12], 0);
      if (inside > most) [best, most] = [60 + tonic, inside];
    }
    return best;
  }

  // Each step in numbered notation: {sign, dots above (or below, negative)}.
  const numbered = (voice, struck, key) => voice.map((pitch, t) => {
    if (pitch === REST) return { sign: "0", dots: 0 };
    if (t && voice[t - 1] === pitch && !struck?.[t]) return { sign: "–", dots: 0 };
    return { sign: DEGREES[(((pitch - key) % 12) + 12) % 12], dots: Math.floor((pitch - key) / 12) };
  });
  const bars = (signs) => signs.map(({ sign, dots }, t) => (t ? (t % 4 ? " " : " | ") : "") + sign +
    (dots > 0 ? "\u0307".repeat(dots) : "\u0323".repeat(-dots))).join("");

  function breaksOf(voices) {
    const found = [];
    for (let t = 0; t < voices.length; t += 1) {
      for (let upper = 0; upper < 3; upper += 1) {
        const [high, low] = [voices[t][upper], voices[t][upper + 1]];
        if (high !== REST && high < low) found.push({ t, upper, lower: upper + 1, kind: "x" });
        for (let lower = upper + 1; t && lower < 4; lower += 1) {
          const [now, before] = [voices[t], voices[t - 1]].map((row) => [row[upper], row[lower]]);
          if ([...now, ...before].includes(REST)) continue;
          const [up, down] = now.map((pitch, k) => Math.sign(pitch - before[k])), apart = (pair) => Math.abs(pair[0] - pair[1]) % 12;
          if (up && up === down && apart(now) === apart(before) && [0, 7].includes(apart(now))) found.push({ t, upper, lower, kind: apart(now) });
        }
      }
    }
    return found;
  }

  // log p without what crosses a voice or makes parallels; where nothing were left, without crossings alone.
  // v: the voice; now, before: numbers of this step, 0 a rest, -1 where none is chosen yet, and of the one before.
  function masked(log, v, now, before) {
    const others = [0, 1, 2, 3].filter((u) => now[u] > 0);
    const order = (n) => others.every((u) => (u < v ? n <= now[u] : n >= now[u]));
    const apart = (n) => others.every((u) => {
      if (!before?.[u] || !before[v]) return true;
      const moved = Math.sign(now[u] - before[u]), interval = Math.abs(before[u] - before[v]) % 12;
      return !moved || ![0, 7].includes(interval) || Math.abs(now[u] - n) % 12 !== interval || Math.sign(n - before[v]) !== moved;
    });
    const strict = log.map((a, n) => (order(n) && apart(n) ? a : -Infinity));
    return strict.some((a) => a > -Infinity) ? strict : log.map((a, n) => (order(n) ? a : -Infinity));
  }

  // Notes of a voice: {pitch, start, length} in steps; what is held is one.
  function notesOf(voice, struck) {
    const found = [];
    for (const [t, pitch] of voice.entries()) {
      if (pitch !== REST && t && voice[t - 1] === pitch && !struck?.[t]) found.at(-1).length += 1;
      else if (pitch !== REST) found.push({ pitch, start: t, length: 1 });
    }
    return found;
  }

  // The bytes of a MIDI file: the tempo, then a track a voice.
  function midi(voices, struck, speed) {
    const TICKS = 480, number = (value, size) => Array.from({ length: size }, (_, k) => (value >>> (8 * (size - 1 - k))) & 255);
    const later = (ticks) => (ticks < 128 ? [ticks] : [...later(ticks >>> 7).map((byte) => byte | 128), ticks & 127]);
    const chunk = (kind, bytes) => [...[...kind].map((c) => c.charCodeAt(0)), ...number(bytes.length, 4), ...bytes], END = [0, 255, 47, 0];
    const tracks = [0, 1, 2, 3].map((v) => {
      const events = notesOf(column(voices, v), v ? null : struck).flatMap(({ pitch, start, length }) =>
        [[start * TICKS, [144 + v, pitch, 80]], [(start + length) * TICKS, [128 + v, pitch, 0]]]);
      let at = 0;
      return chunk("MTrk", [...events.flatMap(([ticks, event]) => { const wait = ticks - at; at = ticks; return [...later(wait), ...event]; }), ...END]);
    });
    const first = chunk("MTrk", [0, 255, 81, 3, ...number(Math.round(6e7 / speed), 3), ...END]);
    return Uint8Array.from([...chunk("MThd", [...number(1, 2), ...number(5, 2), ...number(TICKS, 2)]), ...first, ...tracks.flat()]);
  }

  // ---- sound ---------------------------------------------------------------------------------

  const waves = new WeakMap();  // of a context

  // Notes of the four voices into a context, from `begin` seconds on; returns a gain for each voice and how to stop.
  function sound(into, voices, struck, seconds, begin, loud) {
    if (!waves.has(into)) waves.set(into, into.createPeriodicWave(new Float32Array(5), Float32Array.from([0, ...LOUD]), { disableNormalization: true }));
    const most = PEAK / voices[0].length / LOUD.reduce((a, b) => a + b, 0), all = [];
    const gains = voices[0].map((_, v) => {
      const gain = new GainNode(into, { gain: loud[v] ? 1 : 0 });
      gain.connect(into.destination);
      for (const { pitch, start, length } of notesOf(column(voices, v), v ? null : struck)) {
        const tone = new OscillatorNode(into, { frequency: 440 * 2 ** ((pitch - 69) / 12) }), shape = new GainNode(into, { gain: 0 });
        const [from, to] = [begin + start * seconds, begin + (start + length) * seconds];
        tone.setPeriodicWave(waves.get(into));
        shape.gain.setValueAtTime(0, from);
        shape.gain.linearRampToValueAtTime(most, from + RISE);
        shape.gain.setValueAtTime(most, to - FALL);
        shape.gain.linearRampToValueAtTime(0, to);
        tone.connect(shape).connect(gain);
        tone.start(from);
        tone.stop(to);
        all.push(tone);
      }
      return gain;
    });
    return { gains, stop: () => { for (const tone of all) tone.stop(); } };
  }

  // A piece of a drawing.
  const made = (kind, attributes, text = "") => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.textContent = text;
    return node;
  };

  globalThis.rnnVoices = { REST, SCALE, NAMES, nameOf, column, majorOf, numbered, bars, breaksOf, notesOf, midi, sound, masked, made };
})();
