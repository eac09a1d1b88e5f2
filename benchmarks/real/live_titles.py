"""Two small networks for the page `summarization`: titles by leaving out. Half an hour.

A bidirectional LSTM with a CRF of two labels, leave and keep, eight bits a weight. English: news
sentences and the words of them that make the headline (Filippova), words by a vocabulary of
lower-case words, their way of writing, and what stands for a word that is rare: its last two
letters. Chinese: abstracts and the characters of them that the title has (CSL, 850 pairs), each
character with how often the text has it beside its neighbours. What is added to the score of
keeping, and in Chinese how many characters are kept at least, is chosen on the development parts;
there the best seed is chosen too. Numbers under "eight bits" are of the network as the page has it.

Data: neither names a licence; of both only weights are recorded, no text. The texts in "asked" were
written for the course, before the first training that is recorded.
"""

from _common import SEEDS, Run  # isort: skip  (before NumPy)

from collections.abc import Sequence
from typing import Any

import numpy as np
from _titles import (
    NEEDS,
    Coder,
    Sizes,
    abstracts,
    gathered,
    judged,
    marked,
    rouges,
    scored,
    token_f1,
    trained,
    vocabulary,
)

from rnncourse.widgets import summarizer, tagger, weights

Array = np.ndarray
SIZES = {
    "en": Sizes(32, 64, (len(tagger.SHAPES), 4), 0.4, 32, 1000, 5),
    "zh": Sizes(32, 64, (summarizer.FEATURES, 8), 0.4, 16, 450, 3, longest=200),
}
LIMIT = {"en": 60, "zh": 300}  # tokens of what a reader types
MORE = {"en": [round(0.05 * k, 2) for k in range(-4, 7)], "zh": [0.0]}
WANTED = {"en": [0], "zh": [10, 12, 14, 16, 18, 20, 24]}  # tokens that are kept at least
ASKED = {
    "en": (
        "The mayor of Springfield said on Monday that the city will close its oldest bridge for "
        "repairs until next spring, despite protests from shop owners.",
        "A fire at a furniture factory near Leeds injured three workers early on Tuesday, police "
        "said.",
        "Researchers in Toronto have found that people who sleep less than six hours a night are "
        "more likely to catch a cold, according to a study published this week.",
        "Northern Rail announced Thursday it would not raise fares this year, after months of "
        "talks with passenger groups and the government.",
        "The museum, which opened in 1904 and has welcomed more than 30 million visitors, is to "
        "lend its most famous painting to a gallery in Osaka.",
        "Maria Lopez scored twice in the second half as the home side came from behind to beat "
        "Riverton 3-2 in front of 12,000 fans on Saturday night.",
        "Shares of the chip maker fell 8% after it warned that sales would be lower than expected.",
        "My neighbour, who is eighty-two, has just learned to ride a bicycle, and she says it is "
        "easier than she thought.",
        "The committee did not approve the plan to build 200 homes beside the river.",
        "", "Rain.", "Hello there!", "🙂🙂🙂",
        "La maire de Lyon a annoncé lundi la fermeture du pont.",
        "市长星期一说这座桥要关闭。", "eggs, milk, bread, butter, two onions, rice, soap",
        "THE COUNCIL VOTED ON FRIDAY TO BAN CARS FROM THE OLD TOWN.",
        "He said: “We won't leave.” Then he left.",
    ),
    "zh": (
        "为了解城市居民垃圾分类的现状，对某市三个社区的六百户居民进行了问卷调查。结果表明，居民对垃圾分类的"
        "认识较高，但实际参与率较低，设施不足和缺少指导是主要原因。据此提出了改进社区垃圾分类工作的建议。",
        "针对传统图像去噪方法容易丢失细节的问题，提出一种基于双向循环神经网络的图像去噪方法。该方法把图像的"
        "行和列分别看作序列，利用前后文信息恢复像素。实验结果表明，与中值滤波相比，该方法的峰值信噪比提高了"
        "两分贝。",
        "目的 探讨步行锻炼对老年高血压患者睡眠质量的影响。方法 将80例老年高血压患者随机分为两组，"
        "每组40例，观察组每天步行30分钟，持续12周。结果 观察组睡眠质量评分优于对照组。"
        "结论 步行锻炼可以改善老年高血压患者的睡眠质量。",
        "本文分析了宋代茶馆的兴起及其在城市生活中的作用。茶馆既是饮茶的场所，也是交换消息、谈生意和听说书的地方。"
        "茶馆的繁荣反映了宋代商业的发展和市民文化的形成。",
        "研究了不同施肥方式对番茄产量和品质的影响。结果表明，有机肥与化肥配合施用时番茄产量最高，果实中维生素C"
        "的含量也明显增加。",
        "采用问卷和访谈的方法，调查了农村小学教师使用多媒体教学的情况，发现设备已经普及，但教师的培训没有跟上。",
        "提出了一种不依赖标注数据的中文分词方法。",
        "昨天下午，我和妹妹去公园放风筝，风太大，线断了，风筝飞走了。", "", "雨", "你好", "🙂🙂🙂",
        "The mayor said on Monday that the bridge will close.",
        "鸡蛋、牛奶、面包、黄油、两个洋葱、大米、肥皂", "這篇論文討論城市交通擁堵的成因。",
        "１２３４５６７８",
    ),
}  # fmt: skip
ASKED["en"] += ("The city said " + "that it will build a new road and " * 40 + "rest.",)
ASKED["zh"] += ("本文讨论城市道路的建设与管理问题。" * 40,)
LICENCE = {"en": "Filippova and Altun 2013, split of Lai et al. 2017: none named",
           "zh": "CSL (Li et al. 2022): none named, offered for research"}  # fmt: skip


