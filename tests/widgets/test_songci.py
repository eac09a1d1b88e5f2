"""Songs to a tune: forms and rhymes by hand, what the masks promise, what is refused."""

import json
import re

import numpy as np
import pytest

from rnncourse import data
from rnncourse.widgets import poet, songci

# Yan Shu's Huanxisha, and Li Bai's (as ascribed) Pusaman, of which the rhyme changes four times.
SPRING = re.findall(
    r"\w+",
    "一曲新词酒一杯。去年天气旧亭台。夕阳西下几时回。无可奈何花落去，似曾相识燕归来。"
    "小园香径独徘徊。",
)
FOREST = re.findall(
    r"\w+",
    "平林漠漠烟如织。寒山一带伤心碧。暝色入高楼。有人楼上愁。玉阶空伫立。宿鸟归飞急。"
    "何处是归程。长亭更短亭。",
)


@pytest.fixture(scope="module")
def songs():
    return songci.load("ci")


def uniform(seed):
    return np.random.default_rng(seed).random


# --- forms ------------------------------------------------------------------------------------


def test_forms_are_those_of_the_tunes(songs):
    assert len(songs.forms) == 12
    form = songs.forms["浣溪沙"]
    assert form.lengths == [7] * 6
    assert form.stops == ["。", "。", "。", "，", "。", "。"]
    assert form.groups == [[0, 1, 2, 4, 5]]
    assert (form.group(3), form.group(4)) == (None, 0)
    assert songs.forms["菩萨蛮"].groups == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert songs.forms["西江月"].turned == {3, 7}
    places = {tune: sum(form.lengths) for tune, form in songs.forms.items()}
    known = {"浣溪沙": 42, "水调歌头": 95, "菩萨蛮": 44, "满江红": 93, "念奴娇": 100, "沁园春": 114,
             "蝶恋花": 60, "点绛唇": 41, "西江月": 50}  # fmt: skip
    assert {tune: places[tune] for tune in known} == known


# --- rhymes -----------------------------------------------------------------------------------


def test_rhymes_join_today_s_finals_with_old_tones(songs):
    assert songs.rhymes("台") == songs.rhymes("来") == songs.rhymes("臺") == {"开平"}
    assert songs.rhymes("月") == {"皆仄"}
    assert songs.rhymes("月", turned=True) == {"皆平"}
    assert songs.rhymes("☺") == set()


def test_songs_are_judged_by_hand(songs):
    found = songs.judge("浣溪沙", SPRING)
    assert found.words == [["杯", "台", "回", "来", "徊"]]
    # One rhyme in the Song, two in today's Mandarin: ai and uai, ei and ui.
    assert found.rhymes == [[]]
    assert found.share == 0.6
    found = songs.judge("菩萨蛮", FOREST)
    assert found.words[1] == ["楼", "愁"]
    assert found.rhymes[1] == ["尤平"]
    assert found.rhymes[2] == ["齐仄"]
    assert found.rhymes[3] == ["庚平"]
    assert found.doubled == []
    twice = songs.judge("菩萨蛮", [*FOREST[:3], "有人高上楼", *FOREST[4:]])
    assert twice.doubled == ["楼"]
    assert not twice.lawful


def test_a_turned_tone_is_asked_for_in_its_place(songs):
    ends = dict(zip(songs.forms["西江月"].groups[0], "天年见前边面", strict=True))
    lines = [
        "一" * (n - 1) + ends.get(k, "一") for k, n in enumerate(songs.forms["西江月"].lengths)
    ]
    found = songs.judge("西江月", lines)
    assert found.rhymes == [["寒平"]]
    assert found.lawful
    lines[3] = lines[3][:-1] + "边"
    assert not songs.judge("西江月", lines).rhymes[0]


# --- what it writes ---------------------------------------------------------------------------


def test_all_rules_hold_in_all_songs(songs):
    for k, (tune, form) in enumerate(songs.forms.items()):
        song = songs.write(tune, tau=1.0, uniform=uniform(k))
        assert re.sub(r"\w", "x", str(song)) == form.skeleton
        assert song.verdict.lawful
        assert song.verdict.share == 1
        assert set(str(song)) <= set(songs.tokens) - {"□"}
        assert 0 < song.cost < -song.log_prob


def test_without_rhyme_the_form_is_kept_alone(songs):
    found = [songs.write("浣溪沙", rules=(), uniform=uniform(seed)) for seed in range(4)]
    assert any(not song.verdict.lawful for song in found)
    greedy = [songs.write("浣溪沙", rules=rules, tau=0) for rules in ((), songci.RULES)]
    assert greedy[0].cost < greedy[1].cost


