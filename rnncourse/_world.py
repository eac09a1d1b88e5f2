"""A small world in sentences, English and Chinese, written for the chapter on word vectors.

Nobody ever said these sentences. Each is a frame with a row of a table put in, so that we know
which words belong together: Paris is to France what Berlin is to Germany because we wrote it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Tables: a row is a thing, a column is a role; the letter of a role stands in the frames.
_TABLES = {
    "en": {
        "country": """france paris french wine | germany berlin german sausage
            italy rome italian pasta | spain madrid spanish olives | china beijing chinese tea
            japan tokyo japanese sushi | russia moscow russian soup | egypt cairo arabic dates
            greece athens greek cheese | sweden stockholm swedish herring""",
        "family": """king queen throne | prince princess palace | man woman street
            boy girl school | father mother child | brother sister toys | uncle aunt visit
            actor actress stage""",
        "animal": """dog puppy barks kennel | cat kitten meows basket | cow calf moos barn
            sheep lamb bleats meadow | horse foal neighs stable | pig piglet grunts mud
            duck duckling quacks pond | hen chick clucks coop""",
        "fruit": "apple | pear | cherry | plum | mango | peach | melon | orange",
        "vegetable": "onion | carrot | cabbage | potato | spinach | turnip | bean | leek",
        "good": "delicious | tasty | lovely | excellent | wonderful | superb",
        "bad": "awful | terrible | nasty | horrible | dreadful | disgusting",
    },
    "zh": {
        "country": """法国 巴黎 法语 红酒 | 德国 柏林 德语 香肠 | 意大利 罗马 意大利语 面条
            西班牙 马德里 西班牙语 橄榄 | 中国 北京 汉语 绿茶 | 日本 东京 日语 寿司
            俄罗斯 莫斯科 俄语 红菜汤 | 埃及 开罗 阿拉伯语 椰枣 | 希腊 雅典 希腊语 奶酪
            瑞典 斯德哥尔摩 瑞典语 鲱鱼""",
        "family": """国王 王后 王位 | 王子 公主 宫殿 | 男人 女人 街道 | 男孩 女孩 学校
            父亲 母亲 孩子 | 哥哥 姐姐 玩具 | 叔叔 婶婶 做客 | 男演员 女演员 舞台""",
        "animal": """狗 小狗 汪汪 狗窝 | 猫 小猫 喵喵 篮子 | 牛 小牛 哞哞 牛棚
            羊 小羊 咩咩 草地 | 马 小马 嘶嘶 马厩 | 猪 小猪 哼哼 泥坑 | 鸭子 小鸭 嘎嘎 池塘
            母鸡 小鸡 咯咯 鸡窝""",
        "fruit": "苹果 | 梨 | 樱桃 | 李子 | 芒果 | 桃子 | 甜瓜 | 橙子",
        "vegetable": "洋葱 | 胡萝卜 | 白菜 | 土豆 | 菠菜 | 萝卜 | 豆角 | 韭菜",
        "good": "美味 | 可口 | 诱人 | 极好 | 绝妙 | 一流",
        "bad": "难吃 | 糟糕 | 恶心 | 可怕 | 差劲 | 讨厌",
    },
}

# Frames: 0, 1, 2, … are the columns of the table; + and - an adjective; he/she as the column.
_FRAMES = {
    "en": {
        "country": [
            "the train to 1 stops near the town hall", "the streets of 1 are full of cars",
            "we took the metro across 1 and heard 2", "a tower in 1 looks over the town",
            "shops in 1 sell 3 on every corner", "the mayor of 1 speaks 2",
            "the border of 0 is long", "the government of 0 passed a law",
            "farmers all over 0 make 3", "the army of 0 speaks 2",
            "the south of 0 is warm and people speak 2", "0 sells 3 to the whole world",
            "1 is the capital of 0", "they learn 2 before they travel to 0",
        ],
        "family": [
            "the 0 shaved his beard before the 2", "the 1 combed her long hair before the 2",
            "he is a 0 and he likes the 2", "she is a 1 and she likes the 2",
            "the 0 put on his tie", "the 1 put on her dress",
            "his son became a 0 near the 2", "her daughter became a 1 near the 2",
            "the 0 and the 1 talk about the 2",
        ],
        "animal": [
            "the old 0 2 in the 3", "every 0 2 when strangers come", "a strong 0 guards the 3",
            "the grown 0 sleeps in the 3", "the little 1 follows its mother to the 3",
            "a newborn 1 drinks milk in the 3", "the tiny 1 plays and 2",
            "the 1 is the young of the 0",
        ],
        "fruit": ["she peels a ripe 0 for dessert", "a sweet 0 fell from the tree",
                  "the juice of the 0 is *", "the 0 cake is *"],
        "vegetable": ["he boils a fresh 0 for the stew", "a 0 grows in the soil of the garden",
                      "the salad with 0 is *", "the 0 stew is *"],
    },
    "zh": {
        "country": [
            "开往 1 的 火车 停 在 市政厅 旁", "1 的 街上 到处 是 汽车",
            "我们 坐 地铁 穿过 1 听到 有人 说 2", "1 的 塔 可以 看到 全城",
            "1 的 商店 每个 路口 都 卖 3", "1 的 市长 会 说 2",
            "0 的 边界 很 长", "0 的 政府 通过 了 一部 法律",
            "0 各地 的 农民 都 做 3", "0 的 军队 说 2",
            "0 的 南方 很 温暖 人们 说 2", "0 把 3 卖 到 全 世界",
            "1 是 0 的 首都", "他们 去 0 旅行 之前 先 学 2",
        ],
        "family": [
            "0 去 2 之前 刮 了 他 的 胡子", "1 去 2 之前 梳 了 她 的 长发",
            "他 是 0 他 喜欢 2", "她 是 1 她 喜欢 2", "0 系 上 了 他 的 领带",
            "1 穿 上 了 她 的 裙子", "他 的 儿子 在 2 附近 成了 0",
            "她 的 女儿 在 2 附近 成了 1", "0 和 1 谈起 2",
        ],
        "animal": [
            "老 0 在 3 里 2 叫", "有 生人 来 每只 0 都 2 叫", "强壮 的 0 守着 3",
            "成年 的 0 睡 在 3 里", "幼小 的 1 跟着 妈妈 去 3", "刚 出生 的 1 在 3 里 喝 奶",
            "小小 的 1 一边 玩 一边 2 叫", "1 是 0 的 幼崽",
        ],
        "fruit": ["她 削 一个 熟 0 当 甜点", "树上 掉 下 一个 甜 0", "0 汁 很 *", "0 蛋糕 很 *"],
        "vegetable": ["他 煮 一些 新鲜 0 做 炖菜", "园子 的 土 里 长着 0",
                      "拌 0 很 *", "炖 0 很 *"],
    },
}  # fmt: skip


class World(NamedTuple):
    """Sentences, and what their author knows about the words."""

    sentences: list[list[str]]
    kinds: dict[str, list[str]]  # words of one kind: "capital", "fruit", …
    realms: dict[str, str]  # kind → what it is part of: "place", "person", "animal", "food"
    questions: dict[str, list[tuple[str, str, str, str]]]  # a is to b as c is to d


_KINDS = {
    "country": ("country", "capital", "language", "product"),
    "family": ("he", "she"),
    "animal": ("animal", "young"),
    "fruit": ("fruit",),
    "vegetable": ("vegetable",),
    "good": ("good",),
    "bad": ("bad",),
}
_REALMS = {"country": "place", "family": "person", "animal": "animal", "fruit": "food",
           "vegetable": "food", "good": "quality", "bad": "quality"}  # fmt: skip
_RELATIONS = {"capital": ("country", 1), "language": ("country", 2), "she": ("family", 1),
              "young": ("animal", 1)}  # fmt: skip


def little_world(rng: np.random.Generator, N: int, language: str = "en") -> World:
    """N sentences about places, people, animals and food, with no meaning beyond the frames.

    The words for good and for bad stand in exactly the same frames.

    Returns the :class:`World`. Raises ValueError if N is below 1, or language not "en" or "zh".
    """
    if N < 1 or language not in _TABLES:
        raise ValueError(f"N = {N}, language = {language!r}; expected at least 1, "
                         f"and one of {list(_TABLES)}")  # fmt: skip
    tables = {name: _rows(name, table) for name, table in _TABLES[language].items()}
    qualities = [row[0] for name in ("good", "bad") for row in tables[name]]
    frames = [(name, frame) for name, some in _FRAMES[language].items() for frame in some]
    sentences = []
    for k in rng.integers(len(frames), size=N):
        name, frame = frames[k]
        row = tables[name][rng.integers(len(tables[name]))]
        quality = qualities[rng.integers(len(qualities))]
        sentences.append([_put(token, row, quality) for token in frame.split()])
    kinds = {
        kind: [row[column] for row in tables[name]]
        for name, names in _KINDS.items()
        for column, kind in enumerate(names)
    }
    realms = {kind: _REALMS[name] for name, names in _KINDS.items() for kind in names}
    questions = {
        relation: [(a[0], a[k], b[0], b[k]) for a in tables[name] for b in tables[name] if a != b]
        for relation, (name, k) in _RELATIONS.items()
    }
    return World(sentences, kinds, realms, questions)


def _rows(name: str, table: str) -> list[list[str]]:
    """The table's words, as many to a row as its frames and kinds need."""
    width = {"country": 4, "family": 3, "animal": 4}.get(name, 1)
    words = table.replace("|", " ").split()
    return [words[k : k + width] for k in range(0, len(words), width)]


def _put(token: str, row: Sequence[str], quality: str) -> str:
    if token == "*":
        return quality
    return row[int(token)] if token.isdigit() else token
