"""From a request to a `Query`: checked once, here, and typed from then on."""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import ValidationError
from werkzeug import Request
from werkzeug.datastructures import LanguageAccept
from werkzeug.exceptions import ClientDisconnected
from werkzeug.http import parse_accept_header

from models.errors import InputError
from recsvc.engine import Query
from recsvc.experiments import NOTHING, Drawn, draw
from recsvc.faults import explained, location_of, shown
from recsvc.http.access import KEY_PARAMETER, customer_of
from recsvc.http.problems import ProblemError
from recsvc.http.schemas import ITEM_FIELDS, LARGEST_BODY, MOST_IDS, RecommendQuestion, RecommendRequest
from recsvc.http.service import Service
from recsvc.i18n import LANGUAGES, SOURCE_LANGUAGE
from recsvc.placements import SETTABLE, NotLetError, Placements, shaped, unknown_placement

LISTS = frozenset({*MOST_IDS, "fields"})
WHOLE_NUMBER = re.compile(r"(-?[0-9]{1,9})(\.0+)?")
# Questions kept as they were read, and how many bytes they have at most, with what the browser says of languages.
MOST_KEPT, LONGEST_KEPT = 2_000, 512
# Ids that need no decoding, and what stands before them; nothing else in an address or in JSON looks like that.
IN_ADDRESS = re.compile(rb"((?:^|(?<=&))(?:customer_id|session_id)=)([A-Za-z0-9._~-]{1,200})(?=&|$)")
IN_BODY = re.compile(rb'("(?:customer_id|session_id)"[ \t\r\n]*:[ \t\r\n]*")([A-Za-z0-9._~-]{1,200})(?=")')
# What a kept question has in the place of an id; nobody can know them, and so give them.
ANY_CUSTOMER, ANY_SESSION = secrets.token_hex(16), secrets.token_hex(16)
JSON = "application/json"
USUAL_DIGITS = 5  # of a body's length
ANYBODY, ANY_VISIT = ANY_CUSTOMER.encode(), ANY_SESSION.encode()
# Of these an address holds JSON.
IN_JSON = ("filter", "boost", "diversity", "pins")


@dataclass(frozen=True)
class Question:
    """A checked request: the query, the item fields to answer with, whether Accept-Language had a say,
    whether each item is to be explained, the token that stands for the customer, the visit, the placement or '', and
    what experiments make of it."""

    query: Query
    fields: Sequence[str]
    negotiated: bool
    explain: bool
    customer_token: str | None
    session_id: str | None
    placement: str
    drawn: Drawn = NOTHING

    @property
    def personal(self) -> bool:
        """Whether the answer is about one visitor, so that no cache may keep it."""
        query = self.query
        return bool(query.customer_id or self.customer_token or self.session_id or query.session_items or self.explain)

    def by(self, customer_id: str | None, session_id: str | None) -> "Question":
        """The same question of another customer or visit."""
        same = object.__new__(Question)
        same.__dict__.update(self.__dict__, query=self.query.by(customer_id), session_id=session_id)
        return same


Reader = Callable[[bytes, Request, Service], Question]


def question_from_address(request: Request, service: Service) -> Question:
    """Read the query string. Lists are repeated parameters or commas: `items=a,b&items=c`; an empty id does not count,
    so that a page with an empty cart may ask `items=`.

    `filter`, `boost`, `diversity` and `pins` are JSON. Raises ProblemError (400, 404) that names what is at fault.
    """
    return _again(request.query_string, request, service, _from_address)


def _from_address(asked: bytes, request: Request, service: Service) -> Question:
    values: dict[str, Any] = {}
    arguments = Request({**request.environ, "QUERY_STRING": asked.decode("latin-1")}).args
    for name, given in arguments.lists():
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
            if name in IN_JSON:
                values[name] = _json_in(name, given[0])
                continue
            number = WHOLE_NUMBER.fullmatch(given[0]) if name == "n" else None
            values[name] = int(number[1]) if number else given[0]
            if name == "explain":
                values[name] = {"true": True, "false": False}.get(given[0], given[0])
    try:
        read = RecommendRequest.model_validate(values)
    except ValidationError as error:
        raise bad_request(error, asked=RecommendRequest, in_body=False) from None
    return question_of(read, request, service, in_body=False, explain=read.explain)