def test_beginning_stands_where_it_belongs(songs):
    song = songs.write("水调歌头", "明月几时有？把酒問青天。", uniform=uniform(0))
    assert song.lines[:2] == ["明月几时有", "把酒问青天"]
    assert song.verdict.rhymes == [["寒平"]]
    # What is given is not paid for: the last character alone has a price, and stop and end.
    song = songs.write("点绛唇", "春" * 40, rules=(), tau=0)
    assert [len(line) for line in song.lines] == songs.forms["点绛唇"].lengths
    assert song.log_prob > -25
    # Nor are given lines the network's own.
    assert songs.write("浣溪沙", "".join(SPRING[:5]), tau=0).verdict.run < 7


def test_a_word_without_rhyme_leaves_the_choice_to_the_next(songs):
    song = songs.write("浣溪沙", "春风春水春山囧", uniform=uniform(3))
    rest = [songs.rhymes(word) for word in song.verdict.words[0][1:]]
    assert set.intersection(*rest)
    assert song.verdict.rhymes == [[]]


def test_a_rhyme_that_is_used_up_is_dropped(songs):
    every = [sign for sign in songs.tokens if poet.han(sign)]
    assert songs.allowed(set(), False, []).sum() == len(every)
    wanted = songs.allowed({"开平"}, False, ["台"])
    ends = {sign for sign, fits in zip(songs.tokens, wanted, strict=False) if fits}
    assert "来" in ends
    assert "台" not in ends
    assert wanted.size == len(songs.tokens) + 12
    turned = songs.allowed({"寒平"}, True, [])
    assert all("寒仄" in songs.rhymes(songs.tokens[k]) for k in np.flatnonzero(turned))
    assert "皆平" not in songs.begun(songs.forms["浣溪沙"], 0)  # nine characters
    assert "皆仄" in songs.begun(songs.forms["浣溪沙"], 0)
    assert "皆仄" not in songs.begun(songs.forms["西江月"], 0)


def test_same_numbers_same_song(songs):
    one, two, other = (str(songs.write("点绛唇", uniform=uniform(s))) for s in (3, 3, 4))
    assert one == two != other


def test_wrong_orders_are_named(songs):
    with pytest.raises(KeyError, match="expected one of 浣溪沙"):
        songs.write("如梦令", tau=0)
    with pytest.raises(ValueError, match=r"beginning has \['a'\]; expected Chinese"):
        songs.write("浣溪沙", "春a", tau=0)
    with pytest.raises(ValueError, match="42 characters; expected fewer than the 42 of 浣溪沙"):
        songs.write("浣溪沙", "春" * 42, tau=0)
    with pytest.raises(ValueError, match=r"rules is \['tones'\]"):
        songs.write("浣溪沙", rules=("tones",), tau=0)
    for tau in (-1, float("nan"), 0.8):
        with pytest.raises(ValueError, match="expected 0, or above it"):
            songs.write("浣溪沙", tau=tau)


# --- the page and the record ----------------------------------------------------------------------


def test_page_gets_tunes_and_a_song():
    shown = poet.show("poems", "zh", ["春夏秋冬"], songs="ci")
    assert repr(shown).splitlines()[1].startswith("浣溪沙: ")
    place = dict(re.findall(r'data-(\w+)="([^"]*)"', shown._repr_html_()))
    assert place["songs"] == "ci"
    assert json.loads(place["tunes"].replace("&quot;", '"'))[1] == "水调歌头"
    assert int(place["songkilobytes"]) <= 300
    assert "songs" not in poet.show("poems", "zh", ["春夏秋冬"]).place


def test_recorded_network_keeps_its_budget_and_says_what_was_measured():
    network = data.recorded("live_ci")["network"]
    assert songci.size(network) <= 300_000
    assert len(network["tokens"]) <= 2002
    record = data.recorded("real_live_ci")
    assert record["loaded"] == songci.size(network)
    kinds = record["kinds"]
    for name in ("form", "form, rhyme"):
        assert kinds[name]["form"]["mean"] == 1
    assert kinds["form, rhyme"]["lawful"]["mean"] == 1
    assert kinds["free"]["form"]["mean"] < 0.5 < kinds["real"]["form"]
    assert kinds["form"]["rhyme"]["mean"] < kinds["real"]["rhyme"] < 1
    assert kinds["form, rhyme"]["cost"]["mean"] > kinds["form"]["cost"]["mean"] > 0
