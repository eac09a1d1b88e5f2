"""Names, requests and words: a softmax at each step, a CRF, and rules on either. An hour.

A bidirectional LSTM over characters (Chinese) or over words and their letters (English), trained
with a softmax or with a CRF; each is then decoded as it is and under the rules of its tags
(nn.crf.allowed). Nothing was chosen on a test: epochs, dropout, and how the rate falls, were tried
on the development parts with one seed; the last epoch counts. No vector was trained on other texts.
Baselines: the commonest tag of each token, and the longest match of a name that the training has,
under its commonest kind; for words those of segmentation.py.

F1 is of whole entities, read strictly (a fragment is none) and as CoNLL's script does, or of words.
A broken sentence is one whose tags break a rule at least once.
"""

from _common import Run, summary  # isort: skip  (before NumPy)

import functools
import os
from collections import Counter, defaultdict

import numpy as np
import torch
from _tags import SPLITS, TASKS, place, read
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import metrics
from rnncourse.data import conll
from rnncourse.nlp import segmentation
from rnncourse.nn import crf

D, H, N, RATE, CLIP = 64, 100, 32, 4e-3, 5.0
FALL = 4  # the rate falls to this part of itself, by the same factor each epoch
LETTER, SPELLED, LONGEST = 16, 64, 20  # numbers a letter and a word's letters; letters of a word
RARE = 0.5  # of the tokens that the training has once, the share that is read as unknown
SETTINGS = {"embedding": D, "units": H, "batch": N, "rate": RATE, "fall": FALL, "clip": CLIP,
            "letter": LETTER, "letters of a word": SPELLED}  # fmt: skip
PUBLISHED = {
    "ner_resume": ("Lattice LSTM", 0.9446, "Zhang and Yang 2018, pretrained vectors and words"),
    "ner_weibo": ("Lattice LSTM", 0.5879, "Zhang and Yang 2018, pretrained vectors and words"),
    "wnut17": ("UH-RiTUAL", 0.4186, "Aguilar et al. 2017, pretrained vectors"),
    "tag_snips": ("slot-gated", 0.888, "Goo et al. 2018, the same test, perhaps other words"),
    "pku": ("BLSTM-CRF", 0.9494, "github.com/huangshenno1/CWS_BLSTM_CRF"),
    "msr": ("CRF", 0.964, "Tseng et al. 2005; its training text is not at hand"),
}


@functools.cache
def tables(name):
    """Token → number, those that occur once, letter → number, and the tags.

    0 is padding, 1 unknown. A word's number does not tell how it is written.
    """
    train = read(name, "train")
    counts = Counter(form(name, token) for tokens, _ in train for token in tokens)
    tags = sorted({tag for _, found in train for tag in found})
    numbers = {token: k for k, token in enumerate(counts, 2)}
    letters = sorted({c for tokens, _ in train for token in tokens for c in token})
    once = {numbers[token] for token, n in counts.items() if n == 1}
    return numbers, once, {c: k for k, c in enumerate(letters, 2)}, tags


def form(name, token):
    return token.lower() if TASKS[name].spelled else token


