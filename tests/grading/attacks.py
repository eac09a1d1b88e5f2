"""Hostile and broken notebooks, each with a wrong solution: a table for test_attacks.py.

Words between @ signs are replaced by paths and numbers of the machine that tests. A *probe*
appends to `found` what it obtained; an empty list means that the grader held.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

BWRAP, USER, SAME, LIMITS = MODES = ("bubblewrap", "own user", "same user", "limits only")
# Whatever this starts bears a name by which a survivor is found.
IMPORT = "import ctypes, os, sys\nimport numpy as np\nctypes.CDLL(None).prctl(15, b'@MARKER@')\n"
ZEROS = "def rnn_step(x, h, W_x, W_h, b):\n    return np.zeros((len(x), len(b)))\n"
RIGHT = "def rnn_step(x, h, W_x, W_h, b):\n    return np.tanh(x @ W_x + h @ W_h + b)\n"
REPORT = "def rnn_step(*a):\n    raise RuntimeError('found ' + repr(found))\n"
HELD, THROUGH = r"found \[\]", r"found \[.+\]"
WRONG = r"^h\[\d, \d\] is"


@dataclass(frozen=True)
class Attack:
    """One submission and what the row must say.

    `said` holds in every mode but those of `through`, where the attack is known to get
    through and the reason matches that instead; in the modes of `maybe` either may happen,
    by the machine. `wins`: the modes in which it earns points, which only `--unconfined` allows.
    `then` is a second submission, which looks for what the first has left.
    """

    name: str
    group: str
    cells: tuple[str, ...]
    said: str
    through: dict[str, str] = field(default_factory=dict)
    maybe: tuple[str, ...] = ()
    wins: tuple[str, ...] = ()
    then: str = ""
    wall: float = 15.0
    exercise: object = "rnn_ex_01"
    raw: bytes | None = None

    def __str__(self) -> str:
        return self.name


def probe(name, group, code, through=(LIMITS,), maybe=(), then="") -> Attack:
    """An attack that reports what it obtained; with `then`, what it left for the next one."""
    cells = (IMPORT, "found = []\n" + code, REPORT)
    return Attack(name, group, cells, HELD, dict.fromkeys(through, THROUGH), maybe, then=then)


def wrong(name, group, code, said=WRONG, wall=15.0) -> Attack:
    """Wrong code that must be found wrong in every mode."""
    return Attack(name, group, (IMPORT, code), said, wall=wall)


def call(name, group, body, said, wall=15.0) -> Attack:
    """A function with this body; every mode must say the same of it."""
    return wrong(name, group, f"def rnn_step(x, h, W_x, W_h, b):\n    {body}\n", said, wall)


def tries(*lines: str, errors: str = "OSError") -> str:
    """Each line in a `try`: one refusal must not hide what the next would obtain."""
    return "\n".join(f"try:\n    {line}\nexcept {errors}:\n    pass" for line in lines)


# --- answers taken -------------------------------------------------------------------------

COPIED = """
def rnn_step(x, h, W_x, W_h, b):
    return cells.rnn_step(x, h, {"W_x": W_x, "W_h": W_h, "b": b})[0]
"""
LAYER = """
from rnncourse.nn import recurrent
def rnn_step(x, h, W_x, W_h, b):
    return recurrent.rnn_forward(x[:, None], h, {"W_x": W_x, "W_h": W_h, "b": b})[0][:, 0]
"""
OTHER_COPY = """
sys.path.insert(0, "@ROOT@")
for name in [name for name in sys.modules if name.startswith("rnncourse")]:
    del sys.modules[name]
from rnncourse.nn import cells
"""
SOLUTION = """
import json
cells = json.load(open("@SOLUTIONS@/rnn_sol_01.ipynb"))["cells"]
for cell in cells:
    source = "".join(cell["source"])
    if "# BEGIN SOLUTION" in source and cell["cell_type"] == "code":
        exec(source)
"""
SEARCH = """
import gc
for thing in gc.get_objects():
    try:
        if isinstance(thing, dict):
            found += [k for k in ("expected", "mutants", "tolerance", "seed") if k in thing]
        if getattr(thing, "__name__", "") == "Case":
            found.append("Case")
    except Exception:
        pass
"""
FRAMES = """
frame = sys._getframe()
while frame:
    for space in (frame.f_locals, frame.f_globals):
        found += [k for k in ("expected", "mutants", "rules", "seed", "cases") if k in space]
    frame = frame.f_back
"""
WITHHELD_SOURCE = """
import inspect, linecache, glob
from rnncourse.nn import cells
texts = [inspect.getsource(cells.rnn_step), "".join(linecache.getlines(cells.__file__))]
for file in glob.glob(os.path.dirname(cells.__file__) + "/**/*cells*", recursive=True):
    texts.append(open(file, "rb").read().decode("latin-1"))
