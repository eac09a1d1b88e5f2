// A network that reads a date in words and writes it anew, character by character, and where it
// looks while it writes (rnncourse.widgets.datewriter). The page of it is in lookback.js.
for (const [place, box] of document.querySelectorAll(".datewriter").entries()) {
  const { say, percent, start } = globalThis.rnnLooks;
  const [examples, surprises] = [box.dataset.examples, box.dataset.surprises].map((text) => JSON.parse(text));
  const TARGETS = "^$-0123456789";
  const plan = { start: TARGETS.indexOf("^"), end: TARGETS.indexOf("$"), length: 14 };

  const words = {
    ask: say("Type a date in words, in English or Chinese", "用文字写一个日期，中文、英文都可以"),
    write: say("Write it as YYYY-MM-DD", "写成 YYYY-MM-DD"),
    surprise: say("Surprise me", "随便来一个"), offers: say("Dates to take", "可选的日期"),
    empty: say("There is nothing to read. Type a date, or take one.", "还没有可读的内容。请输入一个日期，或者选一个。"),
    unsure: (p, least) => say(`Not sure: the network gives this answer a probability of ${p}, and right ones nearly always more than ${least}. Perhaps it is no date, or one in a form that it never saw.`,
      `网络没有把握，它给这个回答的概率是 ${p}，而写对的回答几乎都在 ${least} 以上。也许这不是日期，也许这种写法它没见过。`),
    sure: (p) => say(`The network gives this answer a probability of ${p}.`, `网络给这个回答的概率是 ${p}。`),
    shapeless: say("This isn’t even the form of a date.", "这连日期的样子都不像。"),
    noDay: say("The calendar has no such day. The network writes what it reads; nobody taught it the calendar.",
      "日历上没有这一天。网络只是照着读到的写，没人教过它日历。"),
    limits: say("It saw made-up dates from 1900 to 2099, written in 27 ways, and nothing else. Whatever you type, it writes something like a date, and it can be sure and wrong: try July 4, 1776 or 05/03/2024.",
      "它只见过编造的日期，都在 1900 年到 2099 年之间，一共 27 种写法。无论你输入什么，它都会写出一个像日期的东西，有时写错了还很有把握，不妨试试 July 4, 1776 或者 05/03/2024。"),
    map: say("Where it looked: a row for each character written, a column for each character read. Drag over a row, or use the arrow keys.",
      "下图画出它看了哪里，每行是写出的一个字符，每列是读到的一个字符。在图上划过，或者用方向键，就能选一行。"),
    mapName: say("where the network looked; arrow keys choose a character that it wrote", "网络看了哪里；用方向键选它写出的一个字符"),
  };

  // Whether the calendar has the day.
  function exists(text) {
    const day = new Date(`${text}T00:00:00Z`);
    return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
  }

  function judged({ p, text }, { unsure: least }) {
    const sure = p < least ? words.unsure(percent(p), percent(least)) : words.sure(percent(p));
    const shaped = /^\d{4}-\d\d-\d\d$/.test(text);
    const all = [sure, shaped ? exists(text) ? "" : words.noDay : words.shapeless];
    return { text: all.filter(Boolean).join(say(" ", "")), unsure: p < least };
  }

  start(box, `dates-${place}`, {
    words, examples, surprises, maps: box.dataset.maps === "yes", longest: 60, plan, judged,
    read: (sign) => ([...sign.toLowerCase()].length === 1 ? sign.toLowerCase() : sign),
    written: (token) => TARGETS[token],
    joined: (tokens) => tokens.map((token) => TARGETS[token]).join(""),
  });
}
