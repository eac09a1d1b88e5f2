"""Names in Chinese text: a softmax at each step, a CRF, and rules on top of either. 20 minutes.

A bidirectional LSTM over characters, trained with a softmax or with a CRF; each is then decoded as
it is and under the rules of its tags (nn.crf.allowed). Nothing was chosen on a test: the settings
are those of a first trial, and the last epoch counts. Baselines: the commonest tag of each
character, and the longest match of a name that the training has, under its commonest kind.

F1 is of whole entities, read strictly (a fragment is none) and as CoNLL's script does. A broken
sentence is one whose tags break a rule at least once.
"""

from _common import Run, summary  # isort: skip  (before NumPy)

import functools
import os
from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import data, metrics
from rnncourse.nn import crf

SPLITS = ("train", "dev", "test")


class Task(NamedTuple):
    """A data set: its files by split, the scheme of its tags, epochs."""

    files: dict[str, str]
    scheme: str
    epochs: int


TASKS = {
    "ner_resume": Task({split: f"{split}.char.bmes" for split in SPLITS}, "BMES", 5),
    "ner_weibo": Task({split: f"weiboNER_2nd_conll.{split}" for split in SPLITS}, "BIO", 10),
}
D, H, DROP, N, RATE, DECAY, CLIP = 64, 100, 0.5, 32, 4e-3, 0.75, 5.0
RARE = 0.5  # of the characters that the training has once, the share that is read as unknown
EXAMPLES = (
    "林晓，女，1971年出生，中国国籍，汉族，经济学硕士，高级会计师。",
    "现任江南远航股份有限公司董事、总经理兼财务总监。",
)  # made up; tagged by the networks that were trained on résumés
PAPER = "Zhang and Yang 2018, with characters, words and pretrained vectors"
PUBLISHED = {
    "ner_resume": {"what": "Lattice LSTM", "f1": 0.9446, "source": PAPER},
    "ner_weibo": {"what": "Lattice LSTM", "f1": 0.5879, "source": PAPER},
}


@functools.cache
def read(name, split):
    """Sentences, each two lists: characters and tags."""
    text = data.path(name, TASKS[name].files[split]).read_text(encoding="utf-8")
    sentences = []
    for block in text.split("\n\n"):
        rows = [line.split() for line in block.splitlines() if line.strip()]
        if rows:  # of Weibo's characters the second sign says where in a word they stand
            sentences.append(([row[0][0] for row in rows], [row[-1] for row in rows]))
    return sentences


@functools.cache
def tables(name):
    """Character → number, those that occur once, and the tags. 0 is padding, 1 unknown."""
    train = read(name, "train")
    counts = Counter(c for characters, _ in train for c in characters)
    tags = sorted({tag for _, found in train for tag in found})
    numbers = {c: k for k, c in enumerate(counts, 2)}
    return numbers, {numbers[c] for c, n in counts.items() if n == 1}, tags


def batches(name, sentences):
    """Sentences of like length together: their places, ids (N, T), labels and mask."""
    numbers, _, tags = tables(name)
    places = sorted(range(len(sentences)), key=lambda n: len(sentences[n][0]))
    made = []
    for k in range(0, len(places), N):
        part = places[k : k + N]
        T = len(sentences[part[-1]][0])
        ids, labels = np.zeros((len(part), T), int), np.zeros((len(part), T), int)
        for row, n in enumerate(part):
            characters, found = sentences[n]
            ids[row, : len(characters)] = [numbers.get(c, 1) for c in characters]
            labels[row, : len(found)] = [tags.index(tag) for tag in found]
        made.append((part, ids, labels, ids > 0))
    return made


class Tagger(nn.Module):
    """Embedding, bidirectional LSTM, a score for each tag."""

    def __init__(self, V, K):
        super().__init__()
        self.embedding = nn.Embedding(V, D, padding_idx=0)
        self.lstm = nn.LSTM(D, H, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * H, K)
        self.drop = nn.Dropout(DROP)
        self.chain = nn.ParameterDict(
            {
                n: torch.tensor(p)
                for n, p in crf.crf_init(np.random.default_rng(0), K, np.float32).items()
            }
        )

    def forward(self, ids, mask):
        xs = self.drop(self.embedding(ids))
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


def loss_of(kind, model, ids, labels, mask):
    scores = model(torch.tensor(ids), torch.tensor(mask))
    if kind == "crf":
        return ChainLoss.apply(scores, labels, mask, *(model.chain[n] for n in crf.NAMES))
    return nn.functional.cross_entropy(scores[torch.tensor(mask)], torch.tensor(labels[mask]))