found += [k for k, text in enumerate(texts) if "tanh(x @ W_x" in text or "tanh(x_t W_x" in text]
"""
ANSWERS = [
    wrong("import the withheld function", "answers", "from rnncourse.nn import cells" + COPIED,
          r"cells\.rnn_step is withheld"),
    wrong("import the layer that contains the step", "answers", LAYER,
          r"recurrent\.rnn_forward is withheld"),
    wrong("import torch", "answers", "import torch\n" + RIGHT.replace("np.tanh", "torch.tanh"),
          "No module named 'torch'"),
    wrong("import keras", "answers", "import keras\n" + RIGHT.replace("np.tanh", "keras.ops.tanh"),
          "No module named 'keras'"),
    Attack("import another copy of the package by its path", "answers",
           (IMPORT, OTHER_COPY + COPIED), "does not define|cannot import|withheld|PermissionError",
           {LIMITS: "full marks"}, wins=(LIMITS,)),
    Attack("take the solution from the teacher's folder", "answers", (IMPORT, SOLUTION),
           "does not define the function rnn_step;.*(FileNotFound|Permission)Error",
           {LIMITS: "full marks"}, wins=(LIMITS,)),
    probe("add every site-packages to the path", "answers", """
import glob
sys.path += glob.glob("@PACKAGES@")
""" + tries("import yaml; found.append('yaml')", errors="Exception")),
    probe("look through sys.modules", "answers", """
import rnncourse.nn.cells
for name, module in list(sys.modules.items()):
    step = getattr(module, "rnn_step", None)
    if step is not None:
        try:
            step(np.ones((1, 1)), np.ones((1, 1)), {"W_x": 0, "W_h": 0, "b": 0})
            found.append(name)
        except NotImplementedError:
            pass
""", ()),
    probe("ask importlib for the grader", "answers", "import importlib\n" + "\n".join(
        tries(f"importlib.import_module({name!r}); found.append({name!r})", errors="Exception")
        for name in ("rnncourse.grading.grader", "rnncourse.grading.exercise",
                     "rnncourse.grading.compare", "rnncourse.grading.confine.process",
                     "torch", "keras", "tensorflow")), ()),
    probe("read the withheld source with inspect, linecache and glob", "answers",
          WITHHELD_SOURCE, ()),
    probe("search the heap with gc", "answers", SEARCH, ()),
    probe("climb the frames", "answers", FRAMES, ()),
    wrong("import the public answers", "answers",
          "from rnncourse.grading import load_check\n"
          "def rnn_step(*a):\n    return load_check('rnn_ex_01')[1][0].expected[0]\n",
          "cannot import name"),
    probe("read the public answers as a file", "answers",
          tries("found += [len(open('@ROOT@/rnncourse/grading/checks/rnn_ex_01.json').read())]")),
    wrong("redefine check", "answers",
          "import rnncourse.grading as g\ng.check = lambda *a: 4\n" + ZEROS),
]  # fmt: skip

# --- resources -----------------------------------------------------------------------------

FORKS = """
import time
for k in range(40):
    try:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
    except OSError:
        break
else:
    found.append("40 processes")
"""
THREADS = """
import threading, time
for k in range(40):
    try:
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
    except RuntimeError:
        break
else:
    found.append("40 threads")
"""
# Above the limit on memory, 1 GB, which is for all that a submission has.
MANY_PROCESSES = """
import time
read, write = os.pipe()
children = []
for k in range(6):
    try:
        child = os.fork()
    except OSError:
        break
    if child == 0:
        try:
            block = bytearray(250 << 20)
            os.write(write, b"x")
            time.sleep(20)
        finally:
            os._exit(0)
    children.append(child)
os.set_blocking(read, False)
blocks, end = 0, time.monotonic() + 9
while blocks < len(children) and time.monotonic() < end:
    try:
        blocks += len(os.read(read, 6))
    except BlockingIOError:
        time.sleep(0.05)
if blocks > 4:
    found.append(f"{blocks * 250} MB")
for child in children:
    os.kill(child, 9)
    os.waitpid(child, 0)
"""
MEMFDS = """
total, fds = 0, []
for k in range(100):
    try:
        fds.append(os.memfd_create("x"))
        total += os.write(fds[-1], bytes(15 << 20))
    except OSError:
        break
if total > 1200 << 20:
    found.append(f"{total >> 20} MB")
for fd in fds:
    os.close(fd)
"""
SEGMENTS = """
libc, numbers = ctypes.CDLL(None), []
libc.shmat.restype = ctypes.c_void_p
for k in range(12):
    number = libc.shmget(0, 100 << 20, 0o1600)
    address = libc.shmat(number, None, 0) if number >= 0 else None
    if not address or address == 2**64 - 1:
        break
    numbers.append(number)
    ctypes.memset(address, 1, 100 << 20)
    libc.shmdt(ctypes.c_void_p(address))
if len(numbers) == 12:
    found.append("1200 MB")
for number in numbers:
    libc.shmctl(number, 0, None)
"""
TMPFS = """
for folder in ("/dev/shm", "/dev", "/run", "/run/lock", "/stage", "/packages", "/etc", "/"):
    written = []
    try:
        for k in range(15):
            with open(f"{folder}/@MARKER@{k}", "wb", buffering=0) as file:
                written.append(file.name)
                file.write(bytes(1 << 20))
        found.append(folder)
    except OSError:
        pass
    for path in written:
        os.unlink(path)
"""
RESOURCES = [
    wrong("loop for ever", "resources", "while True: pass", "time limit of 1 s", 1),
    call("loop for ever when called", "resources", "while True: pass", "time limit", 1),
    wrong("loop for ever inside NumPy", "resources",
          "np.convolve(np.ones(10**6), np.ones(10**6))", "time limit of 1 s", 1),
    wrong("sleep for ever", "resources", "import time; time.sleep(1e6)", "time limit", 1),
    wrong("loop with every signal ignored", "resources", """
