"""The programs for the reader's own file, run on files that are not the course's."""

import datetime
import re
import subprocess
import sys
import wave as wav
from pathlib import Path

import numpy as np
import pytest

from rnncourse import music, show
from rnncourse.data import (
    articles,
    conll,
    described,
    faq,
    motions,
    own,
    scenes,
    smalltalk,
    stanzas,
    tunes,
)
from rnncourse.nlp import sounds, textrank
from rnncourse.nlp.text import Vocabulary
from rnncourse.nn import train
from rnncourse.timeseries import likely_period

PROGRAMS = Path(__file__).resolve().parents[2] / "book" / "programs"
NAMES = ("language_model", "sentiment", "timeseries", "attention", "tagging", "speech",
         "translation", "dialogue", "summarization", "captioning", "video", "poetry",
         "music")  # fmt: skip


def run(capsys, name, *arguments):
    """What a program prints, after it ended well."""
    own.run(name, *map(str, arguments))
    return capsys.readouterr().out.replace("\r", "")


def refused(capsys, name, *arguments):
    """What a program says of bad input, after it ended with code 2."""
    with pytest.raises(SystemExit) as ended:
        own.run(name, *map(str, arguments))
    assert ended.value.code == 2
    return " ".join(capsys.readouterr().err.split(f"{name}.py: error: ")[1].split())


def number(printed, name):
    """The first number of the line that ends so."""
    line = next(line for line in printed.splitlines() if line.endswith(name))
    return float(NUMBERS.search(line)[0])


@pytest.mark.parametrize("name", NAMES)
def test_they_are_short(name):
    lines = (PROGRAMS / f"{name}.py").read_text(encoding="utf-8").splitlines()
    code = [line for line in lines if line.strip() and not line.startswith(("import", "from"))]
    assert len(code) <= 60


SAID = re.compile(r'\bsay\(\s*"([^"]*)"')
WORDS = re.compile(r"[A-Za-z]{2}|[()]")


def test_all_that_they_say_has_a_chinese_sentence_with_the_same_braces():
    modules = (own, conll, faq, articles, described, motions, stanzas, tunes)
    files = [*PROGRAMS.glob("*.py"), *(Path(module.__file__) for module in modules)]
    sentences = {text for file in files for text in SAID.findall(file.read_text("utf-8"))}
    assert len(sentences) > 10
    braces, chinese = re.compile(r"\{[^}]*\}"), own._chinese()
    for sentence in sentences:
        if WORDS.search(braces.sub("", sentence)):
            assert sorted(braces.findall(chinese[sentence])) == sorted(braces.findall(sentence))
    program = "".join(file.read_text("utf-8") for file in files)
    for sentence in chinese:
        assert f'"{sentence}"' in program, sentence
    for file in PROGRAMS.glob("*.py"):
        assert "print(" not in file.read_text("utf-8")


NUMBERS = re.compile(r"\d+(?:\.\d+)?")


def test_in_chinese_they_report_the_same(capsys, tmp_path):
    month = series(tmp_path, MONTHS, wave(160, 12), without=(5,))
    text, reviews = tmp_path / "text.txt", tmp_path / "reviews.csv"
    text.write_text(rhyme("zh"), encoding="utf-8")
    reviews.write_text(table(opinions(60, ("好评", "差评"), "zh"), ("评论", "标签"), ","), "utf-8")
    (tmp_path / "mine.txt").write_text(verses("zh"), encoding="utf-8")
    for name, file, *options in (
        ("timeseries", month), ("sentiment", reviews, "--say", "好吃"),
        ("language_model", text, "--epochs", 1, "--length", 20),
        ("attention", doubled(tmp_path / "pairs.csv", 150), "--epochs", 1, "--rewrite", "吧"),
        ("tagging", marked(tmp_path / "names.txt", "zh"), "--epochs", 2, "--mark",
         "小林在东港。"),
        ("speech", whistled(tmp_path / "audio", 30, "高中低"), "--epochs", 1),
        ("dialogue", listed(tmp_path / "faq.csv", "zh"), "--epochs", 1, "--ask", "火"),
        ("translation", doubled(tmp_path / "both.csv", 150), "--epochs", 1, "--say", "吧"),
        ("summarization", written(tmp_path / "articles", "zh", 30), "--epochs", 1,
         "--summarize", written(tmp_path / "new", "zh", 1, titled=False) / "00.txt"),
        ("video", danced(tmp_path / "films", ("先左", "先右")), "--epochs", 1, "--watch",
         tmp_path / "films/3.csv"),
        ("captioning", painted(tmp_path / "board", "zh", 60), "--epochs", 1, "--describe",
         tmp_path / "board" / "000.png"),
        ("music", played(tmp_path / "tunes", 10), "--epochs", 1, "--write", tmp_path / "1.mid"),
        ("poetry", tmp_path / "mine.txt", "--epochs", 1, "--units", 8),
    ):  # fmt: skip
        english = run(capsys, name, file, *options)
        chinese = run(capsys, name, file, *options, "--lang", "zh")
        assert NUMBERS.findall(english) == NUMBERS.findall(chinese)
        assert len(english.splitlines()) == len(chinese.splitlines())
        said = re.sub(
            "GRU|CRF|CTC|LSTM|MASE|F1|BLEU|CIDEr|ROUGE|TextRank|articles|board|L|mine|text|reviews|pairs|both|names"
            "|model|npz|csv|png|mid|tunes|AR|WHO|WHERE|TF-IDF|BM|faq",
            "",
            chinese,
        )
        assert not re.search("[A-Za-z]", said), chinese
        assert run(capsys, name, file, *options) == english  # and English again, unasked
    assert "1 步没有数值" in run(capsys, "timeseries", month, "--lang", "zh")


