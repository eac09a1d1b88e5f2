"""Two small networks for the page `tagging`: text tagged as it is typed. A quarter of an hour.

Chinese: one bidirectional LSTM over characters with two outputs, words (People's Daily, January
1998) and names (résumés); batches of both take turns. Beside each character it reads the pair with
the one before, hashed to few numbers. English: words of requests to a voice
assistant (SNIPS), by a vocabulary of lower-case words, their way of writing, and what stands for a
word that is rare: its last two letters. Each output is a CRF, eight bits a weight. The seed that is
best on the development parts goes to the page. All numbers are of the network in eight bits, as
the page has it, on the test parts.

Data: SNIPS is CC0. The résumés (Zhang and Yang 2018) state no licence, and January 1998 was
released by Peking University for research; of both only weights are recorded, no text.
"""

from _common import SEEDS, Run, summary  # isort: skip  (before NumPy)

import functools
import os
import time
from collections import Counter
from typing import Any

import numpy as np
import torch
from _tags import SPLITS, Sentences, place, read
from tagging import ChainLoss, longest_match
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import interop, metrics
from rnncourse.nlp import segmentation, text
from rnncourse.nn import crf
from rnncourse.widgets import tagger, weights

Array = np.ndarray
D, H, RATE, FALL, CLIP = 32, 64, 6e-3, 12, 5.0
BESIDE = {"en": (len(tagger.SHAPES), 4), "zh": (8192, 8)}  # numbers and units of what is beside
DROP = {"en": 0.4, "zh": 0.2}
TASKS = {"en": {"names": "tag_snips"}, "zh": {"words": "pku", "names": "ner_resume"}}
SCHEMES = {"tag_snips": "BIO", "pku": "BMES", "ner_resume": "BMES"}
BATCH = {"tag_snips": 32, "pku": 64, "ner_resume": 32}
UPDATES = {"en": 2400, "zh": 2100}
EVERY = {"words": 1, "names": 3}  # in Chinese: an update for names after three for words
RARE = 1.0  # a token that was seen c times is read as unknown with probability RARE / (RARE + c)
LOWER = 0.4  # of the requests are read without capitals
LEAST = {"en": 3, "zh": 8}  # times that a known token was seen
ENDINGS, OFTEN = 120, 15  # at most so many endings of rare words, each of so many words
LIMIT = {"en": 40, "zh": 120}  # tokens of what a reader types
ASKED = {
    "en": ("Play Bohemian Rhapsody by Queen", "play some jazz from 1959 on Spotify",
           "add this song to my workout playlist",
           "Book a table for four at an Italian restaurant in Boston tomorrow night",
           "what's the weather like in Shanghai next Friday",
           "Will it snow in the Alps this weekend?",
           "Rate Pride and Prejudice four out of five stars",
           "find me the nearest cinema showing Dune", "When is Casablanca playing at Regal Cinemas",
           "Add Hey Jude by The Beatles to my road trip playlist", "play the weather girls",
           "BOOK A TABLE FOR 2 IN PARIS", "find a cheap sushi place close to my hotel",
           "Remind me to buy milk at 5 pm", "Who wrote Hamlet?",
           "The restaurant was awful and I will never go back."),
    "zh": ("王小明，男，1971年出生，中国国籍，汉族，经济学硕士，高级会计师。",
           "现任江南远航股份有限公司董事、总经理兼财务总监。", "李娜女士曾任清华大学法学院副教授。",
           "他毕业于北京大学计算机系，获得博士学位。", "张三、李四和王五都是副总裁。",
           "欧阳小军，满族，生于河南洛阳。", "Tim Cook是苹果公司的首席执行官。", "李白是唐代诗人。",
           "我昨天在上海吃了小笼包。", "人工智能正在改变世界。", "这个手机太卡了，气死我了！",
           "南京市长江大桥", "乒乓球拍卖完了。", "研究生命的起源", "下雨天留客天留我不留",
           "大學教授"),
}  # fmt: skip  # what a reader may try; written before the first training that is recorded
LICENCE = {"en": "SNIPS (Coucke et al. 2018): CC0 1.0",
           "zh": "People's Daily, January 1998 (Peking University): for research; "
                 "résumés (Zhang and Yang 2018): none stated"}  # fmt: skip


@functools.cache
def sentences(task: str, split: str) -> Sentences:
    """Of a split; characters in one width."""
    found = read(task, split)
    if task == "tag_snips":
        return found
    return [([tagger.narrow(sign) for sign in signs], tags) for signs, tags in found]


