// What the poet shares: the index of copied pieces, one character chosen under a mask, and Song ci
// to a tune (rnncourse.widgets.songci). A classic script with one global, `rnnVerse`, after net.js.
globalThis.rnnVerse = (() => {
  const net = globalThis.rnnNet;
  const RUN = 4, PRIME = 16777619, ENOUGH = 12, LEVEL = "平", OBLIQUE = "仄";
  const han = (sign) => /^[\u3400-\u9fff\u{20000}-\u{3ffff}]$/u.test(sign);
  const shared = (a, b) => [...a].filter((one) => b.has(one));
  const pairsOf = (text) => {
    const signs = [...text];
    return new Map(signs.filter((_, k) => k % 2 === 0).map((old, k) => [old, signs[2 * k + 1]]));
  };
  // {name: characters} → character → set of names
  function namesOf(groups) {
    const found = new Map();
    for (const [name, signs] of Object.entries(groups)) for (const sign of signs) found.set(sign, (found.get(sign) ?? new Set()).add(name));
    return found;
  }

  // ---- pieces of training lines: a Bloom filter -------------------------------------------------

  // A function: the longest run of a line whose pieces are all known, 0 where it is below RUN.
  function runs(index) {
    const bits = Uint8Array.from(atob(index.bits), (c) => c.charCodeAt(0));
    function known(piece) {
      let one = 2166136261, two = 84696351;
      for (const sign of piece) {
        one = Math.imul(one ^ sign.codePointAt(0), PRIME) >>> 0;
        two = Math.imul(two ^ sign.codePointAt(0), PRIME) >>> 0;
      }
      const step = (two | 1) >>> 0;
      for (let k = 0; k < index.hashes; k += 1) {
        const at = ((one + Math.imul(k, step)) >>> 0) % (8 * bits.length);
        if (!(bits[at >> 3] & (128 >> (at & 7)))) return false;
      }
      return true;
    }
    return (line) => {
      const signs = [...line];
      let best = 0, now = 0;
      for (let k = 0; k + RUN <= signs.length; k += 1) {
        now = known(signs.slice(k, k + RUN)) ? now + 1 : 0;
        best = Math.max(best, now);
      }
      return best ? best + RUN - 1 : 0;
    };
  }

  // ---- the network, and a choice under a mask ------------------------------------------------------

  // A function: the state and the scores after one token more; h null: from the beginning.
  function stepper(arrays) {
    const cell = net.part(arrays, "cell"), E = arrays["embedding.E"];
    return (id, h) => {
      const now = net.gru(net.embedding(id, E), h ?? net.start.gru(cell), cell);
      return { h: now, scores: net.denseTransposed(net.dense(now, arrays["projection.W_y"], arrays["projection.b_y"]), E, arrays["output.b_y"]) };
    };
  }

  const logSum = (values) => {
    const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
    return most + Math.log(values.reduce((sum, y) => sum + Math.exp(y - most), 0));
  };

  // The number that is drawn, without tau the best; what the mask cost; its log-probability without it.
  function choose(scores, kept, tau, random) {
    const all = logSum(scores), masked = scores.map((y, k) => (kept[k] ? y : -Infinity));
    const k = tau ? net.draw(net.softmax(masked.map((y) => y / tau)), random()) : masked.indexOf(masked.reduce((a, b) => Math.max(a, b)));
    return { k, cost: all - logSum(masked), logProb: scores[k] - all };
  }

  // As rnncourse.widgets.poet.unless_empty
  const unlessEmpty = (kept, fits) => {
    const both = kept.map((yes, k) => yes && fits(k));
    return both.includes(true) ? both : kept;
  };

  // ---- Song ci ---------------------------------------------------------------------------------

  const flip = (name) => name.slice(0, -1) + (name.endsWith(LEVEL) ? OBLIQUE : LEVEL);

  // Of a loaded record: its tunes, and what rnncourse.widgets.songci.Songs does.
  function songs(network) {
    const signs = [...network.tokens], id = new Map(signs.map((sign, k) => [sign, k])), olds = pairsOf(network.olds);
    const rhymeOf = namesOf(network.rhymes), copied = runs(network.index), step = stepper(network.arrays);
    const plain = (sign) => olds.get(sign) ?? sign;
    const common = new Set(Object.keys(network.rhymes).filter((name) => [...network.rhymes[name]].length >= ENOUGH));
    const writable = Array.from({ length: signs.length + network.forms.length }, (_, k) => k < signs.length && han(signs[k]));
    const forms = new Map(network.forms.map((one, number) => [one.tune, { ...one, number, turned: new Set(one.turned),
      lengths: one.skeleton.match(/x+/g).map((line) => line.length), stops: one.skeleton.match(/[^x]+/g),
      group: (n) => one.groups.findIndex((some) => some.includes(n)) }]));
    const rhymes = (sign, turned = false) => {
      const found = rhymeOf.get(plain(sign)) ?? new Set();
      return turned ? new Set([...found].map(flip)) : found;
    };

    function judge(tune, lines, own) {
      const found = { words: [], rhymes: [], fitting: [], doubled: [], run: Math.max(0, ...lines.slice(own).map(copied)) };
      const { groups, turned } = forms.get(tune);
      for (const some of groups) {
        const mine = some.map((n) => [...lines[n]].at(-1)), names = mine.map((word, k) => rhymes(word, turned.has(some[k])));
        const counts = new Map();
        for (const name of names.flatMap((one) => [...one])) counts.set(name, (counts.get(name) ?? 0) + 1);
        const best = [...counts.keys()].sort().reduce((most, name) => (counts.get(name) > (counts.get(most) ?? 0) ? name : most), "");
        found.words.push(mine);
        found.rhymes.push(names.slice(1).reduce((left, one) => shared(left, one), [...names[0]]).sort());
        found.fitting.push(mine.filter((_, k) => names[k].has(best)));
        found.doubled.push(...mine.filter((word, k) => mine.indexOf(word) === k && mine.lastIndexOf(word) !== k));
      }
      return found;
    }

    // A song; given: its first characters; random: numbers in [0, 1), one for each that is chosen.
    function compose({ tune, given, rules, tau }, random) {
      const form = forms.get(tune), { groups, turned } = form, rhyme = groups.map(() => null), used = groups.map(() => []), lines = [];
      let cost = 0, logProb = 0, count = 0, { h, scores } = step(signs.length + form.number, null);
      const read = (sign) => ({ h, scores } = step(id.get(sign) ?? id.get(network.rare), h));
      const add = (found) => { cost += found.cost; logProb += found.logProb; };
      const force = (sign) => { const log = scores[id.get(sign)] - logSum(scores); add({ cost: -log, logProb: log }); };
      function allowed(n, last) {
        const k = form.group(n);
        if (!last || k < 0 || !rules.includes("rhyme")) return writable;
        const turns = groups[k].some((line) => turned.has(line));
        const wanted = rhyme[k] ?? new Set([...common].filter((name) => !turns || common.has(flip(name))));
        return unlessEmpty(writable, (i) => i < signs.length && shared(rhymes(signs[i], turned.has(n)), wanted).length > 0 && !used[k].includes(signs[i]));
      }
      for (const [n, length] of form.lengths.entries()) {
        lines.push("");
        for (let t = 0; t < length; t += 1, count += 1) {
          let sign = given[count];
          if (!sign) {
            const found = choose(scores, allowed(n, t === length - 1), tau, random);
            add(found);
            sign = signs[found.k];
          }
          lines[n] += sign;
          read(sign);
        }
        const k = form.group(n), word = [...lines[n]].at(-1);
        if (k >= 0) {
          used[k].push(word);
          const found = rhymes(word, turned.has(n)), both = rhyme[k] ? new Set(shared(found, rhyme[k])) : found;
          if (both.size) rhyme[k] = both;
        }
        for (const sign of form.stops[n]) {
          if (count >= given.length) force(sign);
          read(sign);
        }
      }
      force(network.end);
      let ends = 0;
      const own = form.lengths.filter((length) => (ends += length) <= given.length).length;
      return { lines, stops: form.stops, cost, logProb, verdict: judge(tune, lines, own) };
    }

    return { forms, compose, rhymes, plain, knows: (sign) => id.has(sign) };
  }

  return { han, shared, pairsOf, namesOf, runs, stepper, choose, unlessEmpty, songs };
})();