def learn(name, kind, seed):
    """A trained tagger."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    numbers, rare, tags = tables(name)
    model, made = Tagger(len(numbers) + 2, len(tags)), batches(name, read(name, "train"))
    adam = torch.optim.Adam(model.parameters(), RATE)
    for epoch in range(TASKS[name].epochs):
        adam.param_groups[0]["lr"] = RATE * DECAY**epoch
        for k in rng.permutation(len(made)):
            _, ids, labels, mask = made[k]
            unknown = np.isin(ids, list(rare)) & (rng.random(ids.shape) < RARE)
            loss = loss_of(kind, model, np.where(unknown, 1, ids), labels, mask)
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            adam.step()
    return model.eval()


def decoded(name, kind, model, sentences):
    """Tags of each sentence, by the way of decoding."""
    _, _, tags = tables(name)
    rules = crf.allowed(tags, TASKS[name].scheme)
    chain = {n: model.chain[n].detach().numpy() for n in crf.NAMES}
    if kind == "softmax":
        chain = {n: 0 * p for n, p in chain.items()}
    found = {way: [None] * len(sentences) for way in ("free", "rules")}
    for places, ids, _, mask in batches(name, sentences):
        with torch.no_grad():
            scores = model(torch.tensor(ids), torch.tensor(mask)).numpy()
        for way, params in {"free": chain, "rules": crf.constrain(rules, chain)}.items():
            paths, _ = crf.decode(scores, params, mask)
            for n, path in zip(places, paths, strict=True):
                found[way][n] = [tags[k] for k in path if k >= 0]
    return found


def judged(name, sentences, found):
    """Scores of tags, entities and sentences."""
    gold, scheme = [tags for _, tags in sentences], TASKS[name].scheme
    strict = metrics.entity_scores(gold, found, scheme)["all"]
    # The lenient reader knows I and not M.
    plain = [[[t.replace("M-", "I-", 1) for t in tags] for tags in side] for side in (gold, found)]
    lenient = metrics.entity_scores(*plain)["all"]
    right = [a == b for x, y in zip(gold, found, strict=True) for a, b in zip(x, y, strict=True)]
    return {
        "f1": round(strict.f1, 4),
        "precision": round(strict.precision, 4),
        "recall": round(strict.recall, 4),
        "f1_lenient": round(lenient.f1, 4),
        "tokens": round(float(np.mean(right)), 4),
        "broken": round(float(np.mean([breaks(name, tags) for tags in found])), 4),
    }


def breaks(name, found):
    """Do these tags break a rule?"""
    _, _, tags = tables(name)
    chain, k = crf.constrain(crf.allowed(tags, TASKS[name].scheme)), [tags.index(t) for t in found]
    score = chain["start"][k[0]] + chain["end"][k[-1]] + chain["transitions"][k[:-1], k[1:]].sum()
    return bool(np.isneginf(score))


def measure(name, kind, seed):
    """Train, decode in both ways, judge on both sets; and on résumés tag what was made up."""
    model = learn(name, kind, seed)
    result = {"parameters": sum(p.numel() for n, p in model.named_parameters()
                                if kind == "crf" or not n.startswith("chain"))}  # fmt: skip
    for split in ("dev", "test"):
        sentences = read(name, split)
        for way, found in decoded(name, kind, model, sentences).items():
            result.setdefault(way, {})[split] = judged(name, sentences, found)
    if name == "ner_resume":
        made_up = [(list(text), ["O"] * len(text)) for text in EXAMPLES]
        result["examples"] = decoded(name, kind, model, made_up)
    return result


# --- baselines ------------------------------------------------------------------------------


def commonest_tags(name, sentences):
    """Each character's commonest tag in the training; O for others."""
    counts = defaultdict(Counter)
    for characters, tags in read(name, "train"):
        for c, tag in zip(characters, tags, strict=True):
            counts[c][tag] += 1
    best = {c: found.most_common(1)[0][0] for c, found in counts.items()}
    return [[best.get(c, "O") for c in characters] for characters, _ in sentences]


def longest_match(name, sentences):
    """From the left, the longest name that the training has, with its commonest kind."""
    scheme, kinds = TASKS[name].scheme, defaultdict(Counter)
    for characters, tags in read(name, "train"):
        for entity in metrics.entities(tags, scheme):
            kinds["".join(characters[entity.start : entity.end])][entity.kind] += 1
    longest, found = max(map(len, kinds)), []
    for characters, _ in sentences:
        text, tags, start = "".join(characters), [], 0
        while start < len(text):
            ends = range(min(len(text), start + longest), start, -1)
            end = next((e for e in ends if text[start:e] in kinds), None)
            if end is None:
                tags, start = [*tags, "O"], start + 1
                continue
            kind = kinds[text[start:end]].most_common(1)[0][0]
            tags += [f"{p}-{kind}" for p in shape(end - start, scheme)]
            start = end
        found.append(tags)
    return found


def shape(length, scheme):
    """The prefixes of an entity of this length."""
    if scheme == "BIO":
        return "B" + "I" * (length - 1)
    return "S" if length == 1 else "B" + "M" * (length - 2) + "E"


def baseline(name, function):
    return {split: judged(name, read(name, split), function(name, read(name, split)))
            for split in ("dev", "test")}  # fmt: skip


BASELINES = {"commonest tag": commonest_tags, "longest match": longest_match}


def main():
    needs = [(name, file) for name, task in TASKS.items() for file in task.files.values()]
    what = "Named entities in Chinese, by a BiLSTM with softmax or CRF; strict and lenient F1"
    steps = len(TASKS) * (2 + 2 * 3)
    with Run("tagging", what, needs, ["torch"], steps) as run:
        sets, examples = {}, {}
        for name in TASKS:
            rows = {b: run.step(f"{name}: {b}", baseline, name, f) for b, f in BASELINES.items()}
            networks = {}
            for kind in ("softmax", "crf"):
                runs = [run.step(f"{name}: {kind} {seed}", measure, name, kind, seed)
                        for seed in run.seeds]  # fmt: skip
                if "examples" in runs[0]:
                    examples[kind] = runs[0]["examples"]
                for way in ("free", "rules"):
                    networks[f"{kind}, {way}"] = {
                        split: {key: summary([r[way][split][key] for r in runs])
                                for key in runs[0][way][split]}
                        for split in ("dev", "test")
                    } | {"parameters": runs[0]["parameters"]}  # fmt: skip
            sets[name] = {
                "sentences": {split: len(read(name, split)) for split in SPLITS},
                "entities": {split: sum(len(metrics.entities(tags, TASKS[name].scheme))
                                        for _, tags in read(name, split)) for split in SPLITS},
                "epochs": TASKS[name].epochs,
                "baselines": rows,
                "networks": networks,
                "published": PUBLISHED[name],
            }  # fmt: skip
        run.write({"sets": sets, "examples": {"texts": EXAMPLES, **examples}})


if __name__ == "__main__":
    main()