def spelling(name, tokens):
    """Letters of each word, (T, LONGEST): its first and last ones if it has more."""
    letters, found = tables(name)[2], np.zeros((len(tokens), LONGEST), int)
    for row, token in zip(found, tokens, strict=True):
        if len(token) > LONGEST:
            token = token[: LONGEST // 2] + token[-LONGEST // 2 :]
        row[: len(token)] = [letters.get(c, 1) for c in token]
    return found


def batches(name, sentences):
    """Sentences of like length together: their places, ids (N, T), letters, labels and mask."""
    numbers, _, _, tags = tables(name)
    spelled = TASKS[name].spelled
    places = sorted(range(len(sentences)), key=lambda n: len(sentences[n][0]))
    made = []
    for k in range(0, len(places), N):
        part = places[k : k + N]
        T = len(sentences[part[-1]][0])
        ids, labels = np.zeros((len(part), T), int), np.zeros((len(part), T), int)
        letters = np.zeros((len(part), T, LONGEST), int) if spelled else None
        for row, n in enumerate(part):
            tokens, found = sentences[n]
            ids[row, : len(tokens)] = [numbers.get(form(name, token), 1) for token in tokens]
            labels[row, : len(found)] = [tags.index(tag) for tag in found]
            if letters is not None:
                letters[row, : len(tokens)] = spelling(name, tokens)
        made.append((part, ids, letters, labels, ids > 0))
    return made


class Tagger(nn.Module):
    """Embedding, bidirectional LSTM, a score for each tag; words by their letters too.

    The letters go through a convolution over three of them and a maximum over the word.
    """

    def __init__(self, V, K, drop, letters=0):
        super().__init__()
        self.embedding = nn.Embedding(V, D, padding_idx=0)
        self.lstm = nn.LSTM(D + SPELLED * bool(letters), H, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * H, K)
        self.drop = nn.Dropout(drop)
        self.chain = nn.ParameterDict(
            {
                n: torch.tensor(p)
                for n, p in crf.crf_init(np.random.default_rng(0), K, np.float32).items()
            }
        )
        if letters:
            self.letters = nn.Embedding(letters, LETTER, padding_idx=0)
            self.spelled = nn.Conv1d(LETTER, SPELLED, 3, padding=1)

    def forward(self, ids, letters, mask):
        xs = self.embedding(ids)
        if letters is not None:
            found = self.spelled(self.letters(letters.flatten(0, 1)).transpose(1, 2)).amax(2)
            xs = torch.cat([xs, found.reshape(*ids.shape, SPELLED)], 2)
        xs = self.drop(xs)
        packed = pack_padded_sequence(xs, mask.sum(1), batch_first=True, enforce_sorted=False)
        hs, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.output(self.drop(hs))


class ChainLoss(torch.autograd.Function):
    """The course's own CRF inside PyTorch."""

    @staticmethod
    def forward(ctx, emissions, labels, mask, *chain):
        ctx.params = {name: p.detach().numpy() for name, p in zip(crf.NAMES, chain, strict=True)}
        loss, ctx.cache = crf.crf_forward(emissions.detach().numpy(), labels, ctx.params, mask)
        return torch.tensor(loss, dtype=torch.float32)

    @staticmethod
    def backward(ctx, dloss):
        demissions, grads = crf.crf_backward(float(dloss), ctx.cache, ctx.params)
        return torch.tensor(demissions), None, None, *(torch.tensor(grads[n]) for n in crf.NAMES)


def scores_of(model, ids, letters, mask):
    return model(torch.tensor(ids), None if letters is None else torch.tensor(letters),
                 torch.tensor(mask))  # fmt: skip


def loss_of(kind, model, ids, letters, labels, mask):
    scores = scores_of(model, ids, letters, mask)
    if kind == "crf":
        return ChainLoss.apply(scores, labels, mask, *(model.chain[n] for n in crf.NAMES))
    return nn.functional.cross_entropy(scores[torch.tensor(mask)], torch.tensor(labels[mask]))


def learn(name, kind, seed):
    """A trained tagger."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    numbers, rare, letters, tags = tables(name)
    task = TASKS[name]
    letters = len(letters) + 2 if task.spelled else 0
    model = Tagger(len(numbers) + 2, len(tags), task.drop, letters)
    made = batches(name, read(name, "train"))
    adam = torch.optim.Adam(model.parameters(), RATE)
    for epoch in range(TASKS[name].epochs):
        adam.param_groups[0]["lr"] = RATE * FALL ** (-epoch / (TASKS[name].epochs - 1))
        for k in rng.permutation(len(made)):
            _, ids, letters, labels, mask = made[k]
            unknown = np.isin(ids, list(rare)) & (rng.random(ids.shape) < RARE)
            loss = loss_of(kind, model, np.where(unknown, 1, ids), letters, labels, mask)
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            adam.step()
    return model.eval()


def decoded(name, kind, model, sentences):
    """Tags of each sentence, by the way of decoding."""
    *_, tags = tables(name)
    rules = crf.allowed(tags, TASKS[name].scheme)
    chain = {n: model.chain[n].detach().numpy() for n in crf.NAMES}
    if kind == "softmax":
        chain = {n: 0 * p for n, p in chain.items()}
    found = {way: [None] * len(sentences) for way in ("free", "rules")}
    for places, ids, letters, _, mask in batches(name, sentences):
        with torch.no_grad():
            scores = scores_of(model, ids, letters, mask).numpy()
        for way, params in {"free": chain, "rules": crf.constrain(rules, chain)}.items():
            paths, _ = crf.decode(scores, params, mask)
            for n, path in zip(places, paths, strict=True):
                found[way][n] = [tags[k] for k in path if k >= 0]
    return found


def judged(name, sentences, found):
    """Scores of tags, of entities or words, and of sentences."""
    gold = [tags for _, tags in sentences]
    right = [a == b for x, y in zip(gold, found, strict=True) for a, b in zip(x, y, strict=True)]
    scores = {"tokens": np.mean(right), "broken": np.mean([breaks(name, tags) for tags in found])}
    scores |= (of_cuts if TASKS[name].words else of_entities)(name, sentences, found)
    return {key: round(float(value), 4) for key, value in scores.items()}


def of_entities(name, sentences, found):
    gold = [tags for _, tags in sentences]
    strict = metrics.entity_scores(gold, found, TASKS[name].scheme)["all"]
    # The lenient reader knows I and not M.
    plain = [[[t.replace("M-", "I-", 1) for t in tags] for tags in side] for side in (gold, found)]
    lenient = metrics.entity_scores(*plain)["all"]
    return {"f1": strict.f1, "precision": strict.precision, "recall": strict.recall,
            "f1_lenient": lenient.f1}  # fmt: skip


def of_cuts(name, sentences, found):
    """Words of the text that the tags cut, and of those that the training does not have."""
    texts = ["".join(characters) for characters, _ in sentences]
    known = {word for characters, tags in read(name, "train")
             for word in segmentation.from_bmes("".join(characters), tags)}  # fmt: skip
    cut = [[segmentation.from_bmes(text, tags) for text, tags in zip(texts, side, strict=True)]
           for side in ([tags for _, tags in sentences], found)]  # fmt: skip
    scores = metrics.segmentation_scores(*cut, known)
    return {"f1": scores.f1, "precision": scores.precision, "recall": scores.recall,
            "oov_recall": scores.oov_recall}  # fmt: skip


@functools.cache
def rules(name):
    """Scores 0 and −∞: what the scheme of its tags allows."""
    *_, tags = tables(name)
    return crf.constrain(crf.allowed(tags, TASKS[name].scheme))


def breaks(name, found):
    """Do these tags break a rule?"""
    *_, tags = tables(name)
    chain, k = rules(name), [tags.index(t) for t in found]
    score = chain["start"][k[0]] + chain["end"][k[-1]] + chain["transitions"][k[:-1], k[1:]].sum()
    return bool(np.isneginf(score))


def measure(name, kind, seed):
    """Train, decode in both ways, judge on both sets."""
    model = learn(name, kind, seed)
    counted = [p.numel() for n, p in model.named_parameters()
               if kind == "crf" or not n.startswith("chain")]  # fmt: skip
    result = {"parameters": sum(counted)}
    for split in ("dev", "test"):
        sentences = read(name, split)
        for way, found in decoded(name, kind, model, sentences).items():
            result.setdefault(way, {})[split] = judged(name, sentences, found)
    return result


# --- baselines ------------------------------------------------------------------------------


def commonest_tags(name, sentences):
    """Each token's commonest tag in the training; O for others."""
    counts = defaultdict(Counter)
    for tokens, tags in read(name, "train"):
        for token, tag in zip(tokens, tags, strict=True):
            counts[token][tag] += 1
    best = {token: found.most_common(1)[0][0] for token, found in counts.items()}
    return [[best.get(token, "O") for token in tokens] for tokens, _ in sentences]


def longest_match(name, sentences):
    """From the left, the longest name that the training has, with its commonest kind."""
    tokens = [tokens for tokens, _ in sentences]
    return conll.look_up(tokens, read(name, "train"), TASKS[name].scheme)


def baseline(name, function):
    return {split: judged(name, read(name, split), function(name, read(name, split)))
            for split in ("dev", "test")}  # fmt: skip


BASELINES = {"commonest tag": commonest_tags, "longest match": longest_match}


def counted(name):
    """How much there is of it."""
    kept = {split: read(name, split) for split in SPLITS}
    found = {"sentences": {split: len(some) for split, some in kept.items()},
             "tokens": {split: sum(len(tokens) for tokens, _ in some)
                        for split, some in kept.items()}}  # fmt: skip
    if not TASKS[name].words:
        found["entities"] = {
            split: sum(len(metrics.entities(tags, TASKS[name].scheme)) for _, tags in some)
            for split, some in kept.items()
        }
    return found


def gathered(runs):
    """Mean and spread of each score over the trainings, by the way of decoding."""
    return {way: {split: {key: summary([r[way][split][key] for r in runs])
                          for key in runs[0][way][split]} for split in ("dev", "test")}
            | {"parameters": runs[0]["parameters"]} for way in ("free", "rules")}  # fmt: skip


def main():
    needs = [place(name, split) for name in TASKS for split in SPLITS]
    what = "Names, slots and words by a BiLSTM with softmax or CRF; strict and lenient F1"
    with Run("tagging", what, needs, ["torch"], len(TASKS) * 8 - 4) as run:
        sets = {}
        for name in TASKS:
            chosen = {} if TASKS[name].words else BASELINES
            rows = {b: run.step(f"{name}: {b}", baseline, name, f) for b, f in chosen.items()}
            networks = {}
            for kind in ("softmax", "crf"):
                runs = [run.step(f"{name}: {kind} {seed}", measure, name, kind, seed)
                        for seed in run.seeds]  # fmt: skip
                networks |= {f"{kind}, {way}": found for way, found in gathered(runs).items()}
            sets[name] = counted(name) | {
                "epochs": TASKS[name].epochs, "dropout": TASKS[name].drop, "baselines": rows,
                "networks": networks,
            }  # fmt: skip
        published = {name: dict(zip(("what", "f1", "source"), found, strict=True))
                     for name, found in PUBLISHED.items()}  # fmt: skip
        run.write({"sets": sets, "published": published, "settings": SETTINGS})


if __name__ == "__main__":
    main()
