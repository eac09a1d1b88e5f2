"""The three cards of the first page: what a reader will have built, from what the course measured.

What a network wrote comes from a recorded run, what an exercise says from `check` itself. The
forecast is that of the page `timeseries`; its numbers are kept in forecast.json beside this file:

    python -m tools.site.cards      run the page's cells and write them, half a minute
"""

import contextlib
import io
import json
import re
import sys
from html import escape
from pathlib import Path

from rnncourse.grading.check import check
from rnncourse.grading.exercise import build, load, mutate, parse_notebook
from tools.exercises import read_solution
from tools.notebooks.store import code_cells, convert

ROOT = Path(__file__).resolve().parents[2]
FORECAST = Path(__file__).with_name("forecast.json")
SERIES = ("when", "low", "middle", "high", "actual")  # as the page `timeseries` calls them
EXERCISE, MUTANT, WRONG = "lstm_ex_01", "input-gate-missing", "c = f * c_prev + g"
TEMPERATURE = "0.5"
WORDS = {
    "en": {
        "writes": ("It writes", "A network read Shakespeare letter by letter and wrote this."),
        "forecasts": ("It forecasts", "Sunspots a year ahead, with the range to expect. Dots: what "
                      "was then measured."),
        "answers": ("It tells you why", "An exercise names the mistake in your equation, at once."),
    },
    "zh": {
        "writes": ("会写诗", "网络逐字读过唐人绝句，自己写出了这一首。"),
        "forecasts": ("会预测", "提前一年预测太阳黑子数，并给出范围。圆点是后来的实测值。"),
        "answers": ("会讲评", "练习当场指出你的式子错在哪一项。"),
    },
}  # fmt: skip
ALT = {
    "en": "Sunspots from 1959 to 2008: the forecast is a line in a band that rises and falls about "
    "every eleven years; most measured dots lie in the band, many of the highest above it.",
    "zh": "1959 到 2008 年的太阳黑子数：预测是一条折线，外面有一条带，大约每十一年起伏一次；"
    "实测的圆点大多落在带里，最高的许多点在带的上方。",
}
LINKS = {"writes": "language_model", "forecasts": "timeseries", "answers": "lstm"}
CHINESE = re.compile("[\u3400-\u9fff]")
LEFT, WIDTH, BOTTOM, HIGHEST, LOWEST = 8, 240, 170, 210, -20  # of the drawing
YEARS = 50  # the last ones: more would be a blur on a card


def record(name: str) -> dict:
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def written(language: str) -> list[str]:
    """The lines that a network wrote: the first two whole speeches, or the first poem."""
    if language == "zh":
        poem = record("real_tang")["samples"][TEMPERATURE][0]
        return re.findall(".+?[，。]", poem)
    sample = record("real_shakespeare")["samples"][TEMPERATURE]
    speeches = [part for part in sample.split("\n\n")[:-1] if re.match(r"[A-Z ]+:\n", part)]
    return "\n\n".join(speeches[:2]).splitlines()


def answered(language: str) -> list[str]:
    """What the exercise says to a wrong answer: the score, and what is wrong."""
    solution = ROOT / "solutions" / f"{EXERCISE.replace('_ex_', '_sol_')}.md"
    exercise = load(parse_notebook(read_solution(solution.read_text(encoding="utf-8"))))
    source = mutate(exercise, [MUTANT])
    if WRONG not in source:
        raise ValueError(f"{EXERCISE} no longer has the line {WRONG!r}")
    with contextlib.redirect_stdout(io.StringIO()):
        said = check(EXERCISE, build(exercise, source)).text.splitlines()
    own = [line for line in said if bool(CHINESE.search(line)) == (language == "zh")]
    return [line.strip() for line in own if line.strip()[0] in "✗→" and "[" not in line]


def run_forecast() -> dict[str, list[float]]:
    """Run the page's cells as far as its forecast with a range."""
    import matplotlib

    matplotlib.use("Agg")
    space: dict = {"__name__": "__main__"}
    for cell in code_cells(convert(ROOT / "book" / "en" / "timeseries.md")):
        exec(compile(cell.source, "timeseries", "exec"), space)
        if all(name in space for name in SERIES):
            return {name: [round(float(v), 1) for v in space[name]] for name in SERIES}
    raise ValueError(f"the page timeseries no longer has {', '.join(SERIES)}")


def drawing(label: str) -> str:
    """Return the forecast as SVG; its colours are the page's."""
    kept = json.loads(FORECAST.read_text(encoding="utf-8")).items()
    found = {name: values[-YEARS:] for name, values in kept}
    years = found["when"]

    def point(year: float, value: float) -> str:
        x = LEFT + (year - years[0]) / (years[-1] - years[0]) * (WIDTH - 2 * LEFT)
        return f"{x:.1f},{BOTTOM - (value - LOWEST) / (HIGHEST - LOWEST) * BOTTOM:.1f}"

    def points(name: str) -> list[str]:
        return [point(*pair) for pair in zip(years, found[name], strict=True)]

    band = " ".join([*points("low"), *reversed(points("high"))])
    dots = "".join("M{}h0".format(p.replace(",", " ")) for p in points("actual"))
    ticks = "".join(
        f'<text x="{point(year, 0).split(",")[0]}" y="{BOTTOM + 16}">{year}</text>'
        for year in range(1960, 2001, 20)
    )
    return (
        f'<svg class="forecast" viewBox="0 0 {WIDTH} {BOTTOM + 22}" role="img" '
        f'aria-label="{escape(label)}"><polygon points="{band}"/>'
        f'<polyline points="{" ".join(points("middle"))}"/><path d="{dots}"/>{ticks}</svg>'
    )


def picture(kind: str, language: str) -> str:
    if kind == "forecasts":
        return drawing(ALT[language])
    if kind == "writes":
        lines = [escape(line) for line in written(language)]
    else:
        score, *hints = map(escape, answered(language))
        lines = [f"<code>{WRONG}</code>", score, *(f"<b>{hint}</b>" for hint in hints)]
    return "<br>".join(lines)


def cards(language: str) -> str:
    """Return the row of cards as HTML, each a link to its chapter."""
    made = ""
    for kind, (head, caption) in WORDS[language].items():
        made += (
            f'<a class="course-card" href="{LINKS[kind]}.html">'
            f'<span class="course-card-{kind}"><span>{picture(kind, language)}</span></span>'
            f"<strong>{head}</strong> <small>{caption}</small></a>\n"
        )
    return f'<div class="course-cards">\n{made}</div>'


def main() -> int:
    with contextlib.redirect_stdout(io.StringIO()):
        found = run_forecast()
    lines = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(values)}" for name, values in found.items()
    )
    FORECAST.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
