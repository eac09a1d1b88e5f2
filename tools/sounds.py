"""Makes the table of the sounds of Chinese characters, ``rnncourse/nlp/sounds.txt``.

    python -m tools.sounds

The characters are those of GB 2312 and, from EXTRA, some of old verse that it lacks. From the
packages tshet-uinh (all entries of the rhyme book Guangyun of 1008), OpenCC (which traditional
characters a simplified one stands for) and pypinyin (modern readings): the packages are needed
to make the table, not to use it. Guangyun's 206 rhymes are merged into the 106 of the books that
poets used later (Pingshui, 1252), as textbooks of Chinese phonology do.
"""

import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

TARGET = Path(__file__).parents[1] / "rnncourse" / "nlp" / "sounds.txt"

# By tone: the 106 rhymes, each with those of Guangyun that it holds unless that is itself alone.
MERGED = {
    "平": "東 冬:冬鍾 江 支:支脂之 微 魚 虞:虞模 齊 佳:佳皆 灰:灰咍 真:真諄臻 文:文欣 "
    "元:元魂痕 寒:寒桓 刪:刪山 先:先仙 蕭:蕭宵 肴 豪 歌:歌戈 麻 陽:陽唐 庚:庚耕清 青 "
    "蒸:蒸登 尤:尤侯幽 侵 覃:覃談 鹽:鹽添嚴 咸:咸銜凡",
    "上": "董 腫 講 紙:紙旨止 尾 語 麌:麌姥 薺 蟹:蟹駭 賄:賄海 軫:軫準 吻:吻隱 阮:阮混很 "
    "旱:旱緩 潸:潸產 銑:銑獮 筱:篠小 巧 皓:晧 哿:哿果 馬 養:養蕩 梗:梗耿靜 迥:迥拯等 "
    "有:有厚黝 寢:寑 感:感敢 儉:琰忝儼 豏:豏檻范",
    "去": "送 宋:宋用 絳 寘:寘至志 未 御 遇:遇暮 霽:霽祭 泰 卦:卦怪夬 隊:隊代廢 震:震稕 "
    "問:問焮 願:願慁恨 翰:翰換 諫:諫襇 霰:霰線 嘯:嘯笑 效 號:号 箇:箇過 禡 漾:漾宕 "
    "敬:映諍勁 徑:徑證嶝 宥:宥候幼 沁 勘:勘闞 豔:豔㮇釅 陷:陷鑑梵",
    "入": "屋 沃:沃燭 覺 質:質術櫛 物:物迄 月:月沒 曷:曷末 黠:黠鎋 屑:屑薛 藥:藥鐸 陌:陌麥昔 "
    "錫 職:職德 緝 合:合盍 葉:葉怗業 洽:洽狎乏",
}  # fmt: skip
# Other forms of characters of GB 2312, which OpenCC leaves as they are.
VARIANTS = (
    "疎疏 鴈雁 劒剑 猨猿 遶绕 簷檐 鬬斗 蘂蕊 堦阶 徧遍 慙惭 櫂棹 毬球 棃梨 谿溪 嬾懒 斾旆 "
    "妬妒 桮杯 幷并 鏁锁 呌叫 媿愧 竝并 巵卮 煖暖 廻回 鼇鳌 壻婿 牋笺 僊仙 鵶鸦 麤粗 暎映 "
    "帬裙 髪发 隄堤 飜翻 栢柏 粧妆 擡抬 缾瓶 趂趁 隣邻 逈迥 秪只 秖只 祇只 歛敛 覩睹 罇樽 "
    "檝楫 顦憔 顇悴 荅答 讐仇 燄焰 碁棋 蔕蒂 筯箸 盌碗 椀碗 邨村 臯皋 汚污 牕窗 窓窗 輭软 "
    "鸎莺 効效 勅敕 悮误 虵蛇 穉稚 旛幡 窻窗 衞卫 袴裤 徃往 姪侄 怱匆 揜掩 憀聊 擪按 鵾鹍 "
    "挼挪 汙污 瞋嗔 懃勤 慇殷 彊强 髣仿 髴佛 嵒岩 畧略 緜绵 塲场 懽欢 胷胸 羗羌 碪砧 澁涩 "
    "霤溜 烝蒸 箒帚 鰕虾 蜨蝶 蹔暂 臝裸 欵款 轝舆 瀰弥 篴笛 嚬颦 賸剩 蠭蜂"
)
EXTRA = (
    "褭珮姮蓂湲秾醿鹓斝骎箓鹢縠𬬻遰醁甃裛浥榼玕鲙狖飏醽鸰亸飖醆飐珰鴂忺涴筿罥纻裀皪閟釂珪鸰羇窣幰晞磻愔撚"
    "翛窅畬琯摛欸泬釭濩鹡臞籥扆蒨刬曈坰䴔䴖藂旐螀搘赪鞞鷃滪轓铓旟饤颙鋋崄昽灺蕚祐薝攲敧枿囷揾泚椶搢荄浐鹥"
    "勍屧飔朅巉巇蕣鄠歘毶僽糵璈琤艎襜僛滉旻犂矻酺瀼敻鲊酂菼噀翚鳣蛬笮帘箨舂逋"
)
# Characters with a reading that Guangyun has but verse does not use, by the author's judgement: in
# the even places of Tang quatrains, where tones alternate, they stand as those with one reading do.
ONLY_LEVEL = (
    "风何如生三回烟深闲犹能同光松离轻唯留沙吟临经苍才莲凉伤缘偏弦征狂荒劳迎钱齐摇毛抛帆兼荷笼蒙寥题栽精"
    "收张裁封牵参穿零妃娇堤疏鸿潭蛾沾滩驱潜莱饶虫霓铺袍舆敲陈汀披"
)
ONLY_OBLIQUE = "不与若梦共著洞折且冷种渐卷罢枕但院要比句羡了尚扇泛咽请堕恶料献脸荡丽澹占县浅"
# Characters that Guangyun has under other forms, or that are younger, with their rhymes.
ADDED = (
    "间删 间谏 魂元 鞍寒 潇萧 韩寒 联先 着药 髭支 嫦阳 匝合 煮语 玳队 迤纸 淘豪 鸶支 拆陌 "
    "琉尤 皓皓 姮蒸 撑庚 烹庚 腮灰 耗号 倘养 蝴虞 享养 爷麻 匆东 潏屑 拽屑 扼陌 葡虞 柿纸 "
    "泼曷 鹍元 啼齐 镕冬 赚陷 琶麻 芭麻"
)


