"""The schemas of filters and boosts, which readers of ours check, as the OpenAPI document has them."""

from typing import Any

from recsvc.engine.filters import (
    DEEPEST,
    EQUAL,
    GREATEST_FACTOR,
    IDS,
    LEAST_FACTOR,
    LISTED,
    LONGEST_TEXT,
    MOST_CONDITIONS,
    MOST_VALUES,
    NUMBERS,
    ORDER,
    PARTIAL,
    TEXTS,
)
from recsvc.wishes import SCHEMA

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
NUMBER: Schema = {"type": "number"}
REFERENCE = "#/components/schemas/"


def wish_schemas() -> dict[str, Schema]:
    """By name: Filter, one for each depth within it, and Boost."""
    factor = {"type": "number", "minimum": LEAST_FACTOR, "maximum": GREATEST_FACTOR}
    return {
        "Filter": {
            "title": "Filter",
            "description": "A condition on what the catalogue says of an item, or several, joined by `and`, `or` and"
            " `not`. `price` is what the item costs now, `discount` the share (0 to 1) by which that is below its"
            " regular price.",
            "anyOf": _nested(1),
        },
        **{
            f"Filter{depth}": {"title": f"Filter, {depth} deep", "anyOf": _nested(depth)}
            for depth in range(2, DEEPEST + 1)
        },
        "Boost": {
            "title": "Boost",
            "description": "A condition; the score of an item that meets it is multiplied by `factor`.",
            "anyOf": _conditions({"factor": factor}),
        },
    }


def _nested(depth: int) -> list[Schema]:
    """What a filter can be at a depth, from 1; at the deepest it is a condition."""
    if depth == DEEPEST:
        return _conditions({})
    deeper = {"$ref": f"{REFERENCE}Filter{depth + 1}"}
    parts = {"type": "array", "items": deeper, "minItems": 1, "maxItems": MOST_CONDITIONS}
    return [*_conditions({}), _object({"and": parts}), _object({"or": parts}), _object({"not": deeper})]


def _conditions(more: Schema) -> list[Schema]:
    """One schema for each kind of value; `more` are further members."""

    def condition(fields: tuple[str, ...], ops: tuple[str, ...], value: Schema) -> Schema:
        members = {"field": {"type": "string", "enum": list(fields)}, "op": {"type": "string", "enum": list(ops)}}
        return _object({**members, "value": value, **more})

    def several(one: Schema) -> Schema:
        return {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_VALUES}

    return [
        condition(NUMBERS, (*EQUAL, *ORDER), NUMBER),
        condition(NUMBERS, LISTED, several(NUMBER)),
        condition((*TEXTS, *IDS), EQUAL, TEXT),
        condition(TEXTS, PARTIAL, TEXT),
        condition((*TEXTS, *IDS), LISTED, several(TEXT)),
        condition((*NUMBERS, *TEXTS, *IDS), ("exists",), {"type": "boolean"}),
    ]


def _object(members: Schema) -> Schema:
    return {
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


def with_references(schema: Any) -> Any:
    """The schema with references where pydantic's stands for one of these."""
    if isinstance(schema, list):
        return [with_references(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if str(schema.get("format", "")).startswith(SCHEMA):
        return {"$ref": REFERENCE + schema["format"].removeprefix(SCHEMA)}
    return {name: with_references(part) for name, part in schema.items()}
