"""The OpenAPI document as /docs shows it: operations with their fields, answers and lines to try."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from recsvc.http.batch_document import MEDIA_TYPE

# What to try first, by operation: a label, and the parameters of the address or the body.
TRIALS: Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]] = {
    "recommend": (
        ("What is popular", {}),
        ("For a customer", {"customer_id": "900"}),
        ("What goes with two items, in German", {"items": "1082185,995242", "scenario": "complements", "locale": "de"}),
    ),
    "recommendFromBody": (
        ("For a customer, three items, two fields each", {"customer_id": "900", "n": 3, "fields": ["title", "reason"]}),
    ),
    "events": (("A look at an item", {"type": "view", "session_id": "s-81", "items": ["1082185"]}),),
}


@dataclass(frozen=True)
class Field:
    """One row of a table: a parameter, or a member of an object."""

    name: str
    kind: str
    about: str
    required: bool


@dataclass(frozen=True)
class Reply:
    """One way an operation ends; `schema` names a schema of the page, if it is one."""

    code: str
    about: str
    schema: str | None


@dataclass(frozen=True)
class Trial:
    """A line for the shell."""

    label: str
    command: str


@dataclass(frozen=True)
class DescribedOperation:
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    fields: tuple[Field, ...]
    replies: tuple[Reply, ...]
    trials: tuple[Trial, ...]
    example: str | None
    keyed: bool


@dataclass(frozen=True)
class DescribedSchema:
    """One schema as the page shows it."""

    name: str
    about: str
    fields: tuple[Field, ...]


def operations_of(document: Mapping[str, Any], base: str) -> list[DescribedOperation]:
    """Every operation in the document's order; `base` is the address that the lines to try start with."""
    return [
        _described(document, base, path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def schemas_of(document: Mapping[str, Any]) -> list[DescribedSchema]:
    """Every schema of an answer; a request's fields stand with its operation."""
    return [
        DescribedSchema(name, schema.get("description", ""), tuple(_members(schema)))
        for name, schema in document["components"]["schemas"].items()
        if name != "RecommendRequest"
    ]


def _described(
    document: Mapping[str, Any], base: str, path: str, method: str, operation: Mapping[str, Any]
) -> DescribedOperation:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    fields = [
        Field(parameter["name"], _kind_of_parameter(parameter), parameter.get("description", ""), False)
        for parameter in operation.get("parameters", ())
    ]
    if body:
        first = body["schema"].get("anyOf", [body["schema"]])[0]
        fields = [*_members(document["components"]["schemas"][_name(first)]), *fields]
    replies = []
    for code, response in operation["responses"].items():
        contents: list[Mapping[str, Any]] = list(response.get("content", {}).values())
        schema = contents[0]["schema"] if contents else {}
        replies.append(Reply(code, response["description"], _name(schema) or None))
    good: Mapping[str, Any] = next(iter(next(iter(operation["responses"].values())).get("content", {}).values()), {})
    keyed = "security" in operation
    return DescribedOperation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        about=operation.get("description", ""),
        fields=tuple(fields),
        replies=tuple(replies),
        trials=tuple(_trials(operation, base + path, in_body=body is not None)),
        example=_shown_example(good.get("example")),
        keyed=keyed,
    )


def _kind_of_parameter(parameter: Mapping[str, Any]) -> str:
    if "schema" in parameter:
        return kind_of(parameter["schema"])
    return f"{kind_of(parameter['content']['application/json']['schema'])}, as JSON"


def _trials(operation: Mapping[str, Any], address: str, *, in_body: bool) -> Iterator[Trial]:
    lines = operation.get("requestBody", {}).get("content", {}).get(MEDIA_TYPE)
    if lines is not None:
        send = f"curl -H 'Content-Type: {MEDIA_TYPE}' --data-binary @- {shlex.quote(address)}"
        yield Trial("", f"{send} <<'END'\n{lines['example']}END")
        return
    for label, values in TRIALS.get(operation["operationId"], (("", {}),)):
        yield Trial(label, _curl(address, values, in_body=in_body))


def _shown_example(example: Any) -> str | None:
    return example if example is None or isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)


def _curl(address: str, values: Mapping[str, Any], *, in_body: bool) -> str:
    if in_body:
        body = shlex.quote(json.dumps(values))
        return f"curl {shlex.quote(address)} \\\n  --json {body}"
    query = "?" + urlencode(values, quote_via=quote, safe=",") if values else ""
    return f"curl {shlex.quote(address + query)}"


def _members(schema: Mapping[str, Any]) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        yield Field(name, kind_of(member), member.get("description", ""), name in required)


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def kind_of(schema: Mapping[str, Any]) -> str:
    """A schema in a few words: 'whole number, 1 to 100', 'list of text', 'text or null'."""
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        return " or ".join(kind_of(option) for option in schema["anyOf"])
    if "const" in schema:
        return f"“{schema['const']}”"
    if "enum" in schema:
        return " · ".join(map(str, schema["enum"]))
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items", {})
        return f"list of {kind_of(items)}" if "enum" not in items else f"list, from {kind_of(items)}"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no", "null": "null"}
    name = "time" if schema.get("format") == "date-time" else words.get(str(kind), "anything")
    if "minimum" in schema and "maximum" in schema:
        return f"{name}, {schema['minimum']} to {schema['maximum']}"
    return name