def choose(scores: Sequence[Array], chain: dict[str, Array], more: float, wanted: int
           ) -> list[Array]:  # fmt: skip
    """What is kept of each text (T,), as the page decides it."""
    ours = [summarizer.usual(one, chain, more, wanted) for one in scores]
    return [summarizer.kept_of(one, chain, np.array([extra]))[0]
            for one, extra in zip(scores, ours, strict=True)]  # fmt: skip


def measured(language: str, split: str, found: Sequence[Array]) -> dict[str, Any]:
    """Of English judged, of Chinese ROUGE beside the titles."""
    texts = marked(language, split, LIMIT[language])
    if language == "en":
        return judged(texts, found)
    titles = [title for _, title in abstracts(split)]
    lines = ["".join(np.array(signs)[keep]) for (signs, _), keep in zip(texts, found, strict=True)]
    return {"rouge": rouges(titles, lines), "characters": float(np.mean([len(s) for s in lines]))}


def worth(language: str, found: Sequence[Array]) -> float:
    """By which settings and seeds are chosen, on the development part: F1 of the words kept, or
    ROUGE-1 beside the title."""
    if language == "en":
        return token_f1(marked("en", "dev", LIMIT["en"]), found)
    return measured("zh", "dev", found)["rouge"]["1"]


def tuned(language: str, scores: Sequence[Array], chain: dict[str, Array]
          ) -> tuple[float, float, int]:  # fmt: skip
    """What is best on the development part, and its ``more`` and ``wanted``."""
    ways = [(more, wanted) for more in MORE[language] for wanted in WANTED[language]]
    return max((worth(language, choose(scores, chain, *way)), *way) for way in ways)


def negations(language: str, found: Sequence[Array]) -> dict[str, int]:
    """Test texts with a negation, and those in which it was taken from between kept neighbours:
    by the network, and by the title itself."""
    rows = {"texts": 0, "network": 0, "title": 0}
    for (tokens, gold), mine in zip(marked(language, "test", LIMIT[language]), found, strict=True):
        pieces = [summarizer.Piece(token, False) for token in tokens]
        rows["texts"] += any(token.lower() in summarizer.NOT[language] for token in tokens)
        for name, way in (("network", mine), ("title", gold)):
            rows[name] += bool(summarizer.reversed_by(pieces, way.tolist(), language))
    return rows


