"""Reviews of films and restaurants in which order, negation and contrast decide.

Put together from phrases written for this course; nobody wrote them. The generator stands in
:mod:`rnncourse.data`, under the same name.
"""

import numpy as np

Array = np.ndarray
Pair = tuple[str, str]  # English, Chinese

_LANGUAGES = ("en", "zh")
_SUBJECTS: tuple[tuple[Pair, ...], ...] = (  # of a film, of a restaurant
    (("plot", "剧情"), ("acting", "表演"), ("music", "配乐"), ("ending", "结局"),
     ("camera work", "摄影"), ("dialogue", "对白")),
    (("food", "饭菜"), ("service", "服务"), ("dessert", "甜点"), ("tea", "茶水"),
     ("bread", "面包"), ("kitchen", "厨房")),
)  # fmt: skip
_PRAISE: tuple[Pair, ...] = (("excellent", "出色"), ("perfect", "完美"), ("decent", "像样"))
_BLAME: tuple[Pair, ...] = (("terrible", "糟糕"), ("poor", "差劲"), ("disappointing", "扫兴"))
# Stands before each adjective: up to seven words, over which few n-grams reach.
_BETWEEN: tuple[Pair, ...] = (
    (" ", "很"),
    (" really ", "真的很"),
    (", from beginning to end, ", "从头到尾都很"),
    (", much like the last time, ", "跟上一次差不多很"),
    (", on that cold and rainy evening, ", "在那个又冷又下雨的晚上很"),
    (", with so many people around us, ", "在周围有那么多人的时候很"),
    (", just as my brother had told us, ", "就像我哥哥跟我们说的那样很"),
)
# Stands behind each adjective: without it what comes next would give its clause away.
_BEHIND: tuple[Pair, ...] = (
    ("", ""),
    (", to tell you the truth", "，这是实话"),
    (", as far as I could see", "，至少我看是这样"),
    (", which nobody had expected", "，谁也没有料到"),
    (", which surprised all of us", "，我们都很意外"),
    (", and I am not the only one to say so", "，不光我一个人这么说"),
)
# {s} and {t} are two subjects, {a} and {b} the two adjectives with what stands around them.
# As often the first adjective is the verdict as the second: its place alone tells nothing.
_FIRST: tuple[Pair, ...] = (
    ("The {s} was{a}, although the {t} was{b}.", "{s}{a}，尽管{t}{b}。"),
    ("In the end the {s} was{a}, while at first it was{b}.", "{s}最后{a}，虽然起初{b}。"),
    ("The {s} was{a}. It was not at all{b}.", "我觉得{s}{a}，一点也不觉得它{b}。"),
    ("The {s} was{a}. Some people call it{b}, but they are wrong.",
     "{s}{a}。有人说它{b}，但是他们说错了。"),
)  # fmt: skip
_SECOND: tuple[Pair, ...] = (
    ("The {s} was{a}, but the {t} was{b}.", "{s}{a}，但是{t}{b}。"),
    ("Although the {s} was{a}, the {t} was{b}.", "虽然{s}{a}，{t}却{b}。"),
    ("At first the {s} was{a}. In the end it was{b}.", "{s}起初{a}，最后{b}。"),
    ("The {s} was not at all{a}. It was{b}.", "我一点也不觉得{s}{a}，我觉得它{b}。"),
)
_NEITHER: tuple[Pair, ...] = (
    ("The {s} was{a}, and the {t} was{b}, so I cannot decide.", "{s}{a}，{t}{b}，我说不准。"),
    ("Some people call the {s}{a}, others call it{b}.", "有人说{s}{a}，也有人说它{b}。"),
    ("I have read that the {s} was{a}; I have also read that it was{b}.",
     "我读到过{s}{a}，也读到过它{b}。"),
    ("At times the {s} was{a}, at other times it was{b}.", "{s}有时{a}，有时{b}。"),
)  # fmt: skip
_ASIDES: tuple[Pair, ...] = (  # no opinion in any of it
    ("We went there on a Friday.", "我们是星期五去的。"),
    ("My sister paid for all of us.", "我姐姐替大家付了钱。"),
    ("We came by bus.", "我们是坐公共汽车去的。"),
    ("A friend had told me about it.", "这是一个朋友告诉我的。"),
    ("We sat near the door.", "我们坐在门口附近。"),
    ("It took about two hours.", "一共用了两个小时左右。"),
    ("There were five of us.", "我们一共五个人。"),
    ("I had read about it in the newspaper.", "我在报纸上读到过。"),
)