def characters() -> list[str]:
    """GB 2312's 6,763 in their order, then those of EXTRA, each once."""
    found: dict[str, None] = {}
    for row in range(0xB0, 0xF8):
        for column in range(0xA1, 0xFF):
            found[bytes([row, column]).decode("gb2312", "ignore")] = None
    found |= dict.fromkeys(EXTRA)
    return [character for character in found if character]


@cache
def opencc(name: str) -> dict[str, list[str]]:
    """A dictionary of OpenCC: character → what it may become, the likeliest first."""
    spec = find_spec("opencc")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the table of sounds is made with the package opencc")
    inside = Path(spec.origin).parent / "clib"
    with TemporaryDirectory() as folder:
        text = Path(folder) / "text"
        source = inside / "share" / "opencc" / f"{name}.ocd2"
        command = [
            inside / "bin" / "opencc_dict",
            "-i",
            source,
            "-o",
            text,
            "-f",
            "ocd2",
            "-t",
            "text",
        ]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        rows = [line.split("\t") for line in text.read_text("utf-8").splitlines()]
    return {row[0]: row[1].split() for row in rows if len(row) == 2}


@cache
def simplified() -> dict[str, str]:
    """Other forms of the table's characters, traditional ones first of all → simplified."""
    known = set(characters())
    found: dict[str, str] = {}
    for name in ("TSCharacters", "TSCharactersExt"):
        for old, new in opencc(name).items():
            if len(old) == 1 and new[0] in known and old not in known:
                found[old] = new[0]
    pairs = {pair[0]: pair[1] for pair in VARIANTS.split()}
    return found | {old: new for old, new in pairs.items() if new in known and old not in known}


@cache
def guangyun() -> dict[str, list[str]]:
    """Character → its rhymes in Guangyun, in the book's order, each once."""
    from tshet_uinh import 資料
    from tshet_uinh.data import 廣韻impl

    found: dict[str, dict[str, None]] = defaultdict(dict)
    for entries in 廣韻impl.by原書小韻.values():
        for entry in entries:
            found[entry.字頭][entry.韻目原貌] = None
    for character in ("忘", "韻"):  # which the package has from an older book
        for result in 資料.query字頭(character):
            found[character][result.來源.韻目] = None
    return {character: list(rhymes) for character, rhymes in found.items()}


