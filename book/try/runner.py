"""Runs a reader's code in the page: what it prints, what it raises, what `check` says of it.

`run` and `check` are called by worker.js; `exercise` is what tools/site/pyodide.py has written,
and `send` takes what is to be shown, as ("text" or "html", the text).
"""

import ast
import importlib.util
import linecache
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType

NAME = "<your code>"  # the file's name that Python gives the reader's lines
MOST = 50_000  # characters shown of one run
PAUSE = 0.1  # seconds between two messages to the page
WORDS = {
    "en": {
        "line": "line {}, in {}:",
        "module": "your code",
        "syntax": "line {}:",
        "cut": "\n… Only the first {} characters are shown; your code printed more.\n",
        "missing": "Your code has no function {}, so there is nothing to check.",
        "absent": "{} is not loaded in the page; this line runs where the whole chapter runs",
    },
    "zh": {
        "line": "第 {} 行，{}：",
        "module": "你的代码",
        "syntax": "第 {} 行：",
        "cut": "\n…… 只显示前 {} 个字符，后面的输出略去。\n",
        "missing": "代码里没有函数 {}，无法检查。",
        "absent": "网页里没有装载 {}，运行整章时才能用这一行",
    },
}


class Output:
    """Stands for stdout and stderr; passes on what is not too much, a piece at a time."""

    def __init__(self, send, language):
        self.send, self.words = send, WORDS[language]
        self.waiting, self.room, self.sent = [], MOST, time.monotonic()

    def write(self, text):
        """Take text to show; return its length, as a file does."""
        text = str(text)
        if self.room > 0:
            self.waiting.append(text[: self.room])
            self.room -= len(text)
            if self.room < 0:
                self.waiting.append(self.words["cut"].format(MOST))
            if time.monotonic() - self.sent > PAUSE:
                self.flush()
        return len(text)

    def flush(self):
        """Send what is waiting."""
        text = "".join(self.waiting).encode("utf-8", "replace").decode()  # half a surrogate pair
        self.waiting, self.sent = [], time.monotonic()
        if text:
            self.send("text", text)

    def isatty(self):
        return False

    def display(self, *things, raw=False):
        """IPython's `display`: the verdict of `check` is HTML, all else is text."""
        for thing in things:
            if raw and "text/html" in thing:
                self.flush()
                self.send("html", thing["text/html"][:MOST])
            else:
                print(thing.get("text/plain", "") if raw else repr(thing))


def stand_in(output):
    """The few names of IPython that the course's package asks for."""
    shell, display = ModuleType("IPython"), ModuleType("IPython.display")
    shell.get_ipython = lambda: shell
    shell.display = display
    display.display = output.display
    return {"IPython": shell, "IPython.display": display}


def write_to(output):
    """Have all that is printed and displayed go there."""
    sys.stdout = sys.stderr = output
    sys.modules.update(stand_in(output))


class Absent(ModuleType):
    """Stands for a module that the page does not have, or a name in it: says so where it is used.

    A chapter's first cell imports all that the chapter needs, most of which no cell to try uses.
    """

    def __init__(self, name, says):
        super().__init__(name)
        self.__dict__.update(__path__=[], says=says)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}", self.says)

    def __call__(self, *given, **named):
        raise ImportError(self.says.format(self.__name__))


def there(name):
    """Whether a module of this name can be imported."""
    try:
        return name in sys.modules or importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # what stands before its last dot is no package
        return False


def absent(code, says):
    """Stand-ins by name, for `sys.modules`: what this code imports and the page does not have."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names.update(part.name for part in node.names)
        elif isinstance(node, ast.ImportFrom):
            # The last part may be no module: then Python takes the name that it finds.
            names.update(f"{node.module}.{part.name}" for part in node.names)
    parts = [name.split(".") for name in names]
    whole = {".".join(part[: k + 1]) for part in parts for k in range(len(part))}
    return {name: Absent(name, says) for name in whole if not there(name)}


def prepare(code, words, names):
    """Run the cells before, in these names."""
    stand_ins = absent(code, words["absent"])
    sys.modules.update(stand_ins)
    try:
        exec(code, names)
    finally:
        for module in stand_ins:
            del sys.modules[module]


def explain(error, output):
    """Print the reader's own lines that led to an exception, and what it says."""
    words = output.words
    if isinstance(error, SyntaxError) and error.filename == NAME:
        print(words["syntax"].format(error.lineno))
        # Without Python's own first line, which names the file.
        print("".join(traceback.format_exception_only(error)).split("\n", 1)[1], end="")
        return
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == NAME]
    for frame in frames[-5:]:
        place = words["module"] if frame.name == "<module>" else frame.name
        print(words["line"].format(frame.lineno, place))
        print(f"    {frame.line}")
    print("".join(traceback.format_exception_only(error)), end="")


def execute(code, names):
    """Run the reader's lines as a cell: the value of a last expression is shown."""
    linecache.cache[NAME] = (len(code), None, code.splitlines(keepends=True), NAME)
    tree = ast.parse(code, NAME)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, NAME, "exec"), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), NAME, "eval"), names)
        if value is not None and not hasattr(value, "_ipython_display_"):
            print(repr(value))


def work(exercise, code, language, send, then=None):
    """Run the cells before and the reader's code in fresh names, then call `then` with these."""
    output = Output(send, language)
    kept = sys.stdout, sys.stderr
    names = {"__name__": "__main__"}
    try:
        write_to(Output(lambda *shown: None, language))  # the page shows it already
        prepare(exercise["before"], output.words, names)
        write_to(output)
        execute(code, names)
        return then(names, output) if then else None
    except BaseException as error:  # also SystemExit: the page goes on
        write_to(output)
        explain(error, output)
        return None
    finally:
        sys.stdout, sys.stderr = kept
        output.flush()


def run(exercise, code, language, send):
    """Run the reader's code."""
    work(exercise, code, language, send)


def check(exercise, code, language, send):
    """Run the reader's code and check it; return (points, of how many) or None."""

    def judge(names, output):
        import rnncourse.grading as grading

        folder = Path(grading.__file__).parent / "checks"
        folder.mkdir(exist_ok=True)
        (folder / f"{exercise['id']}.json").write_text(exercise["checks"], "utf-8")
        if exercise["function"] not in names:
            print(output.words["missing"].format(exercise["function"]))
            return None
        found = grading.check(exercise["id"], names[exercise["function"]])
        return found.points, found.max_points

    return work(exercise, code, language, send, judge)