import signal
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
while True: pass
""", "time limit of 1 s", 1),
    wrong("stop its own process", "resources", "os.kill(os.getpid(), 19)", "time limit", 1),
    wrong("sys.exit", "resources", "sys.exit(0)\n" + RIGHT, "does not define.*SystemExit"),
    wrong("os._exit", "resources", "os._exit(0)", r"ended in code cell 2 \(exit status 0\)"),
    call("os._exit when called", "resources", "os._exit(0)", "ended while calling rnn_step"),
    wrong("os.abort", "resources", "os.abort()", "ended in code cell 2"),
    wrong("a bad pointer", "resources", "ctypes.string_at(0)", "ended in code cell 2"),
    wrong("kill its own process", "resources", "os.kill(os.getpid(), 9)", "ended in code cell 2"),
    wrong("endless recursion", "resources",
          "sys.setrecursionlimit(10**9)\ndef f(): return [f()].sort(key=lambda v: f())\nf()",
          "ended|Memory|Recursion|time limit", 2),
    probe("fork bomb, of 40", "resources", FORKS, (), (LIMITS,)),
    probe("thread bomb, of 40", "resources", THREADS, (), (SAME, LIMITS)),
    probe("allocate 8 GB at once", "resources",
          tries("found.append(len(bytearray(8 << 30)))", errors="MemoryError"), ()),
    probe("allocate 8 GB in pieces", "resources",
          tries("found = [np.zeros(1 << 26) for k in range(16)]; found = [len(found)]",
                errors="MemoryError"), ()),
    probe("map 8 GB", "resources",
          tries("import mmap; found.append(len(mmap.mmap(-1, 8 << 30)))"), ()),
    probe("take 1.5 GB in six processes", "resources", MANY_PROCESSES, (), (LIMITS,)),
    probe("take 1.5 GB in files without a name", "resources", MEMFDS),
    probe("take 1.2 GB in shared memory", "resources", SEGMENTS),
    probe("fill folders that lie in memory", "resources", TMPFS),
    probe("hold memory in pipes", "resources", """
read, write = os.pipe()
page = ctypes.create_string_buffer(4096)
vector = (ctypes.c_size_t * 2)(ctypes.addressof(page), 4096)
number = 278 if os.uname().machine == "x86_64" else 75
found += [1] * (ctypes.CDLL(None).syscall(number, write, vector, 1, 0) > 0)
"""),
    probe("write past the file limit", "resources", """
with open("large", "wb", buffering=0) as file:
    try:
        found += [written for k in range(20) if (written := file.write(bytes(1 << 20))) and k > 16]
    except OSError:
        pass
""", ()),
    probe("fill the disk, to 75 MB", "resources", """
for k in range(5):
    try:
        with open(f"large{k}", "wb", buffering=0) as file:
            for part in range(15):
                if file.write(bytes(1 << 20)) < 1 << 20:
                    raise OSError
    except OSError:
        break
else:
    found.append("75 MB")
""", (USER, SAME, LIMITS)),
    probe("open 200 files", "resources", """
files = []
try:
    files = [open("/dev/null") for k in range(200)]
    found.append(len(files))
except OSError:
    pass
del files
""", ()),
    wrong("leave 1500 files", "resources",
          "for k in range(1500): open(str(k), 'w').close()\n" + ZEROS),
    wrong("leave folders 1500 deep", "resources",
          "for k in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\n" + ZEROS),
    wrong("leave a folder that cannot be listed", "resources",
          "os.mkdir('d', 0o300)\nopen('d/f', 'w').close()\nos.mkdir('e', 0)\n" + ZEROS),
    wrong("print 200 MB", "resources", "for k in range(200): print('x' * 10**6)\n" + ZEROS),
    call("answer with 8 MB", "resources", "return np.zeros(10**6)", "too large"),
    call("answer with a terabyte", "resources", "return np.broadcast_to(0.0, (10**6, 10**5))",
         "raised.*Memory|too large"),
]  # fmt: skip

# --- changed libraries and the reply channel -----------------------------------------------

FDS = "fds = [fd for fd in range(3, 64) if os.path.exists(f'/proc/self/fd/{fd}')]\n"
SEND = (
    FDS
    + """
def send(data):
    for fd in fds:
        try:
            os.write(fd, data)
        except OSError:
            pass
"""
)
LIE = b'{"ready": true, "exists": true, "errors": [], "skipped": []}\n'
FULL = b'{"id": "0", "changed": [], "one": {"points": 4}}\n'
BOOT = """
frame = sys._getframe()
while frame.f_back:
    frame = frame.f_back
boot = frame.f_globals
"""


def reply(text: str, extra: str = "") -> str:
    """Code that has the bootstrap answer each call with this JSON, `ID` being the right id."""
    return f"""{BOOT}
import json
dumps = json.dumps
def forged(message):
    if "id" in message:
        return {text!r}.replace("ID", message["id"]){extra}
    return dumps(message)
json.dumps = forged
{ZEROS}"""


FAKE = '{"id": "ID", "changed": [], "one": %s}'
LIBRARIES = [
    wrong("replace numpy.allclose", "libraries",
          "np.allclose = np.array_equal = np.isclose = lambda *a, **k: True\n" + ZEROS),
    wrong("replace numpy.testing", "libraries", """