def made_up_verdicts(
    rng: np.random.Generator, N: int, language: str = "en", classes: int = 2
) -> tuple[list[str], Array]:
    """Short reviews of films and restaurants: "The food was good, but the service was poor."

    Generated. Each review praises one thing and blames one, and its form says which of the two
    is the verdict: the clause after "but" (但是), the main clause beside "although" (虽然,
    尽管), what was "in the end" (最后) and not "at first" (起初), what is not denied by "not …
    at all" (一点也不), the reviewer's own word and not that of those who "are wrong" (说错了).
    Reviews 2k and 2k + 1 differ in their two adjectives alone, which have changed places: the
    two hold the same words equally often, one praises and one blames. So a bag of words cannot
    do better than chance. As many forms have the verdict first as last. Up to seven words stand
    before an adjective and up to ten behind it, between it and the words that decide over it. A
    sentence without an opinion may come first, and another last.

    Args:
        classes: 2, or 3 with neutral reviews, in which praise and blame stand side by side
            ("some …, others …"); a third of the pairs, and both of a pair are neutral.

    Returns N texts and labels (N,): 0 blames, 1 praises; with three classes 0 blames, 1 is
    neutral, 2 praises. The same rng makes the same reviews in both languages. Raises
    ValueError if N is odd or below 2, for another language than "en" and "zh", or for
    ``classes`` other than 2 and 3.
    """
    if N < 2 or N % 2:
        raise ValueError(f"N = {N}; it must be even and at least 2, since reviews come in pairs")
    if language not in _LANGUAGES or classes not in (2, 3):
        raise ValueError(f'language = {language!r}, classes = {classes!r}; expected "en" or '
                         '"zh", and 2 or 3')  # fmt: skip
    way, texts, labels = _LANGUAGES.index(language), [], []
    for _ in range(N // 2):
        place = 2 if classes == 3 and rng.integers(3) == 0 else int(rng.integers(2))
        adjectives = (_PRAISE[rng.integers(3)][way], _BLAME[rng.integers(3)][way])
        frame = _frame(rng, (_FIRST, _SECOND, _NEITHER)[place], way)
        before = [_BETWEEN[k][way] for k in rng.integers(0, len(_BETWEEN), 2)]
        behind = [_BEHIND[k][way] for k in rng.integers(0, len(_BEHIND), 2)]
        for praised in (0, 1):  # the place of the praise
            order = (adjectives[praised], adjectives[1 - praised])
            a, b = (before[k] + order[k] + behind[k] for k in (0, 1))
            texts.append(frame.format(a=a, b=b))
            labels.append(_label(praised == place, place == 2, classes))
    return texts, np.array(labels)


def _frame(rng: np.random.Generator, forms: tuple[Pair, ...], way: int) -> str:
    """A whole review, but for {a} and {b}."""
    of = _SUBJECTS[rng.integers(2)]
    s, t = (of[k][way] for k in rng.permutation(6)[:2])
    form = forms[rng.integers(len(forms))][way].replace("{s}", s).replace("{t}", t)
    aside, another = (_ASIDES[k][way] for k in rng.permutation(len(_ASIDES))[:2])
    before, after = rng.integers(0, 2, 2)
    return (" ", "")[way].join([aside] * before + [form] + [another] * after)


def _label(praises: bool, neutral: bool, classes: int) -> int:
    return 1 if neutral else int(praises) * (classes - 1)
