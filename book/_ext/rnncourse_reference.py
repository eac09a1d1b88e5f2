"""Sphinx extension for the reference: what a module of the package offers.

```{reference} rnncourse.nn.cells
```

stands for the module's docstring, a table of its public names, and their descriptions, taken
from the source in its own order: what is new in the package is in the reference.
"""

import ast
import importlib
import inspect
import re
import sys
import textwrap
from functools import cache
from pathlib import Path
from types import ModuleType

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

LABEL = re.compile(r"(?<!`)\beq-[a-z_]+-[a-z0-9-]+\b")  # of an equation of a chapter
MARKUP = re.compile(r"([\\*`|_])")


# ---- the source ----------------------------------------------------------------


def definition(thing) -> tuple[ast.AST | None, list[str]]:
    """Return the syntax tree of a function or class, or None, and the lines that it is in."""
    try:
        source = textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):  # such as what a named tuple inherits
        return None, []
    return ast.parse(source).body[0], source.splitlines()


def remark(lines: list[str], node: ast.stmt) -> str:
    """Return the comment behind a statement, as reST without markup, or ""."""
    rest = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode().strip()
    return MARKUP.sub(r"\\\1", rest.lstrip("# ")) if rest.startswith("#") else ""


class Short(ast.NodeTransformer):
    """Names of types without their modules: Generator, not np.random.Generator."""

    def visit_Attribute(self, node):
        return ast.Name(node.attr)

    def visit_Constant(self, node):
        # Quoted where the name is imported for type checkers only.
        return ast.parse(node.value, mode="eval").body if isinstance(node.value, str) else node

    def visit_AnnAssign(self, node):
        node.annotation = self.visit(node.annotation)  # a string as the default stays one
        return node


def short(annotation: ast.expr | None) -> str:
    return ast.unparse(Short().visit(annotation)) if annotation else ""


def arguments(function: ast.FunctionDef, bound: bool) -> str:
    """Return a function's arguments as its source has them, with short types; unbound, no self."""
    args = function.args
    for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
        if arg and arg.annotation:
            arg.annotation = Short().visit(arg.annotation)
    if bound:
        args.args = args.args[1:]
    return f"({ast.unparse(args)})"


def fields(tree: ast.AST | None) -> list[ast.AnnAssign]:
    """Return the fields of a named tuple or a dataclass."""
    return [item for item in getattr(tree, "body", []) if isinstance(item, ast.AnnAssign)]


# ---- a module --------------------------------------------------------------------


def public(module: ModuleType) -> tuple[list[str], list[str]]:
    """Return the public functions and classes, and the values, of a module or package."""
    made_here = [
        name
        for name, value in vars(module).items()
        if (inspect.isroutine(value) or inspect.isclass(value))
        and getattr(value, "__module__", "") == module.__name__
    ]
    names = [name for name in made_here if not name.startswith("_")]
    names = getattr(module, "__all__", [*names, *assigned(module)])
    described = [n for n in names if n in made_here or not (n.isupper() or n in assigned(module))]
    # What a backward pass reads concerns nobody who only calls it.
    described.sort(key=lambda name: name.endswith("Cache"))
    return described, [name for name in names if name not in described]


@cache
def assigned(module: ModuleType) -> dict[str, ast.stmt]:
    """Return the public constants and type aliases that a module's source writes out."""
    found = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        computed = node.value is None or isinstance(node.value, ast.Call)
        if isinstance(target, ast.Name) and not target.id.startswith("_") and not computed:
            found[target.id] = node
    return found


def value_of(module: ModuleType, name: str) -> list[str]:
    """Return the description of a constant or alias: its value, and the source's remark on it."""
    node = assigned(module).get(name)
    value = ast.unparse(node.value) if node else repr(getattr(module, name))
    text = remark(inspect.getsource(module).splitlines(), node) if node else ""
    return [f".. py:data:: {name}", f"   :value: {value}", "", f"   {text}"]


