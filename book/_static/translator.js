// A network that translates short Chinese sentences into English, piece by piece, and where it
// looks while it writes (rnncourse.widgets.translator). The page of it is in lookback.js.
for (const [place, box] of document.querySelectorAll(".translator").entries()) {
  const { say, percent, start } = globalThis.rnnLooks;
  const LONGEST = 12;  // characters of the longest sentence in its training

  const words = {
    ask: say("Type a short sentence in Chinese", "输入一个简短的中文句子"),
    write: say("Translate into English", "译成英文"), offers: say("Sentences to take", "可选的句子"),
    empty: say("There is nothing to translate. Type a sentence in Chinese, or take one.", "还没有可译的内容。请输入一个中文句子，或者选一个。"),
    strange: (signs) => say(`It never learnt ${signs}, and reads it as “unknown character”.`, `它没有学过${signs}，只能当作「生字」来读。`),
    blind: say("It knows none of these characters: what it writes has nothing to do with them.",
      "这些字符它一个也不认识，写出来的东西和它们毫无关系。"),
    foreign: say("This isn’t Chinese. It reads Chinese alone, and writes something all the same.",
      "这不是中文。它只会读中文，不过照样会写出点什么。"),
    stretched: (k) => say(`It learnt sentences of ${LONGEST} characters at most; this one has ${k}.`,
      `它学过的句子最长 ${LONGEST} 个字符，这一句有 ${k} 个。`),
    endless: say("It didn’t find an end.", "它没有写到结尾。"),
    unsure: (p) => say(`Not sure: it gives its pieces a probability of ${p} each, in the geometric mean.`,
      `它没有把握，平均给每个词块的概率只有 ${p}（几何平均）。`),
    sure: (p) => say(`It gives its pieces a probability of ${p} each, in the geometric mean.`,
      `它平均给每个词块的概率是 ${p}（几何平均）。`),
    limits: say("It learnt from some 18,000 short sentences that people wrote to learn languages, and knows little else. It can be fluent and wrong. Names other than Tom and Mary, numbers and longer sentences mostly go wrong: try 张伟住在广州。 or 我有三百六十五块钱。 Sentences: Tatoeba (tatoeba.org), by way of manythings.org, CC BY 2.0 FR.",
      "它只学过大约一万八千个短句，都是语言学习者的例句，别的几乎一无所知。译文可能很通顺，意思却不对。除了汤姆、玛丽以外的人名，还有数字和较长的句子，大多会译错，不妨试试「张伟住在广州。」或者「我有三百六十五块钱。」例句来自 Tatoeba（tatoeba.org），经 manythings.org 整理，许可协议为 CC BY 2.0 FR。"),
    map: say("Where it looked: a row for each piece written, a column for each character read. Drag over a row, or use the arrow keys.",
      "下图画出它看了哪里，每行是写出的一个词块，每列是读到的一个字符。在图上划过，或者用方向键，就能选一行。"),
    mapName: say("where the network looked; arrow keys choose a piece that it wrote", "网络看了哪里；用方向键选它写出的一个词块"),
  };

  const single = (text) => [...text].length === 1;

  // As rnncourse.widgets.translator.fold: one width, small, simplified.
  function read(sign, model) {
    model.forms ??= new Map(pairs([...model.simplified]));
    const small = [sign.normalize("NFKC").toLowerCase(), sign.toLowerCase()].find(single) ?? sign;
    return model.forms.get(small) ?? small;
  }

  const pairs = (signs) => signs.flatMap((sign, k) => (k % 2 ? [] : [[sign, signs[k + 1]]]));

  function joined(tokens, model) {
    const text = tokens.map((token) => model.pieces[token]).join("").trim();
    return text.slice(0, 1).toUpperCase() + text.slice(1);
  }

  function judged({ p, steps, signs, ids }, { unsure: least }) {
    const mean = p ** (1 / steps.length), blind = ids.every((id) => id === 0);
    const foreign = !signs.some((sign) => /\p{Script=Han}/u.test(sign));
    const all = [mean < least ? words.unsure(percent(mean)) : words.sure(percent(mean)),
      blind ? words.blind : foreign ? words.foreign : "",
      signs.length > LONGEST ? words.stretched(signs.length) : "",
      steps.at(-1).token === 1 ? "" : words.endless];
    return { text: all.filter(Boolean).join(say(" ", "")), unsure: mean < least || blind || foreign };
  }

  start(box, `translation-${place}`, {
    words, examples: JSON.parse(box.dataset.examples), maps: true, longest: 40, judged, read, joined,
    plan: { start: 0, end: 1, length: 40 },
    written: (token, model) => model.pieces[token].trim() || "␣",
  });
}
