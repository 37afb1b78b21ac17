"""The sandbox: what a mail template may say, and what it is refused."""

from dataclasses import dataclass

import pytest
from jinja2 import UndefinedError

from models.errors import InputError
from recsvc.offers.sandbox import MailEnvironment


@dataclass(frozen=True)
class Thing:
    title: str
    parts: tuple[str, ...] = ()


ENVIRONMENT = MailEnvironment(autoescape=True, plain=(Thing,))


def fill(source: str, **values: object) -> str:
    return ENVIRONMENT.compile_mail(source, "offer.mjml").render(values)


def test_values_conditions_and_loops_are_allowed() -> None:
    comma = "{% if not loop.last %}, {% endif %}"
    source = "{% for thing in things %}{{ loop.index }} {{ thing.title|upper }}" + comma + "{% endfor %}"
    assert fill(source, things=[Thing("a"), Thing("b")]) == "1 A, 2 B"
    assert fill("{{ name|default('you') }} {{ 'x' if many else 'y' }} {{ a ~ b }}", many=False, a=1, b=2) == "you y 12"


def test_values_are_escaped_whatever_is_done_to_them() -> None:
    nasty = Thing("<b>\"'&", ("<i>", "</i>"))
    assert fill("{{ t.title }}", t=nasty) == "&lt;b&gt;&#34;&#39;&amp;"
    assert fill("{{ '<u>' ~ t.title }}", t=nasty).startswith("&lt;u&gt;&lt;b&gt;")
    assert fill("{{ t.parts|join('<hr>') }}", t=nasty) == "&lt;i&gt;&lt;hr&gt;&lt;/i&gt;"
    assert fill("{{ t.title|e|replace('&lt;', '<') }}", t=nasty) == "&lt;b&gt;&#34;&#39;&amp;"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ a.__class__ }}", "cannot read '__class__'"),
        ("\n\n{{ a._secret }}", "offer.mjml, line 3: a mail template cannot read '_secret'"),
        ("{{ a['__class__'] }}", "cannot use [ ]"),
        ("{{ a.title.upper() }}", "cannot use calls"),
        ("{{ a|attr('__class__') }}", "No filter named 'attr'"),
        ("{{ a|safe }}", "No filter named 'safe'"),
        ("{{ a|map(attribute='__class__') }}", "No filter named 'map'"),
        ("{% autoescape false %}{{ a }}{% endautoescape %}", "cannot use autoescape"),
        ("{% set b = a %}", "cannot use set"),
        ("{% include 'x' %}", "cannot use include"),
        ("{% import 'x' as y %}", "cannot use import"),
        ("{% extends 'x' %}", "cannot use extends"),
        ("{% macro m() %}{% endmacro %}", "cannot use macro"),
        ("{% filter upper %}x{% endfilter %}", "cannot use filter"),
        ("{{ 'a' * 999999999 }}", "cannot use mul"),
        ("{{ 9 ** 9 ** 9 }}", "cannot use pow"),
        ("{% for i in range(9) %}{% endfor %}", "a loop goes over slots, rows or items"),
        ("{% for i in [1, 2] %}{% endfor %}", "a loop goes over slots, rows or items"),
        ("{% for i in a recursive %}{% endfor %}", "a loop goes over slots, rows or items"),
        ("{% for b in a %}" * 4 + "{% endfor %}" * 4, "loops are nested deeper than 3"),
        ("{% if %}", "Expected an expression"),
        ("{{ a", "unexpected end of template"),
    ],
)
def test_everything_else_is_refused_when_the_template_is_compiled(source: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        ENVIRONMENT.compile_mail(source, "offer.mjml")
    assert message in str(error.value)
    assert str(error.value).startswith("offer.mjml")


def test_a_name_that_does_not_exist_is_an_error() -> None:
    for source in ("{{ nobody }}", "{{ t.price }}", "{% if t.price %}x{% endif %}", "{{ t.title.real.name }}"):
        with pytest.raises(UndefinedError):
            fill(source, t=Thing("a"))