@functools.cache
def counts(language: str) -> Counter[str]:
    """How often the training has each token, words in their form."""
    as_read = tagger.form if language == "en" else str
    return Counter(as_read(token) for task in TASKS[language].values()
                   for tokens, _ in sentences(task, "train") for token in tokens)  # fmt: skip


@functools.cache
def vocabulary(language: str) -> list[str]:
    """Padding, unknown, the commonest endings of rare English words, and what is seen often."""
    seen = counts(language)
    known = [token for token, n in seen.most_common()
             if n >= LEAST[language] and not token.startswith(tagger.UNKNOWN)]  # fmt: skip
    endings = []
    if language == "en":
        rare = Counter(tagger.signature(w) for w, n in seen.items() if n < 2 * LEAST["en"])
        endings = [name for name, n in rare.most_common(ENDINGS) if n >= OFTEN]
    return ["", tagger.UNKNOWN, *endings, *known]


@functools.cache
def tags_of(task: str) -> list[str]:
    return sorted({tag for _, tags in sentences(task, "train") for tag in tags})


def empty(language: str) -> dict[str, Any]:
    """A network without weights."""
    heads = {name: {"tags": tags_of(task), "scheme": SCHEMES[task]}
             for name, task in TASKS[language].items()}  # fmt: skip
    return {"language": language, "limit": LIMIT[language], "heads": heads,
            "tokens": vocabulary(language)}  # fmt: skip


# --- training -----------------------------------------------------------------------------


class Network(nn.Module):
    """Numbers (N, T) of tokens and of what is beside → emissions (N, T, K) of one output."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(vocabulary(language)), D, padding_idx=0)
        nn.init.normal_(self.embedding.weight, 0, 0.3)
        self.beside = nn.Embedding(*BESIDE[language])
        nn.init.normal_(self.beside.weight, 0, 0.3)
        self.lstm = nn.LSTM(D + BESIDE[language][1], H, batch_first=True, bidirectional=True)
        self.outputs, self.chains = nn.ModuleDict(), nn.ModuleDict()
        for name, task in TASKS[language].items():
            K = len(tags_of(task))
            self.outputs[name] = nn.Linear(2 * H, K)
            scores = crf.crf_init(np.random.default_rng(0), K, np.float32)
            self.chains[name] = nn.ParameterDict({n: torch.tensor(p) for n, p in scores.items()})
        self.drop = nn.Dropout(DROP[language])

    def forward(self, ids: torch.Tensor, beside: torch.Tensor, lengths: torch.Tensor,
                name: str) -> torch.Tensor:  # fmt: skip
        xs = torch.cat([self.embedding(ids), self.beside(beside)], 2)
        packed = pack_padded_sequence(self.drop(xs), lengths, batch_first=True,
                                      enforce_sorted=False)  # fmt: skip
        hs, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.outputs[name](self.drop(hs))

    def params(self) -> dict[str, Any]:
        """As tagger.Tagger reads them."""
        embedding = {"E": self.embedding.weight.detach().numpy(),
                     "S": self.beside.weight.detach().numpy()}  # fmt: skip
        found = {"embedding": embedding, "lstm": interop.from_torch(self.lstm)}
        for name, output in self.outputs.items():
            chain = {n: p.detach().numpy() for n, p in self.chains[name].items()}
            layer = {"W_y": output.weight.detach().numpy().T, "b_y": output.bias.detach().numpy()}
            found[name] = {"output": layer, "chain": chain}
        return found


class Coder:
    """Tokens → numbers, as tagger.Tagger does, some of them as unknown."""

    def __init__(self, language: str, rng: np.random.Generator) -> None:
        self.language, self.rng, self.seen = language, rng, counts(language)
        self.numbers = {token: k for k, token in enumerate(vocabulary(language))}

    def __call__(self, tokens: list[str]) -> tuple[Array, Array]:
        if self.language == "zh":
            forms, stand_ins = tokens, [tagger.UNKNOWN] * len(tokens)
        else:
            if self.rng.random() < LOWER:
                tokens = [token.lower() for token in tokens]
            forms = [tagger.form(token) for token in tokens]
            stand_ins = [tagger.signature(word) for word in forms]
        dropped = self.rng.random(len(tokens))
        found = []
        for word, stand_in, u in zip(forms, stand_ins, dropped, strict=True):
            kept = u >= RARE / (RARE + self.seen[word])
            number = self.numbers.get(word) if kept else None
            found.append(self.numbers.get(stand_in, 1) if number is None else number)
        if self.language == "zh":
            return np.array(found), tagger.pairs(np.array(found), BESIDE["zh"][0])
        return np.array(found), np.array([tagger.shape(token) for token in tokens])


def batches(task: str, rng: np.random.Generator) -> Any:
    """Without end: places of sentences of like length, in random order."""
    found = sentences(task, "train")
    while True:
        noise = rng.uniform(0.9, 1.1, len(found))
        order = np.argsort([len(tokens) * u for (tokens, _), u in zip(found, noise, strict=True)])
        starts = np.arange(0, len(order), BATCH[task])
        for start in rng.permutation(starts):
            yield [found[k] for k in order[start : start + BATCH[task]]]


def trained(language: str, seed: int, updates: int) -> tuple[Network, float]:
    """The network after all updates, the rate falling; and CPU seconds."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(seed)
    rng, begin = np.random.default_rng(seed), time.process_time()
    model, coder = Network(language), Coder(language, rng)
    adam = torch.optim.Adam(model.parameters(), RATE)
    sources = {name: batches(task, rng) for name, task in TASKS[language].items()}
    for k in range(updates):
        adam.param_groups[0]["lr"] = RATE * FALL ** (-k / updates)
        for name, source in sources.items():
            if language == "zh" and k % EVERY[name]:
                continue
            batch, tags = next(source), tags_of(TASKS[language][name])
            coded = [coder(tokens) for tokens, _ in batch]
            ids, mask = text.pad([numbers for numbers, _ in coded])
            beside, _ = text.pad([numbers for _, numbers in coded])
            labels, _ = text.pad([np.array([tags.index(t) for t in found]) for _, found in batch])
            given = (torch.tensor(a) for a in (ids, beside, mask.sum(1)))
            scores = model(*given, name)
            chain = model.chains[name]
            loss = ChainLoss.apply(scores, labels, mask, *(chain[n] for n in crf.NAMES))
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            adam.step()
    return model.eval(), time.process_time() - begin