def test_for_a_page_both_languages_are_marked_for_their_editions(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(show, "edition", lambda language: print(f"<{language}>"))
    file = series(tmp_path, MONTHS, wave(160, 12))
    alone = {lang: run(capsys, "timeseries", file, "--lang", lang) for lang in ("en", "zh")}
    both = run(capsys, "timeseries", file, "--lang", "both")
    assert both == "".join(f"<{lang}>\n{text}<both>\n" for lang, text in alone.items())
    refused(capsys, "timeseries", file, "--lang", "both", "--share", 2)
    own.say("saved {}", "x")  # nothing is kept back any more
    assert capsys.readouterr().out == "saved x\n"


# --- text ----------------------------------------------------------------------------


def rhyme(language, lines=150):
    rng = np.random.default_rng(1)
    who, what = (("猫狗鸟鱼", "跑跳睡叫") if language == "zh" else
                 (("cat", "dog", "bird"), ("runs", "jumps", "sleeps")))  # fmt: skip
    sign = ("小{}今天{}。", "A {} {} today.")[language == "en"]
    return "".join(sign.format(rng.choice(list(who)), rng.choice(list(what))) + "\n"
                   for _ in range(lines))  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_language_model_of_any_text(capsys, tmp_path, language, encoding):
    file = tmp_path / "mine.txt"
    text = rhyme(language)
    file.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    asked = ["--length", 60, "--units", 32, "--temperature", 0.1]
    printed = run(capsys, "language_model", file, *asked, "--epochs", 60)
    assert f"{len(text)} characters" in printed
    written = printed.split("saved mine-model.npz\n")[1]
    assert run(capsys, "language_model", tmp_path / "mine-model.npz", *asked) == written
    assert len(written) == 1 + 60 + 1
    assert set(written.split("\n")[:-2]) <= set(text.split("\n"))  # whole lines, but the last
    other = text[1]
    asked = ["--length", 3, "--begin", other]
    again = run(capsys, "language_model", tmp_path / "mine-model.npz", *asked)
    assert again[0] == other
    gru, counted = (float(part.split()[1]) for part in printed.split("\n")[1].split(", "))
    # Who knows only the letters needs more than three bits.
    assert 0.1 < counted < 1
    assert 0.1 < gru < 1


# --- poems ---------------------------------------------------------------------------


def verses(language, poems=60):
    """Quatrains that rhyme in Chinese; three lines of any length in English."""
    rng, found = np.random.default_rng(2), []
    for _ in range(poems):
        if language == "en":
            rows = [f"{rng.choice(['Love', 'Snow', 'One'])} {rng.choice(['is', 'was'])} it"[: n + 8]
                    for n in rng.integers(1, 5, 3)]  # fmt: skip
            found.append("\n".join(rows))
            continue
        starts = ["".join(rng.choice(list("春夏秋冬山水花月"), 4)) for _ in range(4)]
        ends = [rng.choice(list("日月")), *rng.permutation(list("东风中红")).tolist()]
        lines = [starts[0] + ends[0], starts[1] + ends[1], starts[2] + ends[0], starts[3] + ends[2]]
        found.append("{}，{}。{}，{}。".format(*lines))
    return ("\n\n" if language == "en" else "\n").join(found)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_chinese_verses_begin_as_asked_and_rhyme(capsys, tmp_path, encoding):
    """Also with characters that no poem has; as many lines as characters."""
    file = tmp_path / "mine.txt"
    file.write_bytes(verses("zh").encode(encoding))
    asked = ["--epochs", 1, "--units", 8, "--heads"]
    printed = run(capsys, "poetry", file, *asked, "梅兰竹菊松柏")
    assert "60 poems" in printed
    poem = printed.split("saved mine-model.npz\n")[1].splitlines()
    assert "".join(line[0] for line in poem[:-1]) == "梅兰竹菊松柏"
    assert {len(line) for line in poem[:-1]} == {5}
    words = [line[-1] for line in poem[1:-1:2]]
    assert len(set(words)) == 3
    assert all(sounds.rhyme_together(words[0], word) for word in words[1:])
    assert poem[-1].startswith("longest run")
    model = tmp_path / "mine-model.npz"
    again, other = (run(capsys, "poetry", model, "--seed", seed) for seed in (0, 1))
    assert len(again.splitlines()) == 4 + 1
    assert again != other
    assert "最长连续片段" in run(capsys, "poetry", model, "--lang", "zh")


def test_english_verses_begin_as_asked(capsys, tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text(verses("en"), encoding="utf-8")
    printed = run(capsys, "poetry", file, "--epochs", 2, "--units", 8, "--heads", "LOVE")
    poem = printed.split("saved mine-model.npz\n")[1].splitlines()
    assert "".join(line[0] for line in poem[:-1]) == "LOVE"


def test_poems_of_a_file_by_hand(tmp_path):
    """Stops end a line in Chinese, in English only line breaks do; single lines are no poems."""
    file = tmp_path / "mine.txt"
    number = [f"{k}山，{k}水。{k}月！" for k in range(30)]
    file.write_text("\n".join([*number, "春"]), encoding="utf-8")
    assert stanzas.stanzas(file)[3] == "3山\n3水\n3月"
    assert len(stanzas.stanzas(file)) == 30
    file.write_text("\n \n".join(f"One, {k}.\n  Two!" for k in range(30)), encoding="utf-8")
    assert stanzas.stanzas(file)[29] == "One, 29.\nTwo!"
    assert stanzas.line_length(["山水\n山月", "山水\n春"]) == 2
    assert stanzas.line_length(["山水\n春"]) == 0
    assert stanzas.line_length(["ab\ncd"]) == 0
    assert stanzas.copied("xabcd", "zzabcz") == 3
    assert stanzas.copied("", "abc") == 0


# --- reviews -------------------------------------------------------------------------


def opinions(count, names, language="en"):
    """Rows of text and label; each label has words of its own."""
    rng = np.random.default_rng(2)
    marks = (["好吃", "难吃", "一般"] if language == "zh" else ["lovely", "awful", "so-so"])[
        : len(names)
    ]
    sign = ("第{}家店的东西很{}", 'shop {}, "said" to be {}')[language == "en"]
    return [(sign.format(k, marks[c]), names[c])
            for k, c in enumerate(rng.integers(0, len(names), count))]  # fmt: skip


def table(rows, head, separator):
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in rows]
    return "\n".join([separator.join(head), *(separator.join(row) for row in quoted)]) + "\n"


@pytest.mark.parametrize(("language", "encoding", "separator", "names"), [
    ("en", "utf-8", ",", ("good", "bad", "so")), ("en", "utf-8-sig", ";", ("1", "0")),
    ("zh", "gb18030", "\t", ("好评", "差评"))])  # fmt: skip
def test_reviews_of_any_table(capsys, tmp_path, language, encoding, separator, names):
    rows = opinions(120, names, language)
    rows += [("", names[0]), ("no label", "NA"), *rows[:5]]
    file = tmp_path / "mine.csv"
    file.write_bytes(table(rows, ("review", "label"), separator).encode(encoding))
    said = next(text for text, name in rows if name == names[1])
    printed = run(capsys, "sentiment", file, "--say", said, "--text", "review")
    assert "125 texts, 2 rows with a gap left out" in printed
    assert number(printed, "LSTM") > 0.8
    assert number(printed, "bag of words") > 0.9
    assert number(printed, "the most frequent") < 0.5
    answer = printed.split("saved mine-model.npz\n")[1]
    assert run(capsys, "sentiment", tmp_path / "mine-model.npz", "--say", said) == answer
    _, known = train.load(tmp_path / "mine-model.npz")
    assert known["jieba"] is (language == "zh")
    shares = {line.split(" ", 1)[1]: float(line.split()[0]) for line in answer.splitlines()[1:]}
    assert sorted(shares) == sorted(names)
    assert sum(shares.values()) == pytest.approx(1, abs=0.02)
    assert max(shares, key=shares.get) == names[1]


def test_reviews_among_other_columns(capsys, tmp_path):
    file = tmp_path / "mine.csv"
    rows = [(str(k), *row) for k, row in enumerate(opinions(60, ("good", "bad")))]
    file.write_text(table(rows, ("id", "review", "stars"), ","), encoding="utf-8")
    assert "'stars']; say with --text and --label which" in refused(capsys, "sentiment", file)
    printed = run(capsys, "sentiment", file, "--text", "review", "--label", "stars")
    assert number(printed, "LSTM") > 0.8
    assert "no column 'star'" in refused(capsys, "sentiment", file, "--text", "review",
                                         "--label", "star")  # fmt: skip


def test_copies_of_a_review_stay_on_one_side(capsys, tmp_path):
    """Labels thrown by a coin: who reads the copies of the test texts gets them right."""
    rng = np.random.default_rng(5)
    words = [f"w{k}" for k in range(40)]
    rows = [(" ".join(rng.choice(words, 5)), str(rng.integers(2))) for _ in range(100)] * 4
    file = tmp_path / "mine.csv"
    file.write_text(table(rows, ("review", "label"), ","), encoding="utf-8")
    printed = run(capsys, "sentiment", file)
    assert "400 texts" in printed
    assert number(printed, "bag of words") < 0.8
    assert number(printed, "LSTM") < 0.8


# --- pairs ---------------------------------------------------------------------------


def doubled(file, count, letters="吧呢啊", head="读,写", encoding="utf-8", separator=","):
    """Pairs of a word of 1 to 4 letters and the word with each letter twice."""
    rng = np.random.default_rng(6)
    words = ["".join(rng.choice(list(letters), T)) for T in rng.integers(1, 5, count)]
    rows = [f"{word}{separator}{''.join(2 * sign for sign in word)}" for word in words]
    file.write_bytes("\r\n".join([head.replace(",", separator), *rows]).encode(encoding))
    return file


@pytest.mark.parametrize(("letters", "encoding", "separator"), [
    ("abcdefgh", "utf-8-sig", ","), ("東西南北春夏秋冬", "gb18030", "\t")])  # fmt: skip
def test_pairs_of_any_table(capsys, tmp_path, letters, encoding, separator):
    file = doubled(tmp_path / "mine.csv", 500, letters, "read,write", encoding, separator)
    with file.open("ab") as more:
        more.write(f"\r\n{letters[0]}{separator}\r\n{separator}{letters[1]}".encode(encoding))
    new = "".join(letters[k] for k in (4, 1, 6))
    asked = ["--rewrite", f"{new}\n{letters[2]}x"]
    printed = run(capsys, "attention", file, "--units", 48, "--epochs", 25, *asked)
    assert "500 pairs, 2 rows with a gap left out" in printed
    assert number(printed, "GRU with attention") > 0.25
    assert number(printed, "copied as it stands") == 0
    assert number(printed, "as the most similar known text") == 0  # copies stay together
    answer = printed.split("saved mine-model.npz\n")[1]
    assert run(capsys, "attention", tmp_path / "mine-model.npz", *asked) == answer
    first, second = answer.splitlines()
    assert first.startswith(f"{new} → {letters[4]}")
    assert second.startswith(f"{letters[2]}x → ")  # a letter that it has never seen


def test_pairs_among_other_columns(capsys, tmp_path):
    file = doubled(tmp_path / "mine.csv", 150)
    head, *rows = file.read_text("utf-8").split("\n")
    rows = [f"{row.strip()},note" for row in rows]
    file.write_text("\n".join([f"{head.strip()},3", *rows]), encoding="utf-8")
    assert "'3']; say with --source and --target which" in refused(capsys, "attention", file)
    file.write_text(file.read_text("utf-8").replace("吧吧,", "吧" * 201 + ",", 1), "utf-8")
    asked = ("--source", "读", "--target", "写", "--epochs", 1)
    assert "a text of 2" in refused(capsys, "attention", file, *asked)


# --- sentences in two languages ------------------------------------------------------


ANIMALS = {"猫": "cat", "狗": "dog", "鸟": "bird", "鱼": "fish", "马": "horse", "牛": "cow"}
DEEDS = {"跑": "runs", "跳": "jumps", "睡": "sleeps", "吃": "eats", "看": "looks"}
DAYS = {"今天": "today", "明天": "tomorrow", "后天": "in two days", "周一": "on Monday"}


def bilingual(separator=",", turned=False):
    """120 sentences and their translations, whose words stand in another order."""
    rows = [(f"{day}{animal}{deed}。", f"The {ANIMALS[animal]} {DEEDS[deed]} {DAYS[day]}.")
            for animal in ANIMALS for deed in DEEDS for day in DAYS]  # fmt: skip
    return [separator.join(row[::-1] if turned else row) for row in rows]


@pytest.mark.parametrize(("separator", "encoding", "turned", "asked", "answer"), [
    ("\t", "utf-8-sig", False, "明天猫跑。\n\n 周一龘睡。 ", "The cat runs tomorrow."),
    (";", "gb18030", True, "The bird eats today.\nThe zebra runs.", "今天鸟吃。")])  # fmt: skip
def test_sentences_of_any_table(capsys, tmp_path, separator, encoding, turned, asked, answer):
    """Twice as many for the training, since pairs stand twice; rows with an empty sentence go, and
    a sentence with the separator in it stays whole. A word that it never saw is no error."""
    rows = bilingual(separator, turned)
    odd = [f'"{separator}。"{separator}","', f"狗{separator}", f"{separator} dog", "", rows[0]]
    file = tmp_path / "mine.csv"
    file.write_bytes("\n".join([f"a{separator}b", *rows, *rows, *odd]).encode(encoding))
    given = ["--epochs", 60, "--merges", 60, "--say", asked]
    printed = run(capsys, "translation", file, *given)
    assert "242 pairs, 2 rows with a gap left out" in printed
    assert number(printed, "GRU with attention") > 0.6
    assert number(printed, "as the most similar known text") < 0.55
    assert number(printed, "copied as it stands") < 0.1
    found = printed.split("saved mine-model.npz\n")[1]
    first, second = found.splitlines()
    known, new = (line.strip() for line in asked.splitlines() if line.strip())
    assert first == f"{known} → {answer}"
    assert second.startswith(f"{new} → ")
    assert run(capsys, "translation", tmp_path / "mine-model.npz", *given) == found


# --- names ---------------------------------------------------------------------------


def marked(file, language, scheme="BIO", count=150, encoding="utf-8"):
    """Sentences of who is where, with tags; half of the names come once or twice."""
    rng = np.random.default_rng(7)
    rows = []
    for _ in range(count):
        if language == "zh":
            who, where = "小" + rng.choice(list("林王李张何")), rng.choice(list("东西南北")) + "港"
            parts = [(list(who), "WHO"), (["在"], ""), (list(where), "WHERE"), (["。"], "")]
        else:
            letters = "".join(rng.choice(list("abcdefgh"), 4))
            parts = [([f"{letters.title()}son"], "WHO"), (["lives", "in"], ""),
                     (["New", f"{letters[::-1].title()}ville"], "WHERE"), (["."], "")]  # fmt: skip
        for tokens, kind in parts:
            first, middle, last = {"BIO": "BII", "BMES": "BME"}[scheme]
            for k, token in enumerate(tokens):
                prefix = first if k == 0 else last if k == len(tokens) - 1 else middle
                if scheme == "BMES" and len(tokens) == 1:
                    prefix = "S"
                rows.append(f"{token}\t{prefix}-{kind}" if kind else f"{token} O")
        rows.append("")
    head = ["-DOCSTART- O", "", "# id 1 of this file"]
    file.write_bytes("\r\n".join([*head, *rows]).encode(encoding))
    return file


@pytest.mark.parametrize(("language", "scheme", "encoding", "new", "found"), [
    ("en", "BIO", "utf-8-sig", "Zogson lives in New Yorkville .",
     ["WHO: Zogson", "WHERE: New Yorkville"]),
    ("zh", "BMES", "gb18030", "小李在北港。", ["WHO: 小李", "WHERE: 北港"])])  # fmt: skip
def test_names_of_any_file(capsys, tmp_path, language, scheme, encoding, new, found):
    file = marked(tmp_path / "mine.conll", language, scheme, encoding=encoding)
    asked = ["--mark", f"{new}\n{new}"]
    printed = run(capsys, "tagging", file, "--epochs", 15, *asked)
    assert "150 sentences\nentities: 150 WHO, 150 WHERE\n" in printed
    assert number(printed, "GRU with a CRF") > 0.95
    looked_up = number(printed, "names of the training looked up")
    assert looked_up > 0.95 if language == "zh" else looked_up < 0.2  # nearly all are new there
    answer = printed.split("saved mine-model.npz\n")[1]
    assert answer.splitlines() == found * 2
    assert run(capsys, "tagging", tmp_path / "mine-model.npz", *asked) == answer
    assert run(capsys, "tagging", tmp_path / "mine-model.npz") == ""


def test_tags_are_read_as_bio_and_looked_up():
    """By hand: the longest known name from the left, as the kind that it is most often."""
    known = [(["New", "York"], ["B-A", "I-A"]), (["New"], ["B-B"]), (["New"], ["B-B"]),
             (["New"], ["B-A"])]  # fmt: skip
    found = conll.look_up([["in", "New", "York", "New", "Year"], []], known)
    assert found == [["O", "B-A", "I-A", "B-B", "O"], []]


# --- recordings -----------------------------------------------------------------------


def sound_file(path, samples, rate=8000, width=2, channels=1):
    """Write samples between -1 and 1 as whole numbers of so many bytes, in every channel."""
    whole = np.round(samples * (2 ** (8 * width - 1) - 1)).astype("<i4").repeat(channels)
    with wav.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(whole.view(np.uint8).reshape(-1, 4)[:, :width].tobytes())


def whistle(rng, notes, rate=8000):
    """One tone after the other, each of another length, with a little noise."""
    lengths = rng.uniform(0.1, 0.2, len(notes))
    tones = [np.sin(2 * np.pi * 400 * 2**note * np.arange(int(rate * s)) / rate)
             for note, s in zip(notes, lengths, strict=True)]  # fmt: skip
    sound = 0.5 * np.concatenate(tones)
    return sound + 0.01 * rng.standard_normal(len(sound))


def whistled(folder, count, words=("low", "mid", "high"), head="file,text", **form):
    """A table of recordings, each one to four tones, and what they are called."""
    (folder / "wav").mkdir(parents=True)
    rng, rows = np.random.default_rng(7), []
    for k in range(count):
        notes = rng.integers(0, len(words), rng.integers(1, 5))
        sound_file(folder / f"wav/{k}.wav", whistle(rng, notes, form.get("rate", 8000)), **form)
        rows.append(f"wav/{k}.wav,{' '.join(words[note] for note in notes)}")
    (folder / "mine.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    return folder / "mine.csv"


@pytest.mark.parametrize(("words", "form"), [
    (("low", "mid", "high"), {}),
    ("高中低", {"rate": 44100, "width": 3, "channels": 2})])  # fmt: skip
def test_recordings_of_any_form(capsys, tmp_path, words, form):
    """Also stereo of 24 bits. The folder of the table is not the one where the program runs."""
    file = whistled(tmp_path / "sounds", 60, words, **form)
    with file.open("a", encoding="utf-8") as more:
        more.write("\nwav/0.wav,\n,low")
    new = tmp_path / "new.wav"
    sound_file(new, whistle(np.random.default_rng(8), [2, 0], form.get("rate", 8000)), **form)
    printed = run(capsys, "speech", file, "--hear", new)
    assert "60 recordings, 2 rows with a gap left out" in printed
    assert number(printed, "GRU with CTC") < 0.2
    assert number(printed, "GRU with CTC") <= number(printed, "nearest recording, warped")
    answer = printed.split("saved mine-model.npz\n")[1]
    assert answer == f"new.wav: {words[2]} {words[0]}\n"
    assert run(capsys, "speech", file.with_name("mine-model.npz"), "--hear", new) == answer


def test_characters_where_words_are_too_rare(capsys, tmp_path):
    file = whistled(tmp_path / "sounds", 30, "abc")
    file.write_text(file.read_text("utf-8").replace(" ", ""), "utf-8")
    run(capsys, "speech", file, "--epochs", 1)
    _, known = train.load(file.with_name("mine-model.npz"))
    assert known["spaced"] is False
    known = Vocabulary.from_json(known["known"])
    assert known.decode(range(2, len(known))) == ["a", "b", "c"]


def test_a_speaker_is_on_one_side_only(tmp_path):
    file = whistled(tmp_path / "sounds", 20)
    head, *rows = file.read_text("utf-8").split("\n")
    rows = [f"{row},{'ABCD'[k % 4]}" for k, row in enumerate(rows)]
    file.write_text("\n".join([f"{head},speaker", *rows]), "utf-8")
    assert own.recordings(file)[2] == list("ABCD") * 5
    file.write_text("\n".join([head, *(row[:-2] for row in rows)]), "utf-8")
    assert own.recordings(file)[2] == [f"wav/{k}.wav" for k in range(20)]


def test_recordings_that_cannot_be_learned_from(capsys, tmp_path):
    file = whistled(tmp_path / "sounds", 20)
    bad, good = tmp_path / "sounds/wav/7.wav", file.read_text("utf-8")
    for content, sentence in (
        (good.replace("wav/7.wav", "wav/70.wav"), "line 9: there is no file 'wav/70.wav'"),
        (good.replace("file,text", "file,said"), "no column 'text'; there are ['file', 'said']"),
        ("\n".join(good.split("\n")[:15]), "has 14 recordings with a text; expected at least 20"),
        (re.sub("(7.wav,).*", r"\1" + "word " * 99, good), "frames; its text needs 197"),
    ):
        file.write_text(content, "utf-8")
        assert sentence in refused(capsys, "speech", file)
    file.write_text(good, "utf-8")
    tone = whistle(np.random.default_rng(9), [1])
    for samples, form, sentence in (
        (np.zeros(4000), {}, "7.wav is silent"),
        (tone, {"rate": 16000}, "7.wav has 16000 samples a second; expected 8000"),
        (tone[:0], {}, "7.wav holds 0 bytes"),
    ):
        sound_file(bad, samples, **form)
        assert sentence in refused(capsys, "speech", file)
    bad.write_bytes(b"ID3 is an MP3")
    assert "7.wav is no WAV file" in refused(capsys, "speech", file)
    assert not file.with_name("mine-model.npz").exists()


# --- questions and answers --------------------------------------------------------------


def listed(file, language, encoding="utf-8", separator=",", head=("question", "answer")):
    """The small talk's questions, five to an answer; a repeated one, and gaps."""
    kinds = [k for k in smalltalk.talk(language).kinds.values() if not k.says]
    rows = [(asked, kind.replies[0]) for kind in kinds for asked in kind.asks]
    rows += [(rows[0][0].upper(), rows[0][1]), rows[7], ("", rows[0][1]), (rows[3][0], "")]
    file.write_bytes(table(rows, head, separator).encode(encoding))
    return file


@pytest.mark.parametrize(("language", "encoding", "separator"), [
    ("en", "utf-8-sig", ","), ("zh", "gb18030", "\t")])  # fmt: skip
def test_answers_of_any_list(capsys, tmp_path, language, encoding, separator):
    """A question as it stands there is answered; one of unknown words alone is not."""
    file = listed(tmp_path / "mine.csv", language, encoding, separator)
    kind = smalltalk.talk(language).kinds["lunch"]
    asked = ["--ask", f"{kind.asks[0]}\nзззз\n?!"]
    printed = run(capsys, "dialogue", file, *asked)
    assert "140 questions, 28 answers\n2 rows with a gap left out, 2 repeated" in printed
    assert "tested on 28 other ways of asking" in printed
    for name in ("nearest question, TF-IDF", "nearest question, BM25", "GRU that chooses",
                 "always the most frequent answer"):  # fmt: skip
        line = next(line for line in printed.splitlines() if line.endswith(name))
        assert sum(map(float, NUMBERS.findall(line)[:3])) == pytest.approx(1, abs=0.011)
    assert number(printed, "nearest question, TF-IDF") > 0.3
    assert number(printed, "always the most frequent answer") < 0.1
    answer = printed.split("saved mine-model.npz\n")[1]
    assert run(capsys, "dialogue", tmp_path / "mine-model.npz", *asked) == answer
    first, second, third = answer.splitlines()
    assert first in (f"{kind.asks[0]}: {kind.replies[0]}", f"{kind.asks[0]}: I don't know.")
    assert second == "зззз: I don't know."
    assert third.startswith("?!: ")
    assert run(capsys, "dialogue", tmp_path / "mine-model.npz") == ""


def test_lists_that_cannot_be_learned_from(capsys, tmp_path):
    file = listed(tmp_path / "mine.csv", "en")
    good = file.read_text("utf-8")
    lines = good.splitlines()
    for content, sentence in (
        (
            good + lines[1].split(",")[0].lower() + ',"Nothing."\n',
            "line 146: the question 'what did you have for lunch?' has another answer in line 2",
        ),
        ("\n".join(lines[:11]), "has 10 different questions with 2 different answers; expected"),
        ("\n".join([lines[0], *(f"q{k},yes" for k in range(30))]), "with 1 different answers"),
        ("\n".join([lines[0], *(f"q{k},a{k}" for k in range(30))]), "0 answers have a second"),
        ("\n".join([lines[0], *lines[1:46]]), "9 answers have a second question; expected at"),
        (good.replace("question", "question,more", 1), "cells for the 3 columns"),
    ):
        file.write_text(content, "utf-8")
        assert sentence in refused(capsys, "dialogue", file)
    file.write_text(good, "utf-8")
    assert "no column 'ask'" in refused(capsys, "dialogue", file, "--question", "ask",
                                        "--answer", "answer")  # fmt: skip
    assert not file.with_name("mine-model.npz").exists()


def test_held_out_questions_are_of_answers_that_are_still_known():
    """Two of an answer with four questions or more, one of one with two or three, none else."""
    answers = ["a"] * 5 + ["b"] * 3 + ["c"] + ["d"] * 2 + ["e"] * 4
    for seed in range(20):
        rng = np.random.default_rng(seed)
        kept, valid, test = faq.held_out("x", answers, rng, at_least=4)
        assert sorted([*kept, *valid, *test]) == list(range(len(answers)))
        out = [answers[k] for k in (*valid, *test)]
        assert sorted(out) == ["a", "a", "b", "d", "e", "e"]
        assert set(answers) == {answers[k] for k in kept}
        assert len(valid) == len(test) == 3
    with pytest.raises(own.DataError, match="x: 4 answers have a second question; expected"):
        faq.held_out("x", answers, rng, at_least=5)


def test_limit_is_where_right_answers_outweigh_wrong_ones_most():
    """By hand: from 0.5 on two right, one wrong; of equals the lowest; 0 is never enough."""
    scores = np.array([0.9, 0.7, 0.5, 0.3, 0.2, 0.0])
    right = np.array([True, False, True, False, False, True])
    assert faq.limit(scores, right) == (0.5, 1)
    right[3] = True
    assert faq.limit(scores, right) == (0.3, 2)
    assert faq.limit(scores, np.ones(6, bool)) == (0.2, 5)
    for nothing in (faq.limit(scores, np.zeros(6, bool)), faq.limit(np.zeros(3), np.ones(3, bool))):
        assert nothing.gain == 0
        assert nothing.least > 0


# --- articles ------------------------------------------------------------------------


def written(folder, language, count, titled=True, encoding="utf-8"):
    """Articles of four sentences: of two the title has the words, and these stand anywhere."""
    rng = np.random.default_rng(6)
    who, what = "猫狗鸟", ["唱歌", "跑步", "睡觉"]
    title, body, other = "会{1}的{0}", "大家说{0}常常在这里{1}。", "今天有{}。"
    if language == "en":
        who, what = ["cats", "dogs", "birds"], ["sing", "run", "sleep"]
        title, body = "{} that {}", "People say that the {} often {} here."
        other = "It is {} today."
    folder.mkdir()
    for k in range(count):
        named = str(rng.choice(list(who))), str(rng.choice(what))
        lines = [other.format(rng.integers(10, 99)) for _ in range(3)]
        lines.insert(int(rng.integers(4)), body.format(*named))
        head = title.format(*named) + "\n\n" if titled else ""
        text = head + "\n".join(lines) + "\n"
        (folder / f"{k:02}.txt").write_text(text, encoding=encoding)
    return folder


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_articles_of_any_folder(capsys, tmp_path, language, encoding):
    """The network finds the sentence that the title is about, wherever it stands."""
    folder = written(tmp_path / "mine", language, 90, encoding=encoding)
    asked = ["--summarize", written(tmp_path / "new", language, 1, titled=False) / "00.txt"]
    printed = run(capsys, "summarization", folder, "--epochs", 12, *asked)
    assert "90 articles of 4 sentences" in printed
    scores = {name: number(printed.replace("ROUGE-1 ", ""), name)
              for name in ("the first sentence", "TextRank", "GRU over sentences",
                           "the best single sentence")}  # fmt: skip
    assert scores["GRU over sentences"] > scores["the first sentence"] + 0.1
    assert scores["GRU over sentences"] > scores["the best single sentence"] - 0.05
    answer = printed.split("saved mine-model.npz\n")[1]
    assert answer.startswith("People say" if language == "en" else "大家说")
    assert run(capsys, "summarization", tmp_path / "mine-model.npz", *asked) == answer
    assert run(capsys, "summarization", tmp_path / "mine-model.npz") == ""


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "05.txt is empty"),
        (b"Title alone", "05.txt has 0 sentences below the title in line 1; expected at least 2"),
        (b"Title\nOne sentence.", "05.txt has 1 sentences below the title"),
        (b"Title\nOne. !!! ...\n\n* * *", "05.txt has 1 sentences below the title"),
        (b"\nThe first. The second.", "05.txt, line 1 is empty; expected the title there"),
        (b"a" * 201 + b"\nThe first. The second.", "05.txt, line 1 has 201 characters; expected"),
        ("标题\n第一句。第二句。".encode("gb18030"), "05.txt, line 1: this is no UTF-8 text"),
        ("a\nb. c.".encode("utf-16"), "05.txt, line 1: this is no UTF-8 text"),
        (b"a\0\nb. c.", "05.txt holds zero bytes"),
    ],
)
def test_articles_that_cannot_be_learned_from(capsys, tmp_path, content, sentence):
    folder = written(tmp_path / "mine", "en", 30)
    (folder / "05.txt").write_bytes(content)
    assert sentence in refused(capsys, "summarization", folder)
    assert not (tmp_path / "mine-model.npz").exists()


