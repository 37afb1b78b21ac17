import io
import json
import logging

from recsvc.http.logs import JsonFormatter


def lines_of(*records: logging.LogRecord) -> list[dict[str, object]]:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonFormatter())
    for record in records:
        handler.emit(record)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_record_is_one_line_with_what_the_caller_adds() -> None:
    record = logging.makeLogRecord(
        {
            "name": "recsvc.x",
            "levelname": "WARNING",
            "msg": "lost %d",
            "args": (3,),
            "created": 0.5,
            "request_id": "r\n1",
        }
    )
    assert lines_of(record) == [
        {
            "time": "1970-01-01T00:00:00.500+00:00",
            "level": "warning",
            "logger": "recsvc.x",
            "message": "lost 3",
            "request_id": "r\n1",
        }
    ]


def test_an_exception_stays_on_the_line() -> None:
    try:
        raise KeyError("missing")
    except KeyError as error:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": (type(error), error, error.__traceback__)})
    [line] = lines_of(record)
    assert "KeyError: 'missing'" in str(line["exception"])


def test_what_json_does_not_know_is_said_in_words() -> None:
    [line] = lines_of(logging.makeLogRecord({"msg": "m", "value": {1: {2, 3}}, "odd": object}))
    assert (line["value"], line["odd"]) == ({"1": "{2, 3}"}, "<class 'object'>")
