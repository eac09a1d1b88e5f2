// Sphinx's search takes a run of Chinese characters for one word and finds nothing.
// The index knows the words: split a query into the longest ones that it holds.
// (searchtools.js uses a global splitQuery where there is one.)
var splitQuery = (query) => {
  const index = Search._index || { terms: {}, titleterms: {} };
  const known = (word) => Object.hasOwn(index.terms, word) || Object.hasOwn(index.titleterms, word);
  const splitRun = (run) => {
    const words = [];
    for (let start = 0; start < run.length; ) {
      let end = run.length;
      while (end > start + 1 && !known(run.slice(start, end))) end--;
      if (end > start + 1) words.push(run.slice(start, end));
      start = end; // a single character is never in the index: pass over it
    }
    return words.length ? words : [run];
  };
  return query
    .split(/[^\p{Letter}\p{Number}_\p{Emoji_Presentation}]+/gu)
    .flatMap((word) => word.match(/\p{Script=Han}+|\P{Script=Han}+/gu) || [])
    .flatMap((word) => (/\p{Script=Han}/u.test(word) ? splitRun(word) : [word]));
};