def test_too_few_articles_and_nothing_new_to_summarize(capsys, tmp_path):
    folder = written(tmp_path / "mine", "en", 19)
    (folder / "copy.txt").write_bytes((folder / "00.txt").read_bytes())
    assert "different articles in files *.txt; expected at least 20" in refused(
        capsys, "summarization", folder
    )
    folder = written(tmp_path / "more", "en", 40)
    (tmp_path / "new.txt").write_text("One sentence.", encoding="utf-8")
    for name, said in (("new.txt", "has 1 sentences; expected"), ("no.txt", "cannot be read")):
        new = ["--epochs", 1, "--summarize", tmp_path / name]
        assert said in refused(capsys, "summarization", folder, *new)


def test_lines_flow_together_and_paragraphs_do_not():
    assert articles.flowing(" The rain\nstopped. \n\n\n研究\n方法\nABC\ndef\n \n") == (
        "The rain stopped.\n\n研究方法ABC def"
    )
    assert articles.flowing("") == ""
    assert textrank.sentences(articles.flowing("Dr. Lee\nwon. She left.")) == [
        "Dr. Lee won.", "She left.",
    ]  # fmt: skip


# --- series --------------------------------------------------------------------------


def wave(T, period, slope=0.05):
    rng = np.random.default_rng(3)
    t = np.arange(T)
    return 20 + slope * t + 5 * np.sin(2 * np.pi * t / period) + 0.3 * rng.standard_normal(T)


