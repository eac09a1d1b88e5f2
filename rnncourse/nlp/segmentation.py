"""Chinese words: maximum matching, the best path through a lattice of words, tags, scores.

A segmenter takes a text and returns its words, which join to the text again. All of them
treat a character that no word covers as a word of its own. Empty text has no words.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from rnncourse.nlp import hmm

Words = list[str]
START = ""  # stands before the first word of a sentence
ADDED = 0.1  # to each count
BMES = ("B", "M", "E", "S")  # begin, middle, end of a word; single character


class Lexicon:
    """Words with counts: all that the segmenters below know of a language."""

    def __init__(self, sentences: Iterable[Sequence[str]]) -> None:
        """Count the words of segmented sentences, and which follows which.

        Raises TypeError for a sentence that is a bare string, ValueError if there is no word.
        """
        self.counts: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        starts = 0
        for sentence in sentences:
            if isinstance(sentence, str):
                raise TypeError(f"a sentence is one string, {sentence[:20]!r}; expected its words")
            words = [word for word in sentence if word]
            self.counts.update(words)
            self.pairs.update(zip([START, *words], words, strict=False))
            starts += bool(words)
        self.total = self.counts.total()
        if not self.total:
            raise ValueError("sentences hold no word")
        self.longest = max(map(len, self.counts))
        self.firsts = self.counts | {START: starts}  # how often something followed

    def __contains__(self, word: str) -> bool:
        return word in self.counts

    def __len__(self) -> int:
        return len(self.counts)

    def allows(self, word: str) -> bool:
        """May this string be a word of the lattice? Single characters always may."""
        return word in self

    def log_p(self, word: str) -> float:
        """Log-probability of a word (eq-segmentation-unigram).

        One count is added for each known word and one for all unknown characters together:
        log((n + 1) / (total + V + 1)).
        """
        return math.log((self.counts[word] + 1) / (self.total + len(self.counts) + 1))

    def log_p_after(
        self, word: str, before: str, weight: float = 0.5, alone: float | None = None
    ) -> float:
        """Log-probability of a word after another (eq-segmentation-bigram).

        A mixture of how often the pair was seen and of the single word's probability, which is
        never zero (Jelinek and Mercer, 1980). ``alone`` is ``log_p(word)``, where it is known.
        """
        seen = self.firsts.get(before, 0)
        share = self.pairs.get((before, word), 0) / seen if seen else 0.0
        alone = self.log_p(word) if alone is None else alone
        return math.log(weight * share + (1 - weight) * math.exp(alone))


class OpenLexicon(Lexicon):
    """A lexicon in whose lattice any short string may be a word, at a price.

    What unknown words look like is learnt from the words that occur once: how many of all
    words they are, how long they are, and which characters begin, go on, end or are such a word.
    """

    def __init__(self, sentences: Iterable[Sequence[str]], longest_unknown: int = 4) -> None:
        super().__init__(sentences)
        self.longest_unknown = longest_unknown
        self.longest = max(self.longest, longest_unknown)
        once = [word for word, n in self.counts.items() if n == 1]
        self.share = (len(once) + 1) / (self.total + 2)  # of the words to come (Good, 1953)
        self._lengths = Counter(len(word) for word in once if len(word) <= longest_unknown)
        self._spelt = Counter(to_bmes(once))  # (character, tag)
        self._tags = Counter(tag for _, tag in to_bmes(once))
        self._characters = len(set("".join(self.counts))) + 1  # one for all others

    def allows(self, word: str) -> bool:
        """Known, or not longer than ``longest_unknown``."""
        return word in self or len(word) <= self.longest_unknown

    def log_p(self, word: str) -> float:
        """Log-probability of a known word, or of the spelling of an unknown one.

        Known: its share of the words, times 1 minus the share of unknown ones; unknown:
        eq-segmentation-unknown.
        """
        if n := self.counts[word]:
            return math.log((1 - self.share) * n / self.total)
        length = min(len(word), self.longest_unknown)
        kinds, of_length = self.longest_unknown, self._lengths[length] + ADDED
        result = math.log(self.share * of_length / (self._lengths.total() + ADDED * kinds))
        for pair in to_bmes([word]):
            total = self._tags[pair[1]] + ADDED * self._characters
            result += math.log((self._spelt[pair] + ADDED) / total)
        return result


# --- maximum matching ---------------------------------------------------------------


def forward_match(text: str, lexicon: Lexicon) -> Words:
    """From the left, always take the longest word of the lexicon that fits."""
    words, start = [], 0
    while start < len(text):
        end = min(len(text), start + lexicon.longest)
        while end > start + 1 and text[start:end] not in lexicon:
            end -= 1
        words.append(text[start:end])
        start = end
    return words


def backward_match(text: str, lexicon: Lexicon) -> Words:
    """From the right, always take the longest word of the lexicon that fits."""
    words, end = [], len(text)
    while end > 0:
        start = max(0, end - lexicon.longest)
        while start < end - 1 and text[start:end] not in lexicon:
            start += 1
        words.append(text[start:end])
        end = start
    return words[::-1]


def bidirectional_match(text: str, lexicon: Lexicon) -> Words:
    """Match from both ends; take fewer words, then fewer single characters, then backward."""
    both = [backward_match(text, lexicon), forward_match(text, lexicon)]
    return min(both, key=lambda words: (len(words), sum(len(word) == 1 for word in words)))


# --- the best path through the lattice of words --------------------------------------


def word_lattice(text: str, lexicon: Lexicon) -> Iterator[tuple[int, int]]:
    """Every place (start, end) of a word in the text, and of each single character."""
    for start in range(len(text)):
        yield start, start + 1
        for end in range(start + 2, min(len(text), start + lexicon.longest) + 1):
            if lexicon.allows(text[start:end]):
                yield start, end


def unigram(text: str, lexicon: Lexicon) -> Words:
    """The words with the largest product of probabilities (eq-segmentation-path)."""
    best = [0.0] + [-math.inf] * len(text)  # of all ways to reach each place
    back = [0] * (len(text) + 1)
    for start, end in word_lattice(text, lexicon):
        score = best[start] + lexicon.log_p(text[start:end])
        if score > best[end]:
            best[end], back[end] = score, start
    words, end = [], len(text)
    while end:
        words.append(text[back[end] : end])
        end = back[end]
    return words[::-1]


def bigram(text: str, lexicon: Lexicon, weight: float = 0.5) -> Words:
    """The best product of each word's probability after the one before it.

    ``weight`` is that of :meth:`Lexicon.log_p_after`. The state of the search is the last word.
    """
    if not text:
        return []
    ending = defaultdict(list)  # end → places of the words that end there
    best = {(0, 0): 0.0}
    ending[0].append((0, 0))
    back = {}
    for edge in word_lattice(text, lexicon):
        word = text[slice(*edge)]
        alone = lexicon.log_p(word)
        # An empty slice stands before the first word: START.
        scores = [(best[last] + lexicon.log_p_after(word, text[slice(*last)], weight, alone), last)
                  for last in ending[edge[0]]]  # fmt: skip
        best[edge], back[edge] = max(scores)
        ending[edge[1]].append(edge)
    edge = max(ending[len(text)], key=best.__getitem__)
    words = []
    while edge != (0, 0):
        words.append(text[slice(*edge)])
        edge = back[edge]
    return words[::-1]


# --- hidden Markov models: one tag for each token ------------------------------------


def to_bmes(words: Iterable[str]) -> list[tuple[str, str]]:
    """Each character of segmented words with its tag: 大学 生 → 大/B 学/E 生/S."""
    tagged: list[tuple[str, str]] = []
    for word in words:
        tags = "S" if len(word) == 1 else "B" + "M" * (len(word) - 2) + "E"
        tagged += zip(word, tags, strict=True)
    return tagged


def from_bmes(text: str, tags: Sequence[str]) -> Words:
    """The words that the tags say: one ends after each E and S, and at the end."""
    words, start = [], 0
    for end, tag in enumerate(tags, 1):
        if tag in "ES" or end == len(text):
            words.append(text[start:end])
            start = end
    return words


BMES_STEPS = ("BM", "BE", "MM", "ME", "EB", "ES", "SB", "SS")


def bmes_fit(sentences: Iterable[Sequence[str]]) -> hmm.Hmm:
    """A model of characters and their tags B, M, E, S from segmented sentences."""
    return hmm.fit(map(to_bmes, sentences), [(pair[0], pair[1]) for pair in BMES_STEPS])


def hmm_words(texts: Sequence[str], model: hmm.Hmm) -> list[Words]:
    """Words of each text by the tags of its characters; many texts at once are faster."""
    tags = hmm.tag(texts, model)
    return [from_bmes(text, found) for text, found in zip(texts, tags, strict=True)]


def retag_singles(sentences: Sequence[Words], model: hmm.Hmm) -> list[Words]:
    """The same words, but the tags decide over each run of single characters.

    So words that the lexicon lacks can be found.
    """
    split: list[list[str | int]] = []
    runs: list[str] = []
    for words in sentences:
        parts: list[str | int] = []  # words, and numbers of runs
        for word in words:
            if len(word) > 1:
                parts.append(word)
            elif parts and isinstance(parts[-1], int):
                runs[-1] += word
            else:
                runs.append(word)
                parts.append(len(runs) - 1)
        split.append(parts)
    found = hmm_words(runs, model)
    return [
        [word for part in parts for word in (found[part] if isinstance(part, int) else [part])]
        for parts in split
    ]


def unigram_hmm(texts: Sequence[str], lexicon: Lexicon, model: hmm.Hmm) -> list[Words]:
    """Unigram words, but the tags decide over runs of single characters. So does jieba."""
    return retag_singles([unigram(text, lexicon) for text in texts], model)


# --- how good ------------------------------------------------------------------------