def learnt(language: str, seed: int) -> dict[str, Any]:
    """A network ready for the page, and what it does on the data, in float and in eight bits."""
    sizes = SIZES[language]
    model, seconds = trained(language, sizes, seed)
    coder, params = Coder(language, sizes), model.params()
    texts = {split: [tokens for tokens, _ in marked(language, split, LIMIT[language])]
             for split in ("dev", "test")}  # fmt: skip
    full = {split: scored(model, coder, some) for split, some in texts.items()}
    best, more, wanted = tuned(language, full["dev"], params["chain"])
    network = {"language": language, "limit": LIMIT[language], "more": more, "wanted": wanted,
               "tokens": vocabulary(language, sizes.least),
               "weights": weights.pack(params)}  # fmt: skip
    shown = summarizer.Summarizer(network, np.float32)
    small = [shown.scores(tokens) for tokens in texts["test"]]
    kept = {"float": choose(full["test"], params["chain"], more, wanted),
            "eight bits": choose(small, shown.chain, more, wanted)}  # fmt: skip
    return {"network": network, "bytes": weights.size(network), "cpu seconds": round(seconds, 1),
            "parameters": sum(p.numel() for p in model.parameters()),
            "dev": best,
            "test": {way: measured(language, "test", found) for way, found in kept.items()},
            "negations": negations(language, kept["eight bits"]),
            "lead": beside(language, kept["eight bits"])}  # fmt: skip


def beside(language: str, found: Sequence[Array]) -> dict[str, Any]:
    """Without a network: the first words, as many as it keeps; the first clause."""
    if language == "en":
        first = [np.arange(len(keep)) < keep.sum() for keep in found]
        return {"first words, as many": measured("en", "test", first)}
    sources = [[summarizer.Piece(c, True) for c in source] for source, _ in abstracts("test")]
    clauses = [np.arange(min(len(some), LIMIT["zh"])) < summarizer.clause(some) for some in sources]
    first = [np.arange(len(keep)) < keep.sum() for keep in found]
    return {"first clause": measured("zh", "test", clauses),
            "first characters, as many": measured("zh", "test", first)}  # fmt: skip


def asked(network: dict[str, Any]) -> list[list[str]]:
    """What it makes of texts that are in no data: title, a shorter and a longer one, the lead."""
    model, rows = summarizer.Summarizer(network), []
    for typed in ASKED[network["language"]]:
        titles = [model.title(typed, more) for more in (0, -0.5, 0.5)]
        lead = model.lead(typed, sum(titles[0].kept))
        rows.append([typed, *(title.text for title in titles), lead])
    return rows


def edition(run: Run, language: str, seeds: int) -> dict[str, Any]:
    """What is measured of the first seeds; writes the network of the best of them."""
    runs = [run.step(f"{language}, seed {seed}", learnt, language, seed)
            for seed in run.seeds[:seeds]]  # fmt: skip
    best = max(range(len(runs)), key=lambda k: runs[k]["dev"])
    network = runs[best]["network"]
    run.write({"licence": LICENCE[language], "network": network}, f"live_titles_{language}")
    numbers = ("dev", "test", "negations", "lead", "cpu seconds")
    return {
        "licence": LICENCE[language],
        "seed": run.seeds[best],
        "bytes": runs[best]["bytes"],
        "parameters": runs[best]["parameters"],
        "tokens": len(network["tokens"]),
        "more": network["more"],
        "wanted": network["wanted"],
        "shown": {name: runs[best][name] for name in numbers},
        "asked": asked(network),
        "texts": {split: len(marked(language, split)) for split in ("train", "dev", "test")},
        "seeds": gathered([{name: one[name] for name in numbers} for one in runs]),
    }


def main() -> None:
    what = "Two networks that make titles in the page by leaving out, in eight bits, beside leads."
    with Run("live_titles", what, NEEDS, ["torch"], len(SEEDS) * len(SIZES)) as run:
        settings = {language: sizes._asdict() for language, sizes in SIZES.items()}
        found = {language: edition(run, language, 1) for language in SIZES}
        run.write({"settings": settings} | found)
        for language in SIZES:  # a record after each seed, since they take long
            for seeds in range(2, len(SEEDS) + 1):
                found[language] = edition(run, language, seeds)
                run.write({"settings": settings} | found)


if __name__ == "__main__":
    main()
