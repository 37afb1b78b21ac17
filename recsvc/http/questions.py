"""From a request to a `Query`: checked once, here, and typed from then on."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from flask import Request
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from recsvc.engine import Query
from recsvc.http.access import KEY_PARAMETER
from recsvc.http.problems import ProblemError
from recsvc.http.schemas import ITEM_FIELDS, LARGEST_BODY, MOST_IDS, RecommendRequest
from recsvc.i18n import LANGUAGES, SOURCE_LANGUAGE

LISTS = frozenset({*MOST_IDS, "fields"})
WHOLE_NUMBER = re.compile(r"(-?[0-9]{1,9})(\.0+)?")
SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Question:
    """A checked request: the query, the item fields to answer with, whether Accept-Language had a say,
    whether each item is to be explained, the token that stands for the customer, and the visit."""

    query: Query
    fields: Sequence[str]
    negotiated: bool
    explain: bool
    customer_token: str | None
    session_id: str | None

    @property
    def personal(self) -> bool:
        """Whether the answer is about one visitor, so that no cache may keep it."""
        somebody = any((self.query.customer_id, self.customer_token, self.session_id))
        return somebody or bool(self.query.session_items) or self.explain


def question_from_address(request: Request) -> Question:
    """Read the query string. Lists are repeated parameters or commas: `items=a,b&items=c`; an empty id does not count,
    so that a page with an empty cart may ask `items=`.

    Raises ProblemError (400) that names each parameter at fault.
    """
    values: dict[str, Any] = {}
    for name, given in request.args.lists():
        if name == KEY_PARAMETER:
            continue
        if name in LISTS:
            parts = [part for text in given for part in text.split(",")]
            droppable = len(parts) <= MOST_IDS.get(name, 0)
            values[name] = [part for part in parts if part] if droppable else parts
        elif len(given) > 1:
            detail = f"{shown(name)} is given {len(given)} times; expected once"
            raise ProblemError(HTTPStatus.BAD_REQUEST, detail, errors=[{"parameter": name, "detail": detail}])
        else:
            number = WHOLE_NUMBER.fullmatch(given[0]) if name == "n" else None
            values[name] = int(number[1]) if number else given[0]
            if name == "explain":
                values[name] = {"true": True, "false": False}.get(given[0], given[0])
    try:
        asked = RecommendRequest.model_validate(values)
    except ValidationError as error:
        raise _bad_request(error, in_body=False) from None
    return _question(asked, request)


def question_from_body(request: Request) -> Question:
    """Read a JSON body. Raises ProblemError: 415 for another type, 413 when too large, 400 naming what is at fault."""
    if request.mimetype != "application/json":
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the body is {shown(request.mimetype) if request.mimetype else 'of no named type'};"
            " send JSON with Content-Type: application/json",
            headers={"Accept": "application/json"},
        )
    body = request.get_data(cache=False)
    if len(body) > LARGEST_BODY:
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {LARGEST_BODY} bytes")
    try:
        asked = RecommendRequest.model_validate_json(body)
    except ValidationError as error:
        raise _bad_request(error, in_body=True) from None
    return _question(asked, request)


def _question(asked: RecommendRequest, request: Request) -> Question:
    query = Query(
        customer_id=asked.customer_id,
        items=tuple(asked.items),
        session_items=tuple(asked.session_items),
        scenario=asked.scenario,
        n=asked.n,
        exclude=tuple(asked.exclude),
        locale=asked.locale or preferred_language(request.headers.get("Accept-Language", "")),
    )
    fields = ITEM_FIELDS if asked.fields is None else asked.fields
    return Question(
        query,
        fields,
        negotiated=asked.locale is None,
        explain=asked.explain,
        customer_token=asked.customer_token,
        session_id=asked.session_id,
    )


@lru_cache(maxsize=1024)
def preferred_language(accepted: str) -> str:
    """The language of ours that an Accept-Language header likes best; English when it likes none."""
    best = parse_accept_header(accepted, LanguageAccept).best_match(LANGUAGES)
    return best or SOURCE_LANGUAGE


def _bad_request(error: ValidationError, *, in_body: bool) -> ProblemError:
    faults = error.errors(include_url=False, include_context=False)
    if faults[0]["type"] == "json_invalid":
        detail = f"the body is not JSON: {faults[0]['msg'].removeprefix('Invalid JSON: ')}"
        return ProblemError(HTTPStatus.BAD_REQUEST, detail, errors=[{"pointer": "#", "detail": detail}])
    errors = []
    for fault in faults[:20]:
        place = {"pointer": pointer(fault["loc"])} if in_body else {"parameter": str(fault["loc"][0])}
        errors.append({**place, "detail": explained(fault)})
    return ProblemError(HTTPStatus.BAD_REQUEST, "; ".join(entry["detail"] for entry in errors[:3]), errors=errors)


def pointer(location: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901) as a fragment."""
    return "#" + "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


def explained(fault: ErrorDetails) -> str:
    """'n is 0: input should be greater than or equal to 1'."""
    location = fault["loc"]
    if not location:
        return "the body is not a JSON object"
    name = shown(str(location[0]))
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(location[0])[:100], RecommendRequest.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(RecommendRequest.model_fields)}"
        return f"{name} is not a field of this request; {hint}"
    entry = f"{name}[{location[1]}]" if len(location) > 1 else name
    message = fault["msg"]
    return f"{entry} is {shown_value(fault['input'])}: {message[:1].lower()}{message[1:]}"


def shown(text: str) -> str:
    """Text from outside, cut short and on one line."""
    cut = text[:SHOWN_CHARACTERS] + ("…" if len(text) > SHOWN_CHARACTERS else "")
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in cut)


def shown_value(value: Any) -> str:
    """A value from outside as the message names it."""
    if isinstance(value, str):
        return f"'{shown(value)}'"
    if isinstance(value, (list, dict)):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    return shown(repr(value)) if value is not None else "null"