def question_from_body(request: Request, service: Service) -> Question:
    """Read a JSON body. Raises ProblemError: 415 for another type, 413 when too large, 400 naming what is at fault."""
    if request.environ.get("CONTENT_TYPE") != JSON and request.mimetype != JSON:
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the body is {shown(request.mimetype) if request.mimetype else 'of no named type'};"
            " send JSON with Content-Type: application/json",
            headers={"Accept": "application/json"},
        )
    body = _body(request)
    if len(body) > LARGEST_BODY:
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {LARGEST_BODY} bytes")
    return _again(body, request, service, _from_body)


def _body(request: Request) -> bytes:
    length = request.environ.get("CONTENT_LENGTH", "")
    if length.isdecimal() and len(length) <= USUAL_DIGITS:
        # werkzeug's stream, which sees to it that no more is read than there is, takes longer than all else here.
        body: bytes = request.environ["wsgi.input"].read(int(length))
        if len(body) < int(length):
            raise ClientDisconnected
        return body
    return request.get_data(cache=False)


def _from_body(body: bytes, request: Request, service: Service) -> Question:
    try:
        asked = RecommendRequest.model_validate_json(body)
    except ValidationError as error:
        raise bad_request(error, asked=RecommendRequest, in_body=True) from None
    return question_of(asked, request, service, in_body=True, explain=asked.explain)


def _again(asked: bytes, request: Request, service: Service, read: Reader) -> Question:
    """The question, read once while the same one is asked again, be it by somebody else, and means the same."""
    languages = request.environ.get("HTTP_ACCEPT_LANGUAGE", "")
    if len(asked) + len(languages) > LONGEST_KEPT or service.experiments.current():
        return read(asked, request, service)
    # What stands before an id, the id, what stands before the next one, and so on.
    parts = (IN_BODY if request.method == "POST" else IN_ADDRESS).split(asked)
    if len(parts) == 1:
        return _kept(asked, languages, request, service, read)
    ids = {ANYBODY if b"customer_id" in name else ANY_VISIT: at for at, name in enumerate(parts) if at % 3 == 1}
    said = {name: parts[at + 1].decode() for name, at in ids.items()}
    for name, at in ids.items():
        parts[at + 1] = name
    try:
        known = _kept(b"".join(parts), languages, request, service, read)
    except ProblemError:
        return read(asked, request, service)  # its message repeats what was asked
    customer, visit = known.query.customer_id, known.session_id
    if (customer == ANY_CUSTOMER) != (ANYBODY in said) or (visit == ANY_SESSION) != (ANY_VISIT in said):
        return read(asked, request, service)  # an id was given twice
    return known.by(said.get(ANYBODY, customer), said.get(ANY_VISIT, visit))


def _kept(asked: bytes, languages: str, request: Request, service: Service, read: Reader) -> Question:
    place = request.method, asked, languages
    placements = service.placements.current()
    known: tuple[Question, Placements] | None = service.questions.get(place)
    if known is not None and known[1] is placements:
        return known[0]
    question = read(asked, request, service)
    if not question.query.seen:
        if len(service.questions) >= MOST_KEPT:
            service.questions.clear()
        service.questions[place] = question, placements
    return question