def series(tmp_path, dates, values, without=(), separator=","):
    file = tmp_path / "mine.csv"
    rows = [f"{d}{separator}{v:.3f}" for k, (d, v) in enumerate(zip(dates, values, strict=True))
            if k not in without]  # fmt: skip
    file.write_text("\n".join([f"when{separator}sold", *rows]), encoding="utf-8")
    return file


def days(T, step=1, form="%Y-%m-%d", **unit):
    return [
        (datetime.datetime(2021, 1, 4) + k * datetime.timedelta(**(unit or {"days": step}))
         ).strftime(form) for k in range(T)
    ]  # fmt: skip


MONTHS = [f"{2000 + k // 12}-{k % 12 + 1:02}" for k in range(160)]


@pytest.mark.parametrize(("dates", "period", "found", "coming"), [
    (days(200), 7, "200 steps of 1 day(s), 3", "2021-07-23"),
    (days(150, 7, "%Y/%m/%d"), 26, "150 steps of 7 day(s), 3", "2023-11-20"),
    (days(240, form="%Y-%m-%d %H:%M:%S", hours=1), 24, "240 steps of 1 hour(s), 3",
     "2021-01-14T00"),
    (MONTHS, 12, "160 steps of 1 month(s), 3", "2013-05"),
    ([f"{1800 + k}" for k in range(120)], 11, "120 steps of 1 year(s), 3", "1920"),
    (days(90, form="%Y年%m月%d日"), 7, "90 steps of 1 day(s), 3", "2021-04-04")])  # fmt: skip