# --- measuring ----------------------------------------------------------------------------


def decoded(model: tagger.Tagger, name: str, found: Sentences, lower: bool = False,
            size: int = 64) -> dict[str, list[list[str]]]:  # fmt: skip
    """Tags of each sentence: within the rules, and each step alone."""
    head = model.heads[name]
    paths: dict[str, list[Any]] = {way: [None] * len(found) for way in ("rules", "alone")}
    order = sorted(range(len(found)), key=lambda n: len(found[n][0]))
    for start in range(0, len(order), size):
        part = order[start : start + size]
        texts = [[t.lower() if lower else t for t in found[n][0]] for n in part]
        coded = [model.encode(tokens) for tokens in texts]
        mask = text.pad([one[:, 0] for one in coded])[1]
        ids = np.stack([text.pad([one[:, k] for one in coded])[0] for k in (0, 1)], axis=2)
        hs = model.states(ids, mask)
        for way in paths:
            for n, path in zip(part, head.paths(hs, way == "rules", mask), strict=True):
                paths[way][n] = [head.tags[k] for k in path if k >= 0]
    return paths


def judged(task: str, found: Sentences, tagged: list[list[str]]) -> dict[str, float]:
    """F1 of entities, read strictly, or of words; and the share of sentences breaking a rule."""
    gold, scheme = [tags for _, tags in found], SCHEMES[task]
    if task == "pku":
        texts = ["".join(signs) for signs, _ in found]
        cut = [[segmentation.from_bmes(one, tags) for one, tags in zip(texts, side, strict=True)]
               for side in (gold, tagged)]  # fmt: skip
        f1 = metrics.segmentation_scores(*cut).f1
    else:
        f1 = metrics.entity_scores(gold, tagged, scheme)["all"].f1
    broken = np.mean([bool(tagger.breaks(tags, scheme)) for tags in tagged])
    return {"f1": round(float(f1), 4), "broken": round(float(broken), 4)}


def measured(language: str, network: dict[str, Any], splits: tuple[str, ...]) -> dict[str, Any]:
    model, rows = tagger.Tagger(network, np.float32), {}
    for name, task in TASKS[language].items():
        rows[name] = {}
        for split in splits:
            found = sentences(task, split)[: 600 if split == "dev" else None]
            rows[name][split] = {way: judged(task, found, tags)
                                 for way, tags in decoded(model, name, found).items()}  # fmt: skip
            if language == "en":
                small = decoded(model, name, found, lower=True)["rules"]
                rows[name][split]["lower case"] = judged(task, found, small)
    return rows