def question_of(
    asked: RecommendQuestion, request: Request, service: Service, *, in_body: bool, explain: bool = False
) -> Question:
    """The question with what its placement says and what other lists of the page show.

    Raises ProblemError: 404 for a placement and a recommendation_id that this service does not have, 400 for a field
    that the placement does not let requests set.
    """
    placement = None
    drawn = _drawn(asked, request, service)
    if asked.placement is not None:
        placements = service.placements.current()
        placement = placements.get(asked.placement)
        if placement is None:
            detail = unknown_placement(asked.placement, placements)
            raise _problem(HTTPStatus.NOT_FOUND, ("placement",), detail, in_body=in_body)
    if drawn.placement and (of_arm := service.placements.current().get(drawn.placement)) is not None:
        # What requests may set is the same in every arm, so that none of them is refused in one alone.
        let = list(SETTABLE) if placement is None else placement.requests_set
        placement = of_arm.model_copy(update={"requests_set": let})
    try:
        wishes = shaped(asked, asked.placement or drawn.placement, placement)
    except NotLetError as error:
        raise _problem(HTTPStatus.BAD_REQUEST, (error.field,), str(error), in_body=in_body) from None
    if drawn.scenario:
        wishes["scenario"] = drawn.scenario
    query = Query(
        customer_id=asked.customer_id,
        items=tuple(asked.items),
        session_items=tuple(asked.session_items),
        exclude=tuple(asked.exclude),
        seen=_seen(asked.exclude_seen, service, in_body=in_body) if asked.exclude_seen else (),
        locale=asked.locale or preferred_language(request.headers.get("Accept-Language", "")),
        **wishes,
    )
    fields = ITEM_FIELDS if asked.fields is None else asked.fields
    return Question(
        query,
        fields,
        negotiated=asked.locale is None,
        explain=explain,
        customer_token=asked.customer_token,
        session_id=asked.session_id,
        placement=asked.placement or "",
        drawn=drawn,
    )


def _drawn(asked: RecommendQuestion, request: Request, service: Service) -> Drawn:
    """What experiments make of the question; of a customer more than of a visit, of a page for nobody nothing."""
    experiments = service.experiments.current()
    if not experiments:
        return NOTHING
    token = asked.customer_token
    vouched = customer_of(token, request, service).customer_id if token is not None else None
    return draw(experiments, asked.customer_id or vouched or asked.session_id, asked.placement, asked.scenario)


def _seen(recommendation_ids: Sequence[str], service: Service, *, in_body: bool) -> tuple[int, ...]:
    """What these lists show, as `hash_id`s."""
    shown_items: dict[int, None] = {}
    for number, text in enumerate(recommendation_ids):
        try:
            shown_items.update(dict.fromkeys(service.signer.read(text).items))
        except InputError as error:
            detail = f"exclude_seen[{number}]: {error}"
            raise _problem(HTTPStatus.NOT_FOUND, ("exclude_seen", number), detail, in_body=in_body) from None
    return tuple(shown_items)


def _json_in(name: str, text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        detail = f"{name} is not JSON: {error}"
        raise _problem(HTTPStatus.BAD_REQUEST, (name,), detail, in_body=False) from None


def _problem(status: HTTPStatus, location: Sequence[int | str], detail: str, *, in_body: bool) -> ProblemError:
    return ProblemError(status, detail, errors=[{**_place(location, in_body=in_body), "detail": detail}])


def _place(location: Sequence[int | str], *, in_body: bool) -> dict[str, str]:
    return {"pointer": pointer(location)} if in_body else {"parameter": str(location[0])}


def preferred_language(accepted: str) -> str:
    """The language of ours that an Accept-Language header likes best; English when it likes none.

    Of a header that is longer than any browser's only the beginning is read, and kept.
    """
    return _preferred(accepted[:LONGEST_KEPT])


@lru_cache(maxsize=1024)
def _preferred(accepted: str) -> str:
    best = parse_accept_header(accepted, LanguageAccept).best_match(LANGUAGES)
    return best or SOURCE_LANGUAGE


def bad_request(error: ValidationError, *, asked: type[RecommendQuestion], in_body: bool) -> ProblemError:
    """The problem that says what is wrong with a question."""
    faults = error.errors(include_url=False)
    if faults[0]["type"] == "json_invalid":
        detail = f"the body is not JSON: {faults[0]['msg'].removeprefix('Invalid JSON: ')}"
        return ProblemError(HTTPStatus.BAD_REQUEST, detail, errors=[{"pointer": "#", "detail": detail}])
    errors = []
    for fault in faults[:20]:
        place = _place(location_of(fault), in_body=in_body)
        errors.append({**place, "detail": explained(fault, asked.model_fields)})
    return ProblemError(HTTPStatus.BAD_REQUEST, "; ".join(entry["detail"] for entry in errors[:3]), errors=errors)


def pointer(location: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901) as a fragment."""
    return "#" + "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)