class Reference(SphinxDirective):
    required_arguments = 1

    def run(self):
        module = importlib.import_module(self.arguments[0])
        name = module.__name__
        described, valued = public(module)
        lines = [f".. automodule:: {name}", "", ".. autosummary::", "   :nosignatures:", ""]
        lines += [f"   {item}" for item in described]
        for item in described:
            value = getattr(module, item)
            self.env.note_dependency(sys.modules[value.__module__].__file__)
            kind = "function" if inspect.isroutine(value) else "class"
            kind = "exception" if kind == "class" and issubclass(value, Exception) else kind
            lines += ["", f".. auto{kind}:: {name}.{item}"]
            lines += [] if kind == "function" else ["   :members:", "   :member-order: bysource"]
        for item in valued:
            lines += ["", *value_of(module, item)]
        self.env.note_dependency(module.__file__)
        self.env.note_dependency(str(Path(__file__).resolve()))
        container = nodes.container()
        page = ["````{eval-rst}", *lines, "````"]
        self.state.nested_parse(StringList(page, name), 0, container)
        return container.children


# ---- what autodoc makes of it ------------------------------------------------------


def signature(app, what, name, thing, options, args, returns):
    """Take annotations as the source has them: Array says more than numpy.ndarray."""
    if what == "exception":
        return "", None
    tree, _ = definition(thing)
    if what == "class" and tree:
        inits = [item for item in tree.body if getattr(item, "name", "") == "__init__"]
        if inits:
            return arguments(inits[0], bound=True), None
        items = [ast.unparse(Short().visit(field)) for field in fields(tree)]
        return f"({', '.join(items)})", None
    if what in ("function", "method") and isinstance(tree, ast.FunctionDef):
        static = any(getattr(d, "id", "") == "staticmethod" for d in tree.decorator_list)
        bound = what == "method" and not static
        return arguments(tree, bound), short(tree.returns) or None
    return None


def docstring(app, what, name, thing, options, lines) -> None:
    """Link equations to the chapters; say of a class's fields what the source says beside them."""
    lines[:] = [LABEL.sub(r":equation:`\g<0>`", line) for line in lines]
    if what == "class":
        tree, source = definition(thing)
        said = {field.target.id: remark(source, field) for field in fields(tree)}
        lines += ["", *(f":ivar {field}: {text}" for field, text in said.items() if text), ""]


def align(app, doctree) -> None:
    """Line up the rows of a formula, as Sphinx does for other renderers than KaTeX."""
    for formula in list(doctree.findall(nodes.math_block)):
        text = formula.astext()
        if "&" in text and r"\begin" not in text:
            formula.clear()
            formula += nodes.Text(rf"\begin{{aligned}}{text}\end{{aligned}}")


def skip(app, what, name, thing, skipped, options):
    """Leave out the fields of a named tuple: their docstrings say "Alias for field number 0"."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def equation_role(name, rawtext, text, lineno, inliner, options=None, content=()):
    reference = addnodes.pending_xref("", reftype="equation", refdomain="", reftarget=text)
    reference += nodes.inline("", text)
    reference["refexplicit"], reference["refwarn"] = True, True
    return [reference], []


def resolve(app, env, node, shown):
    """Link an equation by its label; leave types of signatures that are not ours as text."""
    if node["reftype"] == "equation":
        place = env.get_domain("math").equations.get(node["reftarget"])
        if place:
            anchor = nodes.make_id(f"equation-{node['reftarget']}")
            return make_refnode(app.builder, node["refdoc"], place[0], anchor, shown)
    elif any(isinstance(p, addnodes.desc_signature) for p in ancestors(node)):
        return shown
    return None


def ancestors(node):
    while node.parent is not None:
        node = node.parent
        yield node


def setup(app):
    for extension in ("autodoc", "autosummary", "napoleon"):
        app.setup_extension(f"sphinx.ext.{extension}")
    app.add_directive("reference", Reference)
    app.add_role("equation", equation_role)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-process-docstring", docstring)
    app.connect("autodoc-skip-member", skip)
    app.connect("doctree-read", align)
    app.connect("missing-reference", resolve)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
