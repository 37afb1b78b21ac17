"""`/recommend/batch`: questions as JSON lines in, answers as JSON lines out, in the same order."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from itertools import islice
from typing import Any

import orjson
from flask import Blueprint, Request, Response, g, request
from pydantic import ValidationError

from recsvc.engine import Answer, Engine
from recsvc.http.access import customer_asked_for, require
from recsvc.http.caching import PRIVATE
from recsvc.http.exploring import explored, wider
from recsvc.http.happened import as_it_is_now
from recsvc.http.problems import ProblemError, problem_body
from recsvc.http.questions import Question, bad_request, question_of
from recsvc.http.recommend import to_json
from recsvc.http.schemas import LARGEST_BATCH, LONGEST_LINE, MOST_LINES, BatchLine
from recsvc.http.service import STREAMED, Service
from recsvc.keys import Scope

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/x-ndjson"
BLOCK = 64


@dataclass(frozen=True)
class Line:
    """A line of the body by its number, from 1; `query_id` is repeated in its answer. Of question and problem one is
    there."""

    number: int
    query_id: str | None = None
    question: Question | None = None
    problem: ProblemError | None = None


def blueprint(service: Service) -> Blueprint:
    """The route."""
    routes = Blueprint("batch", __name__)

    @routes.post("/recommend/batch")
    def batch() -> Response:
        return respond(service)

    return routes


def respond(service: Service) -> Response:
    """Check the request as a whole, then answer block by block while the answers are sent."""
    require(Scope.SERVER, request, service)
    lines = lines_of(request)
    engine, now, request_id = service.live.current(), service.clock(), g.request_id
    # The questions are read at once, while the request is at hand; the answers are made as they are sent.
    read = [_read(number, text, request, engine, service) for number, text in lines]
    answers = _answers(read, engine, service, now, request_id)
    request.environ[STREAMED] = True
    return Response(answers, 200, [("Cache-Control", PRIVATE)], content_type=MEDIA_TYPE)


def lines_of(asked: Request) -> list[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers. Raises ProblemError: 415, 413."""
    if asked.mimetype != MEDIA_TYPE:
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the body must be JSON lines with Content-Type: {MEDIA_TYPE}",
            headers={"Accept": MEDIA_TYPE},
        )
    asked.max_content_length = LARGEST_BATCH + 1
    body = asked.get_data(cache=False)
    if len(body) > LARGEST_BATCH:
        raise too_large(f"the body is larger than {LARGEST_BATCH} bytes")
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    if len(lines) > MOST_LINES:
        raise too_large(f"the body has {len(lines)} lines; send at most {MOST_LINES} at a time")
    return lines


def too_large(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


def _read(number: int, text: bytes, asked: Request, engine: Engine, service: Service) -> Line:
    query_id = None
    try:
        if len(text) > LONGEST_LINE:
            raise too_large(f"the line is longer than {LONGEST_LINE} bytes")
        try:
            line = BatchLine.model_validate_json(text)
        except ValidationError as error:
            raise bad_request(error, asked=BatchLine, in_body=True) from None
        query_id = line.query_id
        question = question_of(line, asked, service, in_body=True)
        customer = customer_asked_for(line.customer_id, line.customer_token, Scope.SERVER, asked, service)
    except ProblemError as problem:
        return Line(number, query_id, problem=problem)
    model = question.drawn.model
    of_model = service.shelf.engine(model) if model else engine
    query = as_it_is_now(replace(question.query, customer_id=customer), question.session_id, of_model, asked, service)
    return Line(number, query_id, replace(question, query=query))


def _answers(
    lines: Sequence[Line], engine: Engine, service: Service, now: datetime, request_id: str
) -> Iterator[bytes]:
    waiting = iter(lines)
    while block := list(islice(waiting, BLOCK)):
        answered: dict[int, Answer] = {}
        for model in {line.question.drawn.model for line in block if line.question is not None}:
            of_model = [line for line in block if line.question is not None and line.question.drawn.model == model]
            answered |= _answer_block(of_model, service.shelf.engine(model) if model else engine, now)
        yield b"".join(
            orjson.dumps(_body(line, answered.get(line.number), service, now, request_id)) + b"\n" for line in block
        )


def _answer_block(block: Sequence[Line], engine: Engine, now: datetime) -> dict[int, Answer]:
    """The answers by their lines' numbers; those that the engine failed on are missing."""
    asked = {
        line.number: wider(line.question.query, line.question.drawn) for line in block if line.question is not None
    }
    try:
        return dict(zip(asked, engine.recommend_many(asked.values(), now=now), strict=True))
    except Exception:
        log.exception("block failed")
    answers = {}
    for number, query in asked.items():
        try:
            answers[number] = engine.recommend(query, now=now)
        except Exception:
            log.exception("line failed", extra={"line": number})
    return answers


def _body(line: Line, answer: Answer | None, service: Service, now: datetime, request_id: str) -> dict[str, Any]:
    named = {} if line.query_id is None else {"query_id": line.query_id}
    if answer is None or line.question is None:
        problem = line.problem or ProblemError(
            HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed on this line; its log says why under the request id"
        )
        return {"line": line.number, **named, **problem_body(problem, request_id)}
    answer, arms = explored(answer, line.question.drawn, line.question.query.n)
    service.metrics.count_listed(answer.query.scenario, answer.fallback, answer.sources)
    shown = [item.product.item_id for item in answer.items]
    signed = service.signer.sign(
        answer.model_version,
        answer.query.scenario,
        now,
        shown,
        placement=line.question.placement,
        arms=arms,
    )
    return {"line": line.number, **named, **to_json(answer, line.question), "recommendation_id": signed}