def matched(task: str) -> dict[str, Any]:
    """The longest match from the left, of the training's names or words: F1 on the test."""
    found, train = sentences(task, "test"), sentences(task, "train")
    if task == "pku":
        entries = {w for signs, tags in train for w in segmentation.from_bmes("".join(signs), tags)}
        lexicon = segmentation.Lexicon([entries])
        cut = [segmentation.forward_match("".join(signs), lexicon) for signs, _ in found]
        tagged = [[tag for _, tag in segmentation.to_bmes(one)] for one in cut]
    else:
        tagged = longest_match(task, read(task, "test"))
        entries = {tuple(tokens[one.start : one.end]) for tokens, tags in train
                   for one in metrics.entities(tags, SCHEMES[task])}  # fmt: skip
    return {"f1": judged(task, found, tagged)["f1"], "entries": len(entries)}


def learnt(language: str, seed: int, updates: int) -> dict[str, Any]:
    """A network ready for the page, and what it does on the data."""
    model, seconds = trained(language, seed, updates)
    network = empty(language) | {"weights": weights.pack(model.params())}
    return {"network": network, "bytes": weights.size(network),
            "parameters": sum(p.numel() for p in model.parameters()),
            "cpu seconds": round(seconds, 1),
            "measured": measured(language, network, ("dev", "test"))}  # fmt: skip


def asked(network: dict[str, Any]) -> list[list[str]]:
    """What it makes of texts that are in no data: within the rules, and each step alone."""
    model = tagger.Tagger(network)
    return [[typed, model.written(typed), model.written(typed, rules=False)]
            for typed in ASKED[network["language"]]]  # fmt: skip


def dev_score(one: dict[str, Any]) -> float:
    return float(np.mean([row["dev"]["rules"]["f1"] for row in one["measured"].values()]))


def gathered(runs: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Of all seeds: each number of one output on each split."""
    first = runs[0]["measured"][name]
    return {split: {way: {key: summary([r["measured"][name][split][way][key] for r in runs])
                          for key in first[split][way]} for way in first[split]}
            for split in first}  # fmt: skip


def edition(run: Run, language: str, seeds: int) -> dict[str, Any]:
    """What is measured of the first seeds; writes the network of the best of them."""
    runs = [run.step(f"{language}, seed {seed}", learnt, language, seed, UPDATES[language])
            for seed in run.seeds[:seeds]]  # fmt: skip
    best = max(range(len(runs)), key=lambda k: dev_score(runs[k]))
    run.write(
        {"licence": LICENCE[language], "network": runs[best]["network"]}, f"live_tags_{language}"
    )
    return {
        "licence": LICENCE[language],
        "seed": run.seeds[best],
        "bytes": runs[best]["bytes"],
        "parameters": runs[best]["parameters"],
        "tokens": len(runs[best]["network"]["tokens"]),
        "cpu seconds": summary([one["cpu seconds"] for one in runs], 1),
        "shown": runs[best]["measured"],
        "asked": asked(runs[best]["network"]),
        "outputs": {name: gathered(runs, name) for name in TASKS[language]},
        "longest match": {name: run.step(f"{language}, {name}: longest match", matched, task)
                          for name, task in TASKS[language].items()},
        "sentences": {name: {split: len(sentences(task, split)) for split in SPLITS}
                      for name, task in TASKS[language].items()},
    }  # fmt: skip


def main() -> None:
    needs = [place(task, split) for tasks in TASKS.values() for task in tasks.values()
             for split in SPLITS]  # fmt: skip
    what = "Two taggers that run in the page, in eight bits: F1 on the tests, rules broken alone."
    steps = sum(len(SEEDS) + len(tasks) for tasks in TASKS.values())
    with Run("live_tags", what, needs, ["torch"], steps) as run:
        settings = {"D": D, "beside": BESIDE, "H": H, "dropout": DROP, "rate": RATE, "fall": FALL,
                    "batch": BATCH, "updates": UPDATES, "every": EVERY, "rare": RARE,
                    "lower": LOWER}  # fmt: skip
        found = {language: edition(run, language, 1) for language in TASKS}
        run.write({"settings": settings} | found)
        for language in TASKS:  # a record after each seed, since they take long
            for seeds in range(2, len(SEEDS) + 1):
                found[language] = edition(run, language, seeds)
                run.write({"settings": settings} | found)


if __name__ == "__main__":
    main()
