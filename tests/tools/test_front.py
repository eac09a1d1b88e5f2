"""The front door: cards from what was measured, the course's time, README, the zip of the site."""

import importlib
import json
import re
import zipfile
from pathlib import Path

import pytest

from tools import set_repo
from tools.editions import checks, length
from tools.site import cards, take_along

ROOT = Path(__file__).resolve().parents[2]
MOST = 40_000  # bytes of a picture


# ---- the cards -----------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_card_shows_lines_that_a_network_wrote(language):
    """Whole lines of a recorded sample; no word is ours."""
    name = {"en": "real_shakespeare", "zh": "real_tang"}[language]
    samples = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text("utf-8"))["samples"]
    samples = samples[cards.TEMPERATURE]
    lines = cards.written(language)
    assert 4 <= len(lines) <= 8
    assert ("\n".join(lines) in samples) if language == "en" else ("".join(lines) == samples[0])


@pytest.mark.parametrize(
    ("language", "hint"),
    [("en", "forgets to multiply the candidate by the input gate"), ("zh", "没有乘以输入门")],
)
def test_a_card_shows_what_the_exercise_says(language, hint):
    score, said = cards.answered(language)
    assert score.startswith(f"✗ {cards.EXERCISE}")
    assert said.startswith("→")
    assert hint in said
    html = cards.cards(language)
    assert cards.WRONG in html
    assert said.removeprefix("→") in html


def test_a_card_for_an_exercise_that_has_changed_is_refused(monkeypatch):
    monkeypatch.setattr(cards, "WRONG", "c = f + g")
    with pytest.raises(ValueError, match="no longer has the line"):
        cards.answered("en")


def test_the_forecast_is_the_pages():
    """Run the page again: numbers that another processor may round otherwise."""
    kept = json.loads(cards.FORECAST.read_text(encoding="utf-8"))
    again = cards.run_forecast()
    assert list(kept) == list(again) == list(cards.SERIES)
    assert kept["when"] == again["when"]
    for name in cards.SERIES:
        assert kept[name] == pytest.approx(again[name], abs=2), name  # of some 200


@pytest.mark.parametrize("language", ["en", "zh"])
def test_cards_lead_to_chapters_and_are_light(language):
    html = cards.cards(language)
    links = re.findall(r'href="(\w+)\.html"', html)
    assert len(links) == 3
    assert set(links) <= set(checks.chapters(ROOT))
    assert cards.ALT[language] in html
    assert len(html.encode()) < MOST


# ---- words that are computed ---------------------------------------------------


@pytest.fixture
def front(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    return importlib.import_module("rnncourse_front")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_courses_time_is_that_of_its_pages(front, monkeypatch, language):
    monkeypatch.setattr(checks, "chapters", lambda root: ["a", "b", "c"])
    minutes = {"a": 40, "b": 61, "c": 25}
    monkeypatch.setattr(length, "measure", lambda root, lang, stem: length.Length(
        0, 0, 0, minutes[stem]))  # fmt: skip
    said = front.time_needed(ROOT, language)
    assert re.findall(r"\d+", said) == ["3", "2", "25", "61"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_first_click_names_its_chapter(front, language):
    html = front.start(ROOT, language)
    for stem in (front.FIRST, front.WITH_NUMPY):
        heading = re.search(
            r"^# (.+)$", (ROOT / f"book/{language}/{stem}.md").read_text("utf-8"), re.M
        )
        assert re.search(rf'href="{stem}\.html">[^<]*{re.escape(heading[1])}', html)
    assert 'id="course-go-on" hidden' in html


def test_readme_has_pictures_for_both_themes_and_says_what_they_show():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    raw = set_repo.repository_url(ROOT).replace("github.com", "raw.githubusercontent.com")
    pictures = re.findall(r'(?:src|srcset)="([^"]+)"', text)
    assert len(pictures) == 2
    for picture in pictures:
        assert picture.startswith(f"{raw}/main/"), "PyPI shows README too, without the repository"
        assert (ROOT / picture.removeprefix(f"{raw}/main/")).stat().st_size <= MOST
    assert all(len(alt) > 40 for alt in re.findall(r"<img[^>]* alt=\"([^\"]*)\"", text))
    assert text.count("<img") == text.count(" alt=") == 1


# ---- the zip -------------------------------------------------------------------

FRONT = f"a {take_along.OPENING}<p>zip, {take_along.SIZE}</p>{take_along.CLOSING} b"


@pytest.fixture
def site(tmp_path):
    for name, content in {
        "index.html": "landing", "en/index.html": FRONT, "zh/index.html": FRONT,
        "en/rnn.html": "page", "en/_images/a.png": "picture", ".nojekyll": "",
        "404.html": "", "sitemap.xml": "",
    }.items():  # fmt: skip
        file = tmp_path / "site" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return tmp_path / "site"


def test_the_zip_holds_the_site_without_itself_and_is_the_same_each_time(site):
    take_along.add_zip(site)
    file = site / "rnncourse-site.zip"
    with zipfile.ZipFile(file) as archive:
        found = {info.filename: archive.read(info).decode() for info in archive.infolist()}
        assert {info.date_time for info in archive.infolist()} == {take_along.DATE}
    assert found == {f"rnncourse-site/{name}": content for name, content in {
        "index.html": "landing", "en/index.html": "a  b", "zh/index.html": "a  b",
        "en/rnn.html": "page", "en/_images/a.png": "picture"}.items()}  # fmt: skip
    assert (site / "en/index.html").read_text("utf-8") == FRONT.replace(take_along.SIZE, "0 MB")
    first = file.read_bytes()
    for name in ("en", "zh"):
        (site / name / "index.html").write_text(FRONT, encoding="utf-8")
    file.unlink()
    (site / "en/rnn.html").touch()
    take_along.add_zip(site)
    assert file.read_bytes() == first
