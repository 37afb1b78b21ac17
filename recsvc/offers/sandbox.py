"""The Jinja that a mail template may use: values, conditions and loops over what it is given, and nothing else.

A shop's own template is data: it can neither call anything nor reach beyond its values, nor print them unescaped. What
is allowed is a list of syntax, checked when the template is compiled, so that a bad template never gets to a customer.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.errors import InputError

FILTERS = ("default", "e", "escape", "first", "join", "last", "length", "lower", "replace", "trim", "truncate", "upper")
TESTS = ("defined", "divisibleby", "even", "none", "odd")
DEEPEST_LOOP = 3
_SYNTAX = (
    nodes.And, nodes.Compare, nodes.Concat, nodes.CondExpr, nodes.Const, nodes.Filter, nodes.For, nodes.Getattr,
    nodes.If, nodes.Keyword, nodes.Name, nodes.Not, nodes.Operand, nodes.Or, nodes.Output, nodes.Template,
    nodes.TemplateData, nodes.Test,
)  # fmt: skip


class MailEnvironment(ImmutableSandboxedEnvironment):
    """Compiles checked templates; a name that does not exist is an error, not an empty place in the mail.

    `plain` are the classes of the values handed in: dataclasses, of which every field may be read.
    """

    def __init__(self, *, autoescape: bool, plain: tuple[type, ...] = ()) -> None:
        super().__init__(
            autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, extensions=()
        )
        self.globals.clear()
        self._readable = {kind: frozenset(name.name for name in fields(kind)) for kind in plain}
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.tests = {name: self.tests[name] for name in TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        # The sandbox asks a dozen questions at each look at a value; those given to a mail have nothing to hide.
        readable = self._readable.get(type(obj))
        if readable is not None and attribute in readable:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def compile_mail(self, source: str, name: str) -> Template:
        """The template, ready to render; raises InputError naming template and line."""
        try:
            tree = self.parse(source)
            _check(tree, name)
            return self.from_string(source)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise InputError(f"{name}{f', line {line}' if line else ''}: {error.message}") from None


def _check(tree: nodes.Template, name: str) -> None:
    for node, depth in _walk(tree, 0):
        place = f"{name}, line {node.lineno}" if node.lineno else name
        if not isinstance(node, _SYNTAX):
            raise InputError(f"{place}: a mail template cannot use {_spoken(node)}; it has values, if and for")
        if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            raise InputError(f"{place}: a mail template cannot read {node.attr!r}")
        if isinstance(node, nodes.For):
            if node.recursive or not isinstance(node.iter, (nodes.Name, nodes.Getattr)):
                raise InputError(f"{place}: a loop goes over slots, rows or items, and over nothing else")
            if depth > DEEPEST_LOOP:
                raise InputError(f"{place}: loops are nested deeper than {DEEPEST_LOOP}")


def _walk(node: nodes.Node, depth: int) -> Iterator[tuple[nodes.Node, int]]:
    """Every node with the number of loops around it, itself included."""
    depth += isinstance(node, nodes.For)
    yield node, depth
    for child in node.iter_child_nodes():
        yield from _walk(child, depth)


def _spoken(node: nodes.Node) -> str:
    kind = type(node).__name__
    spoken = {"Call": "calls", "Getitem": "[ ]", "Scope": "autoescape", "Assign": "set", "FilterBlock": "filter"}
    return spoken.get(kind, kind.lower())