@cache
def rhyme_of() -> dict[str, str]:
    """Rhyme of Guangyun → that of the 106, by its simplified name."""
    found: dict[str, str] = {}
    for groups in MERGED.values():
        for group in groups.split():
            name, _, members = group.partition(":")
            found |= dict.fromkeys(members or name, plain(name))
    return found


def plain(character: str) -> str:
    return opencc("TSCharacters").get(character, [character])[0]


def older(character: str) -> list[str]:
    """The forms under which Guangyun may have it; where none of them is there, its variants."""
    forms = opencc("STCharacters").get(character, [character])
    if any(form in guangyun() for form in forms):
        return forms
    others = [character, *(old for old, new in simplified().items() if new == character)]
    taiwan = opencc("TWVariants")
    back = {new[0]: old for old, new in taiwan.items()}
    return others + [back[form] for form in forms if form in back]


def rhymes(character: str) -> list[str]:
    """Its rhymes of the 106, without the readings that verse does not use."""
    found: dict[str, None] = {}
    for form in older(character):
        found |= dict.fromkeys(rhyme_of()[rhyme] for rhyme in guangyun().get(form, ()))
    found |= dict.fromkeys(pair[1] for pair in ADDED.split() if pair[0] == character)
    level = {plain(group[0]) for group in MERGED["平"].split()}
    if character in ONLY_LEVEL:
        return [rhyme for rhyme in found if rhyme in level]
    if character in ONLY_OBLIQUE:
        return [rhyme for rhyme in found if rhyme not in level]
    return list(found)


@cache
def spoken() -> dict[str, Counter]:
    """Character → its readings in pypinyin's phrases, counted."""
    from pypinyin.phrases_dict import phrases_dict

    found: dict[str, Counter] = defaultdict(Counter)
    for phrase, readings in phrases_dict.items():
        if len(phrase) == len(readings):
            for character, reading in zip(phrase, readings, strict=True):
                found[character][reading[0]] += 1
    return found


def modern(character: str) -> list[str]:
    """Final and tone of its modern readings: the usual one, then those that phrases have.

    "-i" is the vowel of zhi and of zi; the neutral tone, 0, only where there is no other.
    """
    from pypinyin.pinyin_dict import pinyin_dict

    if ord(character) not in pinyin_dict:
        return []
    first, *others = pinyin_dict[ord(character)].split(",")
    kept = [first, *(reading for reading in others if spoken()[character][reading] > 1)]
    found = dict.fromkeys(final_and_tone(reading) for reading in kept)
    full = [sound for sound in found if sound[-1] != "0" and sound[:-1]]  # 嗯 has no final
    return full or [sound for sound in found if sound[:-1]]


def final_and_tone(reading: str) -> str:
    """ "yán" → "ian2"."""
    from pypinyin.contrib.tone_convert import to_finals, to_tone3

    tone = to_tone3(reading, neutral_tone_with_five=True)[-1]
    if reading[0] in "zcsr" and to_finals(reading, strict=True) == "i":
        final = "-i"
    else:
        final = to_finals(reading, strict=True).replace("v", "ü")
    return final + (tone if tone in "1234" else "0")


def lines(wanted: Iterable[str]) -> list[str]:
    """The table: after each rhyme and each modern sound its characters; then pairs of forms."""
    by_rhyme: dict[str, str] = defaultdict(str)
    first: dict[str, str] = defaultdict(str)
    also: dict[str, str] = defaultdict(str)
    for character in wanted:
        for rhyme in rhymes(character):
            by_rhyme[rhyme] += character
        for k, sound in enumerate(modern(character)):
            (also if k else first)[sound] += character
    rows = []
    for tone, groups in MERGED.items():
        for group in groups.split():
            name = plain(group[0])
            rows.append(f"{tone} {name} {by_rhyme[name]}")
    rows += [f"modern {sound} {first[sound]}" for sound in sorted(first)]
    rows += [f"also {sound} {also[sound]}" for sound in sorted(also)]
    pairs = "".join(old + new for old, new in sorted(simplified().items()) if new in set(wanted))
    return [*rows, f"forms - {pairs}"]


def main() -> None:
    TARGET.write_text("\n".join(lines(characters())) + "\n", encoding="utf-8")
    print(f"wrote {TARGET} ({TARGET.stat().st_size / 1024:.0f} KB)")


if __name__ == "__main__":
    main()
