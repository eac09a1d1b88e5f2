"""Letters to a newspaper, put together from phrases written for this course. Nobody wrote them.

The two generators stand in :mod:`rnncourse.data`, under the same names.
"""

from collections.abc import Sequence

import numpy as np

Array = np.ndarray
Pair = tuple[str, str]  # English, Chinese

DESKS = {
    "en": ("weather", "food", "sport", "music", "traffic"),
    "zh": ("天气", "饮食", "体育", "音乐", "交通"),
}

# What each desk's letters are about, and what they say of it.
_THINGS: tuple[tuple[Pair, ...], ...] = (
    (("rain", "雨"), ("snow", "雪"), ("wind", "风"), ("fog", "雾"), ("hail", "冰雹"),
     ("frost", "霜冻"), ("thunder", "雷雨"), ("sleet", "雨夹雪")),
    (("soup", "汤"), ("bread", "面包"), ("noodles", "面条"), ("rice", "米饭"), ("cake", "蛋糕"),
     ("dumplings", "饺子"), ("stew", "炖肉"), ("porridge", "粥")),
    (("captain", "队长"), ("coach", "教练"), ("goalkeeper", "守门员"), ("striker", "前锋"),
     ("referee", "裁判"), ("defender", "后卫"), ("winger", "边锋"), ("substitute", "替补")),
    (("violin", "小提琴"), ("piano", "钢琴"), ("flute", "长笛"), ("trumpet", "小号"),
     ("cello", "大提琴"), ("drum", "鼓"), ("guitar", "吉他"), ("harp", "竖琴")),
    (("bus", "公共汽车"), ("tram", "电车"), ("train", "火车"), ("ferry", "渡轮"),
     ("subway", "地铁"), ("shuttle", "班车"), ("coach", "长途汽车"), ("cable car", "缆车")),
)  # fmt: skip
_SENTENCES: tuple[tuple[Pair, ...], ...] = (
    (
        ("The {} began before dawn.", "天还没亮，{}就来了。"),
        ("Nobody expected such {} in this month.", "没有人料到这个月会有这样的{}。"),
        ("The forecast spoke of {}, and it was right.", "天气预报说有{}，说对了。"),
        ("After the {} the sky was clear.", "{}过后，天空放晴了。"),
        ("There was {} on the hills and sun in the valley.", "山上有{}，山谷里却出着太阳。"),
        ("The temperature fell while the {} lasted.", "{}还没过去，气温就降了下来。"),
        ("The clouds brought {} from the north.", "北边来的云带来了{}。"),
        ("We measured the temperature during the {}.", "我们在{}中量了气温。"),
    ),
    (
        ("I ate the {} while it was hot.", "{}我是趁热吃的。"),
        ("The recipe for the {} came from my aunt.", "{}的做法是姑姑教我的。"),
        ("The kitchen smelled of {} all evening.", "整个晚上厨房里都是{}的香味。"),
        ("Add a spoon of sugar to the {}, no more.", "{}里加一勺糖就够了。"),
        ("The cook served {} on a large plate.", "厨师用大盘子端上了{}。"),
        ("A little pepper makes the {} taste better.", "{}里放一点胡椒更好吃。"),
        ("The restaurant at the corner sells {} for lunch.", "街角的餐馆中午卖{}。"),
        ("The {} burned because the fire was too hot.", "火太大，{}烧焦了。"),
    ),
    (
        ("The {} was the best on the pitch.", "{}是场上表现最好的。"),
        ("In the second half the {} ran out of breath.", "下半场{}跑不动了。"),
        ("The fans cheered when the {} came out.", "{}一出场，球迷就欢呼起来。"),
        ("The team won the match thanks to the {}.", "球队靠{}赢了比赛。"),
        ("The {} shook hands with everybody before the final.", "决赛之前{}和大家握了手。"),
        ("Two goals, and the {} smiled at last.", "进了两个球，{}终于笑了。"),
        ("The stadium was full, and the {} was nervous.", "体育场坐满了人，{}很紧张。"),
        ("After the training the {} talked about the league.", "训练结束后{}谈起了联赛。"),
    ),
    (
        ("The {} was out of tune in the first song.", "第一首歌里{}走音了。"),
        ("She plays the {} in the school orchestra.", "她在学校乐队里演奏{}。"),
        ("The concert began with a solo for the {}.", "音乐会以一段{}独奏开场。"),
        ("I could hear the {} through the whole choir.", "合唱声中我也能听出{}。"),
        ("The melody of the {} stayed in my ear.", "{}的旋律一直在我耳边。"),
        ("He composed a piece for the {}.", "他为{}写了一首曲子。"),
        ("The audience clapped for the {}.", "听众为{}鼓掌。"),
        ("The rhythm was slow, and the {} followed it.", "节奏很慢，{}跟着它走。"),
    ),
    (
        ("The {} was late again at the station.", "{}到站又晚点了。"),
        ("A ticket for the {} costs more since May.", "从五月起{}涨价了。"),
        ("The driver of the {} did not see the signal.", "{}司机没有看见信号灯。"),
        ("I waited for the {} for an hour.", "我等{}等了一个小时。"),
        ("The {} broke down before the bridge.", "{}在桥前出了故障。"),
        ("During rush hour the {} is crowded.", "高峰时段{}很挤。"),
        ("The new line of the {} passes the market.", "{}的新线路经过市场。"),
        ("Passengers left the {} at the next stop.", "乘客在下一站下了{}。"),
    ),
)
_ANYWHERE: tuple[Pair, ...] = (  # says nothing about the desk
    ("I have read your paper for many years.", "我读贵报已经很多年了。"),
    ("Please print this letter.", "请刊登这封信。"),
    ("My neighbour says the same.", "我的邻居也这么说。"),
    ("I took a photograph of it.", "我拍了一张照片。"),
    ("It happened last Sunday.", "这是上个星期天的事。"),
    ("I hope that somebody reads this.", "希望有人看到这封信。"),
    ("My daughter was there too.", "我女儿当时也在。"),
    ("We talked about it all week.", "这件事我们谈了一个星期。"),
    ("Thank you for your work.", "谢谢你们的工作。"),
    ("I have never seen this before.", "我以前从来没有见过。"),
)