import numpy.testing
for name in dir(np.testing):
    if name.startswith("assert"):
        setattr(np.testing, name, lambda *a, **k: None)
""" + ZEROS),
    wrong("replace the comparisons of ndarray", "libraries", """
import gc
methods = gc.get_referents(np.ndarray.__dict__)[0]
for name in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"):
    methods[name] = lambda *a: True
ctypes.pythonapi.PyType_Modified(ctypes.py_object(np.ndarray))
""" + ZEROS),
    wrong("replace functions of the package", "libraries", """
import rnncourse.nn.cells, rnncourse.nn.functional
for module in (rnncourse.nn.cells, rnncourse.nn.functional):
    for name in dir(module):
        if not name.startswith("__"):
            setattr(module, name, lambda *a, **k: True)
""" + ZEROS),
    wrong("replace builtins", "libraries", """
import builtins
builtins.isinstance = builtins.all = builtins.any = lambda *a: True
builtins.abs = builtins.max = builtins.round = lambda *a: 0.0
""" + ZEROS, WRONG + "|malformed|raised|ended"),
    wrong("replace json", "libraries", """
import json
json.dumps = lambda *a, **k: '{"points": 4, "ready": true}'
json.loads = lambda *a, **k: {"id": "0", "arguments": []}
""" + ZEROS, "malformed"),
    wrong("replace base64", "libraries", """
import base64
base64.b64encode = lambda data: b"=" * len(data)
""" + ZEROS, "malformed"),
    wrong("replace os.write", "libraries", "os.write = lambda fd, data: len(data)\n" + ZEROS,
          "time limit", 1),
    wrong("replace numpy as a whole", "libraries", """
import types
fake = types.ModuleType("numpy")
fake.__getattr__ = lambda name: (lambda *a, **k: True)
sys.modules["numpy"] = fake
""" + ZEROS, "raised|malformed|of type"),
    wrong("replace the bootstrap's functions", "libraries", BOOT + """
sys.modules["boot.protocol"].answer_to_wire = lambda value: {"one": {"points": 4}}
boot["answer"] = lambda *a: {"changed": [], "one": {"points": 4}}
""" + ZEROS, "malformed"),
]  # fmt: skip

REPLIES = [
    wrong("forge replies before they are asked for", "replies",
          f"{SEND}send({LIE!r})\nsend({FULL!r} * 9)\n" + ZEROS, "malformed|before it was asked"),
    wrong("be ready early", "replies", f"{SEND}send({LIE!r})\n" + RIGHT,
          "malformed|before it was asked"),
    wrong("answer early", "replies", """
import json
dumps = json.dumps
json.dumps = lambda message: dumps(message) + '\\n{"id": "0"}' * ("ready" in message)
""" + RIGHT, "before it was asked for"),
    wrong("answer twice", "replies", """
import json
dumps = json.dumps
json.dumps = lambda message: "\\n".join([dumps(message)] * (1 + ("id" in message)))
""" + RIGHT, "before it was asked for"),
    wrong("answer under another id", "replies",
          f"{SEND}def rnn_step(*a):\n    send({FULL!r})\n    return np.zeros(1)\n", "malformed"),
    wrong("claim points", "replies", reply('{"id": "ID", "points": 4}'), "malformed"),
    wrong("claim another shape", "replies",
          reply(FAKE % '{"dtype": "<f8", "shape": [9, 9], "data": "AAAA"}'), "malformed"),
    wrong("claim a negative shape", "replies",
          reply(FAKE % '{"dtype": "<f8", "shape": [-1], "data": ""}'), "malformed"),
    wrong("claim an empty array of 2**62 columns", "replies",
          reply(FAKE % '{"dtype": "<f8", "shape": [0, 2147483647, 2147483647, 2147483647], '
                '"data": ""}'), r"malformed|h has shape \(0, "),
    wrong("claim a dtype of objects", "replies",
          reply(FAKE % '{"dtype": "|O", "shape": [1], "data": "AAAAAAAA8D8="}'), "malformed"),
    wrong("answer with a pickle", "replies",
          reply(FAKE % '{"dtype": "|V8", "shape": [1], "data": "gASVAAAAAAA="}'), "malformed"),
    wrong("answer with NaN for an id", "replies", reply('{"id": NaN, "none": true}'), "malformed"),
    wrong("answer with a list", "replies", reply("[1, 2]"), "malformed"),
    wrong("answer with 100000 brackets", "replies", reply("[", " * 100000"), "malformed"),
    wrong("answer with a number of 9999 digits", "replies", reply("9", " * 9999"), "malformed"),
    wrong("answer with bytes that are no text", "replies",
          f"{SEND}def rnn_step(*a):\n    send(b'\\xff\\xfe\\n')\n", "malformed"),
    wrong("flood the channel", "replies", f"{SEND}send(b'x' * (6 << 20))\n" + RIGHT,
          "too large"),
    wrong("drip the answer", "replies", f"""
import time
{SEND}
def rnn_step(*a):
    while True:
        send(b" ")
        time.sleep(0.05)
""", "time limit of 1 s", 1),
    wrong("close the channel", "replies", f"{FDS}for fd in fds: os.close(fd)\n" + RIGHT,
          "ended|time limit"),
    call("write the reason itself", "replies", "raise ValueError('full marks\\n=1+1\\x00')",
         "^the function raised ValueError: full marks =1"),
]  # fmt: skip

# --- strange objects -----------------------------------------------------------------------

LIAR = """
class Liar:
    def __eq__(self, other): return True
    def __array__(self, *a, **k): return np.zeros(3)
    def __array_ufunc__(self, *a, **k): return True
    def __float__(self): return 1.0
    def __abs__(self): return 0
    def __le__(self, other): return True