def test_a_series_of_any_step(capsys, tmp_path, dates, period, found, coming):
    file = series(tmp_path, dates, wave(len(dates), period), without=(10, 40, 41))
    printed = run(capsys, "timeseries", file)
    assert found in printed
    assert f"period {period};" in printed
    assert number(printed, "GRU") < number(printed, "as a period ago") * 1.05
    forecast = printed.split("saved mine-model.npz\n")[1]
    assert forecast.startswith(f"{coming} ")
    model = tmp_path / "mine-model.npz"
    picture = tmp_path / "mine-model.png"
    assert picture.read_bytes()[:4] == b"\x89PNG"
    picture.unlink()
    assert run(capsys, "timeseries", model) == forecast
    assert picture.exists()
    _, known = train.load(model)
    assert len(known["margin"]) == min(max(period, 10), len(dates) // 10)
    _, value, low, _, high = forecast.splitlines()[0].replace("(", "").replace(")", "").split()
    assert float(low) < float(value) < float(high)
    # The interval stands where the series goes on.
    truth = wave(len(dates) + 1, period)[-1]
    assert abs(float(value) - truth) < 2


def test_the_order_of_the_rows_does_not_matter(capsys, tmp_path):
    file = series(tmp_path, MONTHS, wave(160, 12))
    once = run(capsys, "timeseries", file, "--period", 6, "--horizon", 3)
    head, *rows = file.read_text("utf-8").split("\n")
    file.write_text("\n".join([head, *rows[::-1]]), encoding="utf-8")
    assert run(capsys, "timeseries", file, "--period", 6, "--horizon", 3) == once
    assert once.count(" to ") == 3
    assert "period 6; MASE of 3 steps" in once


def test_a_series_among_other_columns(capsys, tmp_path):
    """As a spreadsheet in Chinese writes it, with gaps in dates and in values."""
    rows = [f"{d};{v:.1f};{k % 3}" for k, (d, v)
            in enumerate(zip(days(120, form="%Y/%m/%d"), wave(120, 7), strict=True))]  # fmt: skip
    rows[50] = f"{rows[50].split(';')[0]};;备注"
    del rows[30:33]
    file = tmp_path / "mine.csv"
    file.write_bytes("\r\n".join(["日期;销量;备注", *rows]).encode("gb18030"))
    assert "'备注']; say with --date and --value which" in refused(capsys, "timeseries", file)
    printed = run(capsys, "timeseries", file, "--date", "日期", "--value", "销量")
    assert "120 steps of 1 day(s), 4 without a value" in printed
    said = refused(capsys, "timeseries", file, "--date", "日期", "--value", "销")
    assert "no column '销'" in said


def test_the_likely_period_is_found_where_there_is_one():
    rng = np.random.default_rng(4)
    for T, period in ((60, 7), (90, 26), (200, 12), (1200, 365)):
        assert abs(likely_period(wave(T, period, slope=0.5)) - period) <= period / 50
    chance = [likely_period(rng.standard_normal(T).cumsum()) for T in (40, 100, 400)
              for _ in range(50)]  # fmt: skip
    assert np.mean(np.array(chance) > 1) < 0.1
    assert likely_period(np.arange(50.0)) == 1
    with pytest.raises(ValueError, match="T >= 12"):
        likely_period(np.arange(11))


# --- motions -------------------------------------------------------------------------


def danced(folder, labels=("left first", "right first"), people=10, each=4, **form):
    """A table of series: one coordinate has a bump, then the other, or the other way round.

    So mean, deviation, extremes and speeds are the same for both; the order alone tells.
    """
    folder.mkdir(parents=True)
    rng, rows, mark = np.random.default_rng(5), [], form.get("separator", ",")
    head = mark.join(form.get("head", ("file", "label", "person")))
    for k in range(people * each):
        T, order = rng.integers(16, 30), k % 2
        t = np.arange(T) / (T - 1)
        bumps = [np.exp(-(((t - at) / 0.08) ** 2)) for at in (0.3, 0.7)]
        xs = np.stack(bumps[::-1] if order else bumps, axis=1) + 0.05 * rng.standard_normal((T, 2))
        cells = [[f"{v:.3f}" for v in row] for row in xs]
        cells[T // 2][0] = ""  # a lost frame, between the bumps
        lines = [mark.join(row) for row in [("a", "b"), *cells]]
        (folder / f"{k}.csv").write_text("\n".join(lines), form.get("encoding", "utf-8"))
        rows.append(mark.join((f"{k}.csv", labels[order], f"p{k // each}")))
    (folder / "mine.csv").write_text("\n".join([head, *rows]), form.get("encoding", "utf-8"))
    return folder / "mine.csv"


@pytest.mark.parametrize(("labels", "form"), [
    (("left first", "right first"), {}),
    (("先左", "先右"), {"encoding": "gb18030", "separator": ";"})])  # fmt: skip
def test_motions_of_any_table(capsys, tmp_path, labels, form):
    """The order is what the network reads and statistics cannot."""
    file = danced(tmp_path / "films", labels, people=20, **form)
    with file.open("a", encoding=form.get("encoding", "utf-8")) as more:
        more.write(form.get("separator", ",").join(("\n0.csv", "", "p1")))
    new = file.with_name("1.csv")
    printed = run(capsys, "video", file, "--watch", new)
    assert "80 series of 20 people" in printed
    assert "frames of 2 numbers, 80 frames lost" in printed
    assert "1 rows with a gap left out" in printed
    assert number(printed, "GRU over frames") > 0.85
    assert number(printed, "statistics without an order") < 0.85
    answer = printed.split("saved mine-model.npz\n")[1]
    line = rf"1.csv: after \d+% of the frames ({'|'.join(labels)}), [01].\d\d\n"
    assert re.fullmatch(f"({line}){{3}}", answer)
    assert f"after 100% of the frames {labels[1]}" in answer
    assert run(capsys, "video", file.with_name("mine-model.npz"), "--watch", new) == answer


def test_a_person_is_on_one_side_only(tmp_path):
    found, columns = motions.series(danced(tmp_path / "films"))
    assert columns == ["a", "b"]
    assert [one.person for one in found[:6]] == ["p0"] * 4 + ["p1"] * 2
    file = danced(tmp_path / "alone", head=("file", "label", "someone"))
    assert [one.person for one in motions.series(file)[0][:2]] == ["0.csv", "1.csv"]


def test_lost_frames_by_hand(tmp_path):
    """A velocity over a lost frame is a difference of neighbours over their distance."""
    file = tmp_path / "one.csv"
    file.write_text("x,y\n1,5\nNA,7\n4,5\n4,9\n", encoding="utf-8")
    one = motions.read(file)
    assert one.seen.tolist() == [True, False, True, True]
    assert one.frames.tolist() == [[1, 5], [0, 0], [4, 5], [4, 9]]
    moved = motions.moving(one)
    assert moved[:, :2].tolist() == [[1, 5], [4, 5], [4, 9]]
    assert moved[:, 2:].tolist() == [[1.5, 0], [1, pytest.approx(4 / 3)], [0, 4]]
    assert motions.statistics(moved[:2, :1]).tolist() == [2.5, 1.5, 4, 1, 2.5]
    alone = motions.moving(one._replace(frames=one.frames[:1], seen=one.seen[:1]))
    assert alone.tolist() == [[1, 5, 0, 0]]
    long = "x\n" + "\n".join(map(str, range(401)))
    file.write_text(long, encoding="utf-8")
    assert motions.read(file).frames[:3, 0].tolist() == [0, 3, 6]


def test_motions_that_cannot_be_learned_from(capsys, tmp_path):
    file = danced(tmp_path / "films")
    bad, good = tmp_path / "films/7.csv", file.read_text("utf-8")
    for content, sentence in (
        (good.replace("7.csv,", "70.csv,", 1), "line 9: there is no file '70.csv'"),
        (good.replace("label", "said"), "no column 'label'; there are ['file', 'said', 'person']"),
        ("\n".join(good.split("\n")[:15]), "has 14 series, 2 different labels and 4 people; "
         "expected at least 20, 2 and 3"),
        (re.sub("right first", "left first", good), "40 series, 1 different labels"),
        (re.sub("p[0-9]", "p1", good), "2 different labels and 1 people"),
        (good.replace("right first,p0", "once,p0"), "one person alone has the label 'once'"),
    ):  # fmt: skip
        file.write_text(content, "utf-8")
        assert sentence in refused(capsys, "video", file)
    file.write_text(good, "utf-8")
    for content, sentence in (
        ("a,c\n1,2\n", "7.csv has the columns ['a', 'c']; expected ['a', 'b']"),
        ("a,b\n1,x\n", "7.csv, line 2: 'x' is no number"),
        ("a,b\n1,\n,2\n", "7.csv has no frame with a number in each of its 2 columns"),
        ("", "7.csv is empty"),
    ):
        bad.write_text(content, "utf-8")
        assert sentence in refused(capsys, "video", file)
    assert not file.with_name("mine-model.npz").exists()


def test_new_motions_must_have_the_same_columns(capsys, tmp_path):
    file = danced(tmp_path / "films")
    run(capsys, "video", file, "--epochs", 1)
    new = tmp_path / "new.csv"
    new.write_text("a\n1\n", encoding="utf-8")
    saved = file.with_name("mine-model.npz")
    assert "new.csv has the columns ['a']" in refused(capsys, "video", saved, "--watch", new)


# --- pictures ------------------------------------------------------------------------


def painted(folder, language, count, features=False):
    """A table of boards with one or two sentences each; pictures, or features of 4 × 4 places."""
    from PIL import Image

    folder.mkdir()
    rng, rows = np.random.default_rng(2), ["file,text"]
    for k, things in enumerate(scenes.scenes(rng, count, (1,))):
        drawn, name = scenes.draw(things), f"{k:03}.{'npy' if features else 'png'}"
        if features:
            cells = drawn.reshape(4, 6, 4, 6, 3).transpose(0, 2, 1, 3, 4)
            np.save(folder / name, cells.reshape(4, 4, -1))
        else:
            image = Image.fromarray(np.rint(255 * drawn).astype(np.uint8))
            image.resize((48, 48), Image.Resampling.NEAREST).save(folder / name)
        rows += [f"{name},{line}" for line in scenes.sentences(things, language)[: 1 + k % 2]]
    (folder / "board.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder / "board.csv"


@pytest.mark.parametrize("features", [False, True])
def test_pictures_or_features_are_described_and_better_than_by_the_nearest(
    capsys, tmp_path, features
):
    file = painted(tmp_path / "board", "en", 180, features)
    new = tmp_path / "board" / f"000.{'npy' if features else 'png'}"
    printed = run(capsys, "captioning", file, "--describe", new, "--epochs", 18)
    assert "180 pictures with 270 descriptions, 0 rows with a gap left out" in printed
    network = "features and GRU" if features else "convolution and GRU"
    scores = [float(NUMBERS.findall(line)[1]) for name in
              ("the same for all", "that of the nearest picture", network)
              for line in printed.splitlines() if line.endswith(name)]  # fmt: skip
    assert scores[2] > max(scores[:2]) + 1
    answer = printed.splitlines()[-1]
    assert scenes.understood(answer) is not None
    saved = file.with_name("board-model.npz")
    assert run(capsys, "captioning", saved, "--describe", new).strip() == answer
    assert run(capsys, "captioning", saved) == ""
    if features:
        np.save(tmp_path / "whole.npy", np.ones(5))
        assert "whole.npy has shape (1, 1, 5); the model reads (4, 4, 108)" in refused(
            capsys, "captioning", saved, "--describe", tmp_path / "whole.npy"
        )


def test_arrays_that_are_no_features_are_refused(capsys, tmp_path):
    file = painted(tmp_path / "board", "en", 60, features=True)
    other = file.with_name("004.npy")
    for content, said in (
        (np.zeros((4, 4, 108)), "004.npy holds numbers that are not finite, or zeros alone"),
        (np.full((4, 4, 108), np.nan), "004.npy holds numbers that are not finite"),
        (np.ones((4, 4)), "004.npy holds float64 of shape (4, 4); expected numbers (D,) or"),
        (np.array(["a"]), "004.npy holds <U1 of shape (1,); expected numbers"),
        (np.ones((2, 4, 108)), "'004.npy' has shape (2, 4, 108); expected (4, 4, 108), as the"),
    ):
        np.save(other, content)
        assert said in refused(capsys, "captioning", file)
    other.write_bytes(b"no array")
    assert "004.npy is no array that can be read" in refused(capsys, "captioning", file)
    assert not file.with_name("board-model.npz").exists()


# --- music ---------------------------------------------------------------------------


def played(folder, count, ending="mid", shift=0):
    """Files that music21 wrote: broken chords on random roots, over a bass that holds the root.

    What follows the third of a chord, up or down, does not hang on the chord before alone.
    """
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    for k in range(count):
        roots = rng.choice([0, 5, 7, 9], 10) + 60 + shift
        voice = [roots[t // 4] + [0, 4, 7, 4][t % 4] for t in range(40)]
        write = music.write_midi if ending == "mid" else music.write_musicxml
        write(np.stack([voice, roots.repeat(4) - 12], axis=1), folder / f"{k}.{ending}", 0.5)
    return folder


@pytest.mark.parametrize("ending", ["mid", "musicxml"])
def test_music_of_any_folder(capsys, tmp_path, ending):
    """It counts, learns, goes on from what it is given, and says how much of that is copied."""
    folder = played(tmp_path / "tunes", 10, ending)
    (folder / "broken.mid").write_bytes(b"MThd\0\0")
    (folder / "empty.mid").touch()
    music.write_midi([[60]] * 9, folder / "one_note.mid", 0.5)
    folder.joinpath("drums.mid").write_bytes(DRUMS)
    new, begin = tmp_path / "new.mid", folder / f"3.{ending}"
    asked = ("--write", new, "--length", 2, "--begin", begin)
    printed = run(capsys, "music", folder, "--epochs", 2, *asked)
    left = re.findall(r"^left out: .*?(\w+\.mid)", printed, re.M)
    assert left == ["broken.mid", "drums.mid", "empty.mid", "one_note.mid"]
    assert "10 pieces, 400 steps" in printed
    assert number(printed, "by the chord before") < number(printed, "the chord before again")
    assert re.search(r"written new.mid: 44 steps, of which \d+ in a row stand in", printed)
    heard = music.read_midi(new, 0.5)
    np.testing.assert_array_equal(music.roll(heard)[:40], music.roll(music.read_midi(begin, 0.5)))
    first, saved = new.read_bytes(), folder.with_name("tunes-model.npz")
    assert printed.endswith(run(capsys, "music", saved, *asked))
    assert new.read_bytes() == first
    run(capsys, "music", saved, *asked, "--seed", 1, "--temperature", 3)
    assert new.read_bytes() != first
    assert run(capsys, "music", saved) == ""


def test_in_music_the_network_reads_more_than_the_chord_before(capsys, tmp_path):
    """All tunes are in one key, and few: other keys would not help."""
    file = played(tmp_path / "tunes", 20)
    printed = run(capsys, "music", file, "--units", 32, "--keys", 0)
    assert number(printed, "GRU over chords") + 0.1 < number(printed, "by the chord before")
    with_keys = run(capsys, "music", file, "--units", 32, "--epochs", 2)
    assert number(with_keys, "GRU over chords") < number(printed, "the chord before again") + 0.1


def test_music_that_cannot_be_learned_from(capsys, tmp_path):
    few = played(tmp_path / "tunes", 4)
    (few / "broken.mid").write_bytes(b"MThd\0\0")
    said = refused(capsys, "music", few)
    assert "has 4 different pieces in files *.mid, *.midi, *.musicxml, *.mxl, *.xml" in said
    assert "broken.mid cannot be read as music" in said
    assert not few.with_name("tunes-model.npz").exists()
    run(capsys, "music", played(tmp_path / "more", 10), "--epochs", 1)
    saved, new = tmp_path / "more-model.npz", tmp_path / "new.mid"
    for begin, sentence in (
        (tmp_path / "no.mid", "no.mid"),
        (few / "broken.mid", "cannot be read"),
    ):
        assert sentence in refused(capsys, "music", saved, "--write", new, "--begin", begin)
    assert not new.exists()
    for grid, said in ((0, "step is 0"), (-2, "step is -0.5")):
        assert said in refused(capsys, "music", tmp_path / "more", "--grid", grid)
    nowhere = tmp_path / "nowhere" / "new.mid"
    assert "nowhere" in refused(capsys, "music", saved, "--write", nowhere)
    run(capsys, "music", saved, "--write", new, "--temperature", 0, "--length", 1)
    assert len(music.read_midi(new, 0.5)) <= 8 + 2


# Four beats on the channel of the drums.
DRUMS = bytes.fromhex(
    "4d546864000000060000000100604d54726b00000024" + "0099245060892400" * 4 + "00ff2f00"
)

# --- bad input -----------------------------------------------------------------------

GOOD_ROWS = "\n".join(f"{month},{k % 12}" for k, month in enumerate(MONTHS))
BAD = [
    ("language_model", b"", "mine.csv is empty"),
    ("language_model", b" \n\n", "mine.csv is empty"),
    ("language_model", b"ten chars.", "10 characters, 10 different ones; expected at least 1000"),
    ("language_model", b"a" * 2000, "2000 characters, 1 different ones"),
    ("language_model", b"x\n" * 900 + "小猫睡了".encode("gb18030"), "line 901: this is no UTF-8"),
    ("language_model", "cat\n".encode("utf-16") * 600, "this is no UTF-8 text"),
    ("sentiment", b"", "is empty"),
    ("sentiment", b"review,label", "has one row"),
    ("sentiment", b",\n,\n", "has no cell with anything in it"),
    ("sentiment", b"review,label\nfine,good", "has the labels ['good']; expected two"),
    ("sentiment", b"review,label\n" + b"fine,good\n" * 20, "has the labels ['good']"),
    ("sentiment", b"review,label\n" + b"fine,good\nugly,bad\n" * 9, "1 different texts"),
    ("sentiment", b"review,label\nfine,really,good", "line 2: 3 cells for the 2 columns of line 1"),
    ("sentiment", b'review,label\n"fine,good\n', "line 2: unexpected end of data"),
    ("sentiment", b"a,good\nb,bad\nc,good\n", "'good' is also in the column below it"),
    ("sentiment", b"a,a\nb,bad\n", "line 1: the columns' names are ['a', 'a']"),
    ("sentiment", "review\tlabel\nfine\tgood\n".encode("utf-16"), "UTF-8"),
    ("attention", b"a,b\n" + b"x,y\n" * 99, "has 1 different texts to rewrite"),
    ("attention", b"a,b\nx," + b"y" * 201, "a text of 201 characters; expected at most 200"),
    ("translation", b"a,b\n" + b"x,y\n" * 99, "has 1 different texts to rewrite"),
    ("translation", b"a\tb\n" + b"x\ty\tz\n" * 99, "line 2: 3 cells for the 2 columns"),
    ("translation", b"a\tb\n\ty\nx\t\n", "has 0 different texts to rewrite"),
    ("tagging", b"a O\n\n" * 60, "has 60 sentences with 0 entities"),
    ("tagging", b"a B-X\n\n" * 9, "has 9 sentences with 9 entities; expected at least 50"),
    ("tagging", b"a B-X\n\nb O\nc\n\n", "line 4: 'c' has no tag; expected"),
    ("tagging", b"a B-X\n\nb Q-X\n", "in the sentence of line 3: "),
    ("tagging", b"a B-X\n" * 301, "line 1: a sentence of 301 tokens; expected at most 300"),
    ("summarization", b"a\nb. c.", "is no folder; expected one with a text file for each"),
    ("music", b"", "is no folder; expected one with a MIDI or MusicXML file for each piece"),
    ("video", b"file,label\n1.csv,a\n", "has 1 series, 1 different labels and 1 people"),
    ("video", b"file,name\n1.csv,a\n", "no column 'label'"),
    ("captioning", b"file,text\nx.png,fine", "line 2: there is no file 'x.png'; its path must"),
    ("captioning", b"file,text\nmine.csv,fine", "mine.csv is no picture that can be read"),
    ("captioning", b"file,text\n,fine\nx.png,", "has 0 pictures with a description; expected"),
    ("captioning", b"a,b\nx," + b"y" * 301, "line 2: a text of 301 characters; expected at most"),
    ("poetry", b"", "mine.csv is empty"),
    ("poetry", b"a\nb\n\nc\nd\n", "has 2 different poems of two lines or more"),
    ("poetry", b"a\nb\n\n" * 99, "has 1 different poems of two lines or more"),
    ("poetry", b"a\nb\n", "has 0 different poems of two lines or more"),
    ("poetry", b"a\n" * 1001 + b"\nx\ny", "the longest with 2001 characters; expected"),
    ("timeseries", b"when,sold\n2020-01,\n2020-02,", "has 0 values"),
    ("timeseries", b"when,sold\n2020-01,5", "has 1 values, 1 different ones; expected at least 60"),
    ("timeseries", ("when,sold\n" + "\n".join(f"{m},5" for m in MONTHS)).encode(),
     "has 160 values, 1 different ones"),
    ("timeseries", f"when,sold\n{GOOD_ROWS}\n2014-01,many".encode(), "162: 'many' is no number"),
    ("timeseries", f"when,sold\n{GOOD_ROWS}\n2014-01,inf".encode(), "162: 'inf' is infinite"),
    ("timeseries", f"when,sold\n{GOOD_ROWS}\n31.01.2014,3".encode(), "'31.01.2014' is no date"),
    ("timeseries", f"when,sold\n{GOOD_ROWS}\n2014-02-30,3".encode(), "162: '2014-02-30' is no"),
    ("timeseries", f"when,sold\n{GOOD_ROWS}\n2000-01,3".encode(), "line 162: a second value"),
    ("timeseries", f"when,sold\n{GOOD_ROWS}\n,3".encode(), "line 162: '' is no date"),
    ("timeseries", f"when,sold\n{GOOD_ROWS}\n2900-01,3".encode(), "most would be empty"),
    ("timeseries", f"when,sold\n{GOOD_ROWS}".encode(), "past repeats itself exactly"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "sentence"), BAD)
def test_bad_input_is_a_sentence_and_writes_nothing(capsys, tmp_path, name, content, sentence):
    file = tmp_path / "mine.csv"
    file.write_bytes(content)
    said = refused(capsys, name, file)
    assert sentence in said
    assert "mine.csv" in said or "past repeats" in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_not_there_or_no_model(capsys, tmp_path, name):
    assert "nowhere.csv cannot be read" in refused(capsys, name, tmp_path / "nowhere.csv")
    assert "nowhere.npz" in refused(capsys, name, tmp_path / "nowhere.npz")
    (tmp_path / "mine.npz").write_bytes(b"PK")
    assert "no model that train.save wrote" in refused(capsys, name, tmp_path / "mine.npz")
    train.save(tmp_path / "mine.npz", {"b": np.zeros(2)})
    assert "saved by another program" in refused(
        capsys, name, tmp_path / "mine.npz", *(["--say", "x"] if name == "sentiment" else [])
    )


def test_a_period_or_horizon_that_does_not_fit(capsys, tmp_path):
    file = series(tmp_path, MONTHS, wave(160, 12))
    for option in ("--period", "--horizon"):
        for value in (90, -1):
            assert "160 steps do not allow" in refused(capsys, "timeseries", file, option, value)
    assert "share" in refused(capsys, "timeseries", file, "--share", 2)
    assert not (tmp_path / "mine-model.npz").exists()


def test_from_the_command_line(tmp_path):
    """The exit code and the sentence, of a program that was downloaded somewhere."""
    program = tmp_path / "language_model.py"
    program.write_bytes((PROGRAMS / program.name).read_bytes())
    (tmp_path / "mine.txt").write_text("short", encoding="utf-8")
    done = subprocess.run([sys.executable, program.name, "mine.txt"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 2
    assert "mine.txt has 5 characters" in done.stderr
    assert not done.stdout