def made_up_letters(
    rng: np.random.Generator,
    N: int,
    language: str = "en",
    shares: Sequence[float] | None = None,
    strange: float = 0.2,
) -> tuple[list[str], Array]:
    """Letters to the desks of a newspaper: weather, food, sport, music, traffic (``DESKS``).

    Generated, not collected. A letter has 2 to 6 sentences. Half of them speak of its desk's
    matters; of the others a share ``strange`` speaks of another desk's, and the rest of no
    desk's. So no reader, however clever, sorts every letter right.

    Args:
        shares: of the five desks, sum 1; equal unless given.

    Returns N texts and labels (N,), the number of the desk. The same rng makes the same
    letters in both languages. Raises ValueError if N is below 1, ``shares`` are not five
    numbers from 0 on with sum 1, or for another language than "en" and "zh".
    """
    p = np.full(5, 0.2) if shares is None else np.asarray(shares, dtype=float)
    if p.shape != (5,) or min(p) < 0 or abs(p.sum() - 1) > 1e-9:
        raise ValueError(f"shares = {shares}; expected five numbers from 0 on with sum 1")
    way = _way(language, N)
    labels = rng.choice(5, N, p=p)
    texts = []
    for desk in labels:
        sentences = []
        for _ in range(rng.integers(2, 7)):
            kind, other, which, thing = rng.random(), *rng.integers(0, (4, 8, 8))
            about = desk if kind < 0.5 else (desk + 1 + other) % 5
            if kind < 0.5 + 0.5 * strange:
                subject = _THINGS[about][thing][way]
                sentences.append(_SENTENCES[about][which][way].format(subject))
            else:
                sentences.append(_ANYWHERE[(8 * which + thing) % 10][way])
        texts.append(_join(sentences, way))
    return texts, labels


_EVENTS: tuple[Pair, ...] = (
    ("concert", "音乐会"), ("match", "比赛"), ("dinner", "晚餐"), ("journey", "旅行"),
)  # fmt: skip
_PRAISE: tuple[Pair, ...] = (("good", "好"), ("great", "棒"))
_BLAME: tuple[Pair, ...] = (("bad", "差"), ("terrible", "糟"))
# May stand before the adjective: nothing, or so many words that few n-grams reach across.
_BETWEEN: tuple[Pair, ...] = (
    (" ", ""),
    (", in my view, ", "像邻居说的那样"),
    (", as my neighbours say, ", "像你们报上写的那样"),
    (", to tell you the truth, ", "像我的朋友常常说的那样"),
    (", as people here like to say, ", "像我和家人都说的那样"),
)
_CLAUSE: tuple[tuple[str, str], tuple[str, str]] = (  # plain, negated
    ("It was{}{}.", "我觉得{}{}。"),
    ("It was not{}{}.", "我不觉得{}{}。"),
)


def made_up_opinions(
    rng: np.random.Generator, N: int, language: str = "en"
) -> tuple[list[str], Array]:
    """Letters that praise or complain: "It was not, in my view, bad. … It was good."

    Generated. Each letter denies one adjective and affirms the opposite one, in either order.
    Letters 2k and 2k + 1 are alike but for their two adjectives, which have changed places:
    the two hold the same words equally often, one praises and one complains. Four times of
    five, several words stand between "not" and its adjective.

    Returns N texts and labels (N,): 1 where the letter praises. The same rng makes the same
    letters in both languages. Raises ValueError if N is not even and at least 2, or for
    another language than "en" and "zh".
    """
    if N % 2:
        raise ValueError(f"N = {N}; it must be even, since letters come in pairs")
    way = _way(language, N)
    texts = []
    for _ in range(N // 2):
        event, a, b, first, aside = rng.integers(0, (4, 2, 2, 2, 10))
        between = rng.integers(0, len(_BETWEEN), 2)
        opening = ("This is about the {}.", "这封信说的是{}。")[way].format(_EVENTS[event][way])
        pair = _PRAISE[a][way], _BLAME[b][way]
        for affirmed, denied in (pair, pair[::-1]):
            clauses = [
                form[way].format(_BETWEEN[k][way], adjective)
                for form, k, adjective in zip(_CLAUSE, between, (affirmed, denied), strict=True)
            ]
            parts = [opening, clauses[first], _ANYWHERE[aside][way], clauses[1 - first]]
            texts.append(_join(parts, way))
    return texts, np.tile([1, 0], N // 2)


def _way(language: str, N: int) -> int:
    """0 for English, 1 for Chinese; checks what both generators take."""
    if language not in DESKS or N < 1:
        raise ValueError(f'N = {N}, language = {language!r}; expected at least 1, and "en" or '
                         '"zh"')  # fmt: skip
    return list(DESKS).index(language)


def _join(sentences: Sequence[str], way: int) -> str:
    return (" ", "")[way].join(sentences)