"""
LYING_ARRAY = """
class Lying(np.ndarray):
    def __eq__(self, other): return np.ones(self.shape, bool)
    def __array_ufunc__(self, *a, **k): return np.zeros(self.shape)
    def __array_function__(self, *a, **k): return True
    def tobytes(self, *a): return b""
    dtype = property(lambda self: np.dtype("f8"))
def rnn_step(x, h, W_x, W_h, b):
    return np.zeros((len(x), len(b))).view(Lying)
"""
SHAPED = "np.zeros((len(x), len(b)))"
OBJECTS = [
    wrong("an object equal to everything", "objects", LIAR + "def rnn_step(*a): return Liar()",
          "h is of type Liar"),
    wrong("an array of objects equal to everything", "objects",
          "class Equal:\n    __eq__ = __le__ = lambda *a: True\n"
          "def rnn_step(x, h, W_x, W_h, b): return np.full((len(x), len(b)), Equal(), object)",
          "array of object"),
    wrong("an ndarray subclass that lies", "objects", LYING_ARRAY, WRONG + "|raised"),
    wrong("a float that lies", "objects",
          "class F(float):\n    __eq__ = __le__ = lambda *a: True\ndef rnn_step(*a): return F(0)",
          r"h has shape \(\)"),
    call("a masked array, all masked", "objects", f"return np.ma.masked_all_like({SHAPED})",
         "of type MaskedArray"),
    call("NaN everywhere", "objects", f"return {SHAPED} * np.nan", "NaN or infinity"),
    call("infinity everywhere", "objects", f"return {SHAPED} + np.inf", "NaN or infinity"),
    call("integers", "objects", f"return {SHAPED}.astype(int)", "dtype int64"),
    call("booleans", "objects", f"return {SHAPED} == 0", "dtype bool"),
    call("complex numbers", "objects", f"return {SHAPED} + 0j", "dtype complex128"),
    call("text", "objects", f"return {SHAPED}.astype(str)", "array of <U"),
    call("dates", "objects", f"return {SHAPED}.astype('M8[s]')", "array of datetime64"),
    call("a structured array", "objects", "return np.zeros(3, [('h', 'f8')])", "array of \\["),
    call("a matrix", "objects", f"return np.asmatrix({SHAPED})", WRONG),
    call("an empty array of 2**31 columns", "objects", "return np.zeros((0, 2**31))", "malformed"),
    call("an array of 32 dimensions", "objects", "return np.zeros((1,) * 32)", "malformed"),
    call("no dimension at all", "objects", "return np.float64(0)", r"h has shape \(\)"),
    call("one row for all", "objects", "return np.zeros(len(b))", r"h has shape \("),
    call("a million values", "objects", "return (0.0,) * 10**6", "returned a tuple of"),
    call("a list that contains itself", "objects", "v = []; v.append(v); return v",
         "of type list"),
    call("a generator", "objects", "return (v for v in x)", "of type generator"),
    call("its own argument, changed", "objects", "b += 1; return b", "input b in place"),
    call("an integer of 5000 digits", "objects", "return 10**5000", "raised|array of object"),
    wrong("an exception without words", "objects", """
class Silent(BaseException):
    def __str__(self): raise self
def rnn_step(*a): raise Silent
""", "raised Silent"),
]  # fmt: skip

# --- reading -------------------------------------------------------------------------------

SECRET_LOOK = """
import glob
for path in glob.glob("/proc/[0-9]*/%s") + ["/proc/@PARENT@/%s"]:
    try:
        if any(word in open(path, "rb").read() for word in (b"@MARKER@", b"600.@PARENT@")):
            found.append("%s")
    except OSError:
        pass
