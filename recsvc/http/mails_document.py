"""The routes of mails in the OpenAPI document."""

from collections.abc import Callable, Mapping
from typing import Any

from recsvc.i18n import LANGUAGES

HTML = {"text/html": {"schema": {"type": "string"}}}
TOKEN = {"name": "token", "in": "path", "required": True, "schema": {"type": "string"}, "description": "Of a mail."}


def mail_paths(security: list[dict[str, list[str]]], problems: Callable[..., Mapping[str, Any]]) -> dict[str, Any]:
    """Paths and operations; `problems` makes the answers for codes."""
    return {
        "/offers/{customer_id}": {"get": _offer(security, problems)},
        "/u/{token}": {"get": _ask(problems), "post": _unsubscribe(problems)},
        "/c/{token}": {"get": _click(problems)},
    }


def _offer(security: list[dict[str, list[str]]], problems: Callable[..., Mapping[str, Any]]) -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "operationId": "offer",
        "tags": ["mails"],
        "summary": "What one customer is offered in a campaign",
        "description": "As `recsvc offers export` writes it, as the mail's HTML, or as its text. Nothing is given or"
        " written down. Needs a `server` key. The campaign is a file in `campaigns/` of the store; a customer who may"
        " not be written to is a 404 that says why.",
        "security": security,
        "parameters": [
            {"name": "customer_id", "in": "path", "required": True, "schema": text},
            {"name": "campaign", "in": "query", "required": True, "schema": text, "description": "Its id."},
            {"name": "format", "in": "query", "schema": {"type": "string", "enum": ["json", "html", "text"]}},
            {"name": "locale", "in": "query", "schema": {"type": "string", "enum": sorted(LANGUAGES)}},
        ],
        "responses": {
            "200": {
                "description": "The offer.",
                "content": {
                    "application/json": {"schema": {"type": "object"}},
                    **HTML,
                    "text/plain": {"schema": text},
                },
            },
            **problems(400, 401, 403, 404, 429, 500, 503),
        },
    }


def _ask(problems: Callable[..., Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "operationId": "askToUnsubscribe",
        "tags": ["mails"],
        "summary": "A page that asks whether to unsubscribe",
        "description": "Changes nothing: scanners open every link of a mail.",
        "parameters": [TOKEN],
        "responses": {
            "200": {"description": "A page with a button.", "content": HTML},
            "404": {"description": "A page: the link is damaged.", "content": HTML},
            **problems(500),
        },
    }


def _unsubscribe(problems: Callable[..., Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "operationId": "unsubscribe",
        "tags": ["mails"],
        "summary": "Unsubscribe with one click (RFC 8058)",
        "description": "No key, no cookie, any body; the same again changes nothing. The link does not expire.",
        "parameters": [TOKEN],
        "responses": {
            "200": {"description": "Unsubscribed.", "content": HTML},
            "404": {"description": "A page: the link is damaged.", "content": HTML},
            **problems(413, 500, 503),
        },
    }


def _click(problems: Callable[..., Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "operationId": "click",
        "tags": ["mails"],
        "summary": "A click in a mail",
        "description": "Leads to the item's page, which is looked up here; the link carries no address. Written down"
        " while its reader agrees to that.",
        "parameters": [TOKEN],
        "responses": {
            "303": {"description": "To the item.", "headers": {"Location": {"schema": {"type": "string"}}}},
            **problems(404, 500, 503),
        },
    }