"""
MEMORY = """
for pid in {os.getppid(), @PARENT@} - {0, os.getpid()}:
    for name in ("mem", "maps", "environ", "auxv", "stack", "syscall"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                if name != "mem" and file.read(1):
                    found.append(name)
                elif name == "mem":
                    found.append(name)
        except OSError:
            pass
"""
PTRACE = """
libc = ctypes.CDLL(None, use_errno=True)
for pid in (os.getppid(), @PARENT@):
    if libc.ptrace(16, pid, 0, 0) == 0:  # PTRACE_ATTACH
        libc.ptrace(17, pid, 0, 0)
        found.append("ptrace")
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    if libc.process_vm_readv(pid, vector, 1, vector, 1, 0) > 0:
        found.append("process_vm_readv")
"""
KEYS = "libc = ctypes.CDLL(None)\nadd, ctl = (248, 250) if os.uname().machine == 'x86_64' else "
KEYS += "(217, 219)\n"
SHARED_MEMORY = """
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
number = libc.shmget(@NUMBER@, 4096, 0o1666 if %s else 0)
if number >= 0:
    address = libc.shmat(number, None, 0)
    if address and address != 2**64 - 1:
        %s
"""
READING = [
    probe("list and read the solutions", "reading", "\n".join(
        tries(f"found.append(len({how}))") for how in (
            "os.listdir('@SOLUTIONS@')", "os.listdir('@ROOT@')",
            "open('@SOLUTIONS@/rnn_sol_01.md').read()"))),
    probe("read another submission", "reading",
          tries("found.append(open('@CANARY@/other.ipynb').read())")),
    probe("read the system's files", "reading", tries(
        "found.append(len(open('/etc/passwd').read()))",
        "found.append(len(os.listdir('/proc/@PARENT@/fd')))",
        "found.append(len(open('/proc/1/root/etc/passwd').read()))")),
    probe("read a file through a link of its own", "reading",
          tries("os.symlink('@CANARY@/other.ipynb', 'link')", "found += [open('link').read()]")),
    probe("list the temporary folder", "reading",
          tries("found.append(len(os.listdir('@TEMP@')))")),
    probe("read its own environment", "reading",
          "found += [k for k, v in os.environ.items() if '@MARKER@' in v]", ()),
    probe("read the environment of other processes", "reading",
          SECRET_LOOK.replace("%s", "environ")),
    probe("read the command lines of other processes", "reading",
          SECRET_LOOK.replace("%s", "cmdline")),
    probe("read the grader's memory", "reading", MEMORY, ()),
    probe("attach to the grader as a debugger", "reading", PTRACE, ()),
    probe("leave a kernel key for the next", "reading",
          KEYS + "libc.syscall(add, b'user', b'@MARKER@', b'answer', 6, -4)",
          then=KEYS + "found += [1] * (libc.syscall(ctl, 10, -4, b'user', b'@MARKER@', 0) > 0)"),
    probe("leave shared memory for the next", "reading",
          SHARED_MEMORY % (1, "ctypes.memmove(address, b'answer', 6)"),
          then=SHARED_MEMORY % (0, "found.append(ctypes.string_at(address, 6))")),
    probe("leave a file in /dev/shm for the next", "reading",
          tries("open('/dev/shm/@MARKER@', 'w').write('answer')"),
          then=tries("found.append(open('/dev/shm/@MARKER@').read())")),
    probe("leave a file in the temporary folder for the next", "reading",
          tries("open('@TEMP@/@MARKER@', 'w').write('answer')"),
          then=tries("found.append(open('@TEMP@/@MARKER@').read())")),
    probe("leave a file in its own folder for the next", "reading",
          "open('left', 'w').close()", (), then="found += os.listdir('.')"),
]  # fmt: skip

# --- writing -------------------------------------------------------------------------------

SURVIVOR = """
import time
if os.fork() == 0:
    try:
        os.setsid()
    finally:
        if os.fork() == 0:
            os.closerange(0, 64)
            time.sleep(60)
        os._exit(0)
os.wait()
"""
WRITING = [
    probe("write outside its folder", "writing", """
for folder in ("@CANARY@", "@HOME@/..", os.path.dirname(np.__file__)):
    try:
        open(folder + "/@MARKER@", "w").close()
        found.append("written")
        os.unlink(folder + "/@MARKER@")
    except OSError:
        pass
"""),
    probe("poison the staged package", "writing", """
import rnncourse
for folder in (os.path.dirname(rnncourse.__file__), sys.path[0], sys.path[1]):
    try:
        open(folder + "/@MARKER@.py", "w").close()
        found.append("written")
        os.unlink(folder + "/@MARKER@.py")
    except OSError:
        pass
"""),
    probe("overwrite another submission", "writing",
          tries("found.append(open('@CANARY@/other.ipynb', 'w').write('gone'))")),
    probe("delete another submission", "writing",
          tries("found.append(os.unlink('@CANARY@/other.ipynb'))")),
    probe("rename another submission", "writing",
          tries("found.append(os.rename('@CANARY@/other.ipynb', '@CANARY@/mine'))",
                "found.append(os.rename('@CANARY@/other.ipynb', 'mine'))")),
    probe("shorten another submission", "writing",
          tries("found.append(os.truncate('@CANARY@/other.ipynb', 0))")),
    probe("forbid another submission", "writing",
          tries("found.append(os.chmod('@CANARY@/other.ipynb', 0))",
                "found.append(os.utime('@CANARY@/other.ipynb', (0, 0)))")),
    probe("delete a folder", "writing",
          "import shutil\n" + tries("found.append(shutil.rmtree('@CANARY@/folder'))")),
    wrong("have the grader delete through a link", "writing",
          "os.symlink('@CANARY@', 'link')\nos.symlink('@CANARY@/other.ipynb', 'file')\n" + ZEROS),
    # Where the grader's user has many processes already, the limit forbids the fork.
    Attack("leave a process behind", "writing", (IMPORT, ZEROS, SURVIVOR), WRONG,
           maybe=(LIMITS,)),
]  # fmt: skip

# --- network and processes -----------------------------------------------------------------

NETWORK = [
    probe("connect to this machine", "network", "import socket\n" + tries(
        "socket.create_connection(('127.0.0.1', @PORT@), 1); found.append('connected')")),
    probe("send a datagram", "network", "import socket\n" + tries(
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        "s.sendto(b'hello', ('127.0.0.1', @PORT@)); found.append('sent')"), (BWRAP, LIMITS)[1:]),
    probe("open a server", "network", "import socket\n" + tries(
        "s = socket.create_server(('127.0.0.1', 0)); found.append('listening')")),
    probe("connect to an abstract socket", "network", "import socket\n" + tries(
        "s = socket.socket(socket.AF_UNIX); s.connect('\\0@MARKER@'); found.append('connected')")),
    probe("connect to a socket file", "network", "import socket\n" + tries(
        "s = socket.socket(socket.AF_UNIX); s.connect('@CANARY@/socket'); "
        "found.append('connected')")),
    probe("look up a name", "network", "import socket\n" + tries(
        "found.append(socket.getaddrinfo('example.org', 80))"), (), (LIMITS,)),
    probe("reach the network through io_uring", "network",
          "found += [1] * (ctypes.CDLL(None).syscall(425, 8, bytes(120)) >= 0)", (), (LIMITS,)),
]  # fmt: skip
NAMESPACE = 0x10000000
PROCESSES = [
    probe("kill another process", "processes", tries(
        "os.kill(@DECOY@, 9); found.append('killed')",
        "os.kill(@PARENT@, __import__('signal').SIGURG); found.append('signalled')")),
    probe("kill another process through a pipe", "processes", """
import fcntl, time
try:
    r, w = os.pipe()
    fcntl.fcntl(r, 8, @DECOY@)       # F_SETOWN
    fcntl.fcntl(r, 10, 9)            # F_SETSIG: SIGKILL
    fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(w, b"x")
    found.append("signalled")
except OSError:
    pass
"""),
    probe("limit another process", "processes", "import resource\n" + tries(
        "resource.prlimit(@DECOY@, resource.RLIMIT_CPU, (1, 1)); found.append('limited')")),
    probe("slow another process", "processes", tries(
        "os.setpriority(os.PRIO_PROCESS, @DECOY@, 19); found.append('slowed')",
        "os.sched_setaffinity(@DECOY@, {0}); found.append('moved')")),
    probe("open a user namespace with unshare", "processes",
          f"found += [1] * (ctypes.CDLL(None).unshare({NAMESPACE}) == 0)", (), (LIMITS,)),
    probe("open a user namespace with clone", "processes", f"""
number = 56 if os.uname().machine == "x86_64" else 220
pid = ctypes.CDLL(None).syscall(number, {NAMESPACE} | 17, 0, 0, 0, 0)
if pid == 0:
    os._exit(0)
found += [1] * (pid > 0)
""", (), (LIMITS,)),
    probe("open a user namespace with clone3", "processes", f"""
arguments = (ctypes.c_uint64 * 8)({NAMESPACE}, 0, 0, 0, 17, 0, 0, 0)
pid = ctypes.CDLL(None).syscall(435, arguments, 64)
if pid == 0:
    os._exit(0)
found += [1] * (pid > 0)
""", (), (LIMITS,)),
    probe("use the powers of root", "processes", tries(
        "os.setuid(0) if os.getuid() else None", "os.chroot('.'); found.append('chroot')",
        "os.setgroups([0]); found.append('groups')", "os.nice(-5); found.append('nice')",
        "os.mknod('device', 0o20666, os.makedev(1, 1)); found.append('device')"), ()),
]  # fmt: skip


# --- the notebook itself -------------------------------------------------------------------


def file(name, content: bytes, said) -> Attack:
    """A file that is no notebook, or hardly one."""
    return Attack(name, "notebook", (), said, raw=content)


def named(name, exercise, code, said) -> Attack:
    """A notebook whose metadata names another exercise."""
    return Attack(name, "notebook", (IMPORT, code), said, exercise=exercise)


def empty_cells(count: int) -> bytes:
    """A notebook of so many cells, all empty objects."""
    return b'{"cells": [' + b",".join([b"{}"] * count) + b"]}"


NOTEBOOK = [
    file("an empty file", b"", "the file is empty"),
    file("a file of text", b"def rnn_step(): pass", "not readable as JSON"),
    file("a file of bytes", bytes(range(256)), "not readable as JSON"),
    file("JSON 100000 deep", b"[" * 100_000, "not readable as JSON"),
    file("JSON that is no notebook", b'{"points": 4}', "not a notebook"),
    file("damaged cells", b'{"cells": [3, null]}', "damaged cell"),
    file("no code", json.dumps({"cells": [{"cell_type": "markdown", "source": "x"}]}).encode(),
         "no code cells"),
    file("11 MB", b" " * (11 << 20), "larger than 10 MB"),
    file("a million cells", empty_cells(10**6), "more than 5000 cells"),
    Attack("4000 cells", "notebook", (IMPORT, *["x = 1"] * 4000, ZEROS), WRONG),
    wrong("a cell of 9 MB", "notebook", "text = '" + "x" * (9 << 20) + "'\n" + ZEROS,
          "the code cells hold more than 2 MB"),
    wrong("an expression of a million terms", "notebook", "x = " + "+".join(["1"] * 10**6),
          "Recursion|Memory|ended|time limit", 5),
    wrong("a cell with null bytes and half characters", "notebook", "x = '\x00\ud800'",
          "does not define"),
    wrong("code that is no Python", "notebook", "def rnn_step(:", "SyntaxError"),
    named("claim to be another exercise", "rnn_ex_03", ZEROS, "not define .* rnn_forward"),
    named("claim to be an unknown exercise", "../../solutions/rnn_sol_01", RIGHT,
          "unknown exercise"),
    named("claim a list of exercises", ["rnn_ex_01"], RIGHT, "unknown exercise"),
    Attack("change points and tolerance in the metadata", "notebook",
           (IMPORT, ZEROS, "#spec\npoints = 1000\ntolerance = (1e9, 1e9)\nmutants = []"), WRONG),
    wrong("magics and shell escapes", "notebook",
          "%%bash\necho hacked > @CANARY@/hacked\n!rm -r @CANARY@\n", "does not define.*IPython|"
          "does not define"),
    wrong("a shell escape in the function", "notebook",
          "def rnn_step(*a):\n    !touch @CANARY@/hacked\n    return a[0]\n",
          "IPython lines skipped"),
    probe("a shell through os.system and subprocess", "notebook", """
import subprocess
for run in (os.system, lambda c: subprocess.call(c, shell=True)):
    try:
        run("echo hacked > @CANARY@/hacked")
    except OSError:
        pass
if os.path.exists("@CANARY@/hacked"):
    found.append("hacked")
""", (), (LIMITS,)),
    wrong("wait for input", "notebook", "name = input()\n" + RIGHT, "EOFError"),
    wrong("a missing import", "notebook",
          "import pandas\n" + RIGHT.replace("np.tanh", "pandas.cut"), "No module named 'pandas'"),
]  # fmt: skip

# --- what stands in for IPython and Matplotlib ---------------------------------------------


def cells(name, *sources, said=WRONG, wall=15.0) -> Attack:
    """Several cells, of which none imports NumPy unless it says so."""
    return Attack(name, "notebook", sources, said, wall=wall)


FAKE_NUMPY = """%%writefile numpy.py
class ndarray: pass
generic = ndarray
def asarray(value): return ndarray()
def frombuffer(*a, **k): return ndarray()
ndarray.reshape = ndarray.copy = ndarray.astype = lambda *a, **k: ndarray()
ndarray.dtype = ndarray()
ndarray.dtype.kind, ndarray.dtype.str, ndarray.tobytes = "f", "<f8", lambda self: b""
"""
NOTES = "notes = get_ipython().run_cell.__self__\n"
STAND_INS = [
    wrong("replace get_ipython", "notebook",
          "def get_ipython(): raise SystemExit\n!ls\n" + ZEROS, "does not define.*SystemExit"),
    cells("write a numpy.py with a magic and import it", FAKE_NUMPY,
          "import numpy as np\ndef rnn_step(*a): return np.ndarray()", said="raised|malformed"),
    cells("write modules of the bootstrap's names", *(
        f"%%writefile {name}.py\nraise SystemExit" for name in ("boot", "json", "asyncio", "ast")),
          IMPORT + "import asyncio\nawait asyncio.sleep(0)", ZEROS),
    Attack("write outside its folder with a magic", "writing",
           (IMPORT, "%%writefile @CANARY@/other.ipynb\ngone"), "does not define",
           {LIMITS: "does not define"}),
    wrong("run a file of the teacher's with a magic", "notebook",
          "%run @SOLUTIONS@/../tests/grading/attacks.py", "does not define"),
    wrong("flood what is shown", "notebook",
          "text = 'x' * 10**6\nfor k in range(10**5): display(text)\n" + ZEROS),
    wrong("flood what is captured", "notebook",
          "%%capture out\nfor k in range(10**4): print('x' * 10**6)\n" + ZEROS,
          "does not define.*MemoryError|ended|time limit", 5),
    wrong("flood the commands that were not run", "notebook", ZEROS +
          "for k in range(10**4): get_ipython().system(f'{k} ' + 'x' * 10**4)\n",
          r"IPython lines skipped: !0 x+ in code cell 2; !1 x+ in"),
    wrong("forge the commands that were not run", "notebook",
          NOTES + "notes.skipped += [{'cell': 10**9, 'command': 3}]\n" + ZEROS, "malformed"),
    wrong("forge a thousand errors", "notebook",
          NOTES + "notes.errors += [{'cell': 1, 'error': '=1+1'}] * 1000\n", "malformed"),
    wrong("await for ever", "notebook",
          "import asyncio\nawait asyncio.Event().wait()", "time limit of 1 s", 1),
    wrong("an endless coroutine", "notebook",
          "import asyncio\nwhile True: await asyncio.sleep(0)", "time limit of 1 s", 1),
    wrong("a loop that outlives its cell", "notebook", """
import asyncio
async def spin():
    while True: await asyncio.sleep(0)
task = asyncio.create_task(spin())
""" + ZEROS),
    wrong("10000 magics in a cell", "notebook", "%time 1\n" * 10**4 + ZEROS,
          "does not define|time limit", 1),
    wrong("answer with a figure", "notebook", "import matplotlib.pyplot as plt\n"
          "def rnn_step(*a): return plt.plot()", "h is of type Drawing"),
    wrong("answer with axes", "notebook", "import matplotlib.pyplot as plt\n"
          "def rnn_step(x, h, W_x, W_h, b): return plt.subplots(len(x), len(b))[1]",
          "array of object"),
    wrong("answer with the output of a command", "notebook",
          "def rnn_step(*a):\n    lines = !cat @SOLUTIONS@/rnn_sol_01.md\n    return lines",
          "h is of type list.*IPython lines skipped: !cat"),
]  # fmt: skip

ATTACKS = [*ANSWERS, *RESOURCES, *LIBRARIES, *REPLIES, *OBJECTS, *READING, *WRITING, *NETWORK,
           *PROCESSES, *NOTEBOOK, *STAND_INS]  # fmt: skip
