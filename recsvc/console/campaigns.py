"""Campaigns: checked and counted while they are edited, exported, and what they brought."""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request

from models.errors import InputError, RecsvcError
from recsvc.console.campaign_files import LONGEST, CampaignFiles, Checked, Reach, digest
from recsvc.console.desk import Desk, to
from recsvc.console.exporting import FORMATS, Exports
from recsvc.console.previews import Previews
from recsvc.console.reach import reach_of
from recsvc.console.reasons_out import refusal_words
from recsvc.console.sessions import PATH
from recsvc.http.mails import MAIL_POLICY
from recsvc.http.problems import ProblemError
from recsvc.http.service import STREAMED
from recsvc.measure.report import page_values
from recsvc.measure.written import Words
from recsvc.offers.ready import NAMES

log = logging.getLogger(__name__)
CHUNK = 1 << 18
FRAMED = MAIL_POLICY + "; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"


def add_to(routes: Blueprint, desk: Desk) -> None:
    """The pages and what they do."""
    pages = CampaignPages(desk)
    routes.add_url_rule("/campaigns", "campaigns", pages.campaigns)
    routes.add_url_rule("/campaigns", "make_campaign", pages.make, methods=["POST"])
    routes.add_url_rule("/campaigns/<name>", "campaign", pages.campaign)
    routes.add_url_rule("/campaigns/<name>", "save_campaign", pages.save, methods=["POST"])
    routes.add_url_rule("/campaigns/<name>/check", "check_campaign", pages.check, methods=["POST"])
    routes.add_url_rule("/campaigns/<name>/mail", "mail", pages.mail)
    routes.add_url_rule("/campaigns/<name>/export", "progress", pages.progress)
    routes.add_url_rule("/campaigns/<name>/export", "export", pages.export, methods=["POST"])
    routes.add_url_rule("/campaigns/<name>/files/<file>", "download", pages.download)


class CampaignPages:
    """The pages of one desk, the parts that they ask for by script, and what they do."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._files, self._exports = CampaignFiles(desk.service.settings.store), Exports(desk.service.settings)
        self._previews = Previews(desk, self._files)

    def campaigns(self) -> Response:
        """All of them, each checked."""
        return self._overview()

    def _overview(self, problem: str = "") -> Response:
        status = HTTPStatus.CONFLICT if problem else HTTPStatus.OK
        names, check = self._files.names(), self._files.check
        rows = [(name, check(name, self._files.read(name)), self._exports.job(name)) for name in names]
        return self._desk.page("campaigns.html", status=status, rows=rows, ready=NAMES, problem=problem)

    def make(self) -> Response:
        """A new campaign from a ready one."""
        name, ready = request.form.get("name", "").strip(), request.form.get("ready", "")
        try:
            self._files.make(name, ready)
        except RecsvcError as error:
            return self._overview(str(error))
        self._tell("campaign made", name)
        return to(f"{PATH}/campaigns/{name}")

    def campaign(self, name: str) -> Response:
        text = self._found(name)
        return self._page_of(name, text, digest(text), done=request.args.get("done", ""))

    def save(self, name: str) -> Response:
        """Write the text down, if it is right and nobody else changed it; or only check it, where script does not."""
        self._found(name)
        text, before = _text(), request.form.get("before", "")
        if "check" in request.form:
            return self._page_of(name, text, before)
        checked = self._files.check(name, text)
        if checked.campaign is None:
            words = self._desk.visitor().words.gettext(
                "Not saved: a service that runs must not meet a campaign that is wrong."
            )
            return self._page_of(name, text, before, status=HTTPStatus.CONFLICT, problem=words)
        try:
            self._files.save(name, text, instead_of=before)
        except RecsvcError as error:
            return self._page_of(name, text, before, status=HTTPStatus.CONFLICT, problem=str(error))
        self._tell("campaign saved", name)
        return to(f"{PATH}/campaigns/{name}?done=saved")

    def check(self, name: str) -> Response:
        self._found(name)
        return self._desk.page("checked.html", **self._looked_over(name, _text()))

    def progress(self, name: str) -> Response:
        """How far the export is; asked for again and again while it runs."""
        self._found(name)
        return self._progress(name)

    def export(self, name: str) -> Response:
        """Begin one."""
        text = self._found(name)
        problem = self._begin_export(name, text)
        if "HX-Request" in request.headers:
            return self._progress(name, problem)
        if problem:
            return self._page_of(name, text, digest(text), status=HTTPStatus.CONFLICT, problem=problem)
        return to(f"{PATH}/campaigns/{name}#export")

    def _progress(self, name: str, problem: str = "") -> Response:
        return self._desk.page("export.html", name=name, job=self._exports.job(name), problem=problem)

    def _begin_export(self, name: str, text: str) -> str:
        """Begins an export; what is in the way of it, '' where it has begun."""
        visitor = self._desk.visitor()
        formats = tuple(one for one in FORMATS if one in request.form.getlist("format"))
        if self._files.check(name, text).campaign is None:
            return visitor.words.gettext("Mend the campaign first.")
        if not formats:
            return visitor.words.gettext("Choose at least one format.")
        record, now = "record" in request.form, self._desk.service.clock()
        try:
            self._exports.start(name, formats=formats, record=record, by=visitor.title, now=now)
        except RecsvcError as error:
            return str(error)
        self._tell("export begun", name)
        return ""

    def _tell(self, what: str, name: str) -> None:
        log.info(f"console: {what}", extra={"campaign": name, "by": self._desk.visitor().name})  # noqa: G004

    def mail(self, name: str) -> Response:
        """The mail of the preview alone, which can do nothing but open links beside it."""
        self._found(name)
        found = self._previews.mail(name)
        body = "" if found is None else found[0].html.replace("<head>", '<head><base target="_blank">', 1)
        headers = {"Content-Security-Policy": FRAMED, "Cache-Control": "private, no-store"}
        return Response(body, headers=headers, content_type="text/html; charset=utf-8")

    def download(self, name: str, file: str) -> Response:
        """A file of the last export."""
        self._found(name)
        job = self._exports.job(name)
        path = self._exports.folder(name) / file
        if job is None or file not in job.files or not path.is_file():
            raise ProblemError(HTTPStatus.NOT_FOUND, self._desk.visitor().words.gettext("There is no such file."))
        self._tell("export fetched", name)
        request.environ[STREAMED] = True
        headers = {
            "Content-Disposition": f'attachment; filename="{file}"',
            "Content-Length": str(path.stat().st_size),
            "Cache-Control": "private, no-store",
        }
        kind = "text/csv; charset=utf-8" if file.endswith(".csv") else "application/x-ndjson"
        return Response(_pieces(path), headers=headers, content_type=kind)

    def _looked_over(self, name: str, text: str) -> dict[str, Any]:
        """What check and audience say of a text."""
        checked = self._files.check(name, text)
        reach: Reach | None = None
        some: list[str] = []
        if checked.campaign is not None:
            try:
                reach, some = reach_of(self._desk, checked.campaign, self._desk.service.live.current())
            except RecsvcError as error:
                checked = Checked(None, problem=str(error))
        words = self._desk.visitor().words
        return {
            "checked": checked, "reach": reach, "some": some, "refusal": lambda reason: refusal_words(reason, words),
        }  # fmt: skip

    def _found(self, name: str) -> str:
        try:
            return self._files.read(name)
        except InputError as error:
            raise ProblemError(HTTPStatus.NOT_FOUND, str(error)) from None

    def _page_of(
        self, name: str, text: str, before: str, *, status: int = HTTPStatus.OK, problem: str = "", done: str = ""
    ) -> Response:
        over = self._looked_over(name, text)
        mail, mail_problem = None, ""
        try:
            mail = self._previews.mail(name) if request.method == "GET" else None
        except RecsvcError as error:
            mail_problem = str(error)
        return self._desk.page(
            "campaign.html",
            status=status, name=name, text=text, before=before, problem=problem, done=done, mail=mail,
            mail_problem=mail_problem, customer=request.args.get("customer", ""), longest=LONGEST,
            locale=request.args.get("locale", ""), formats=FORMATS, job=self._exports.job(name),
            **over, **self._results_of(name),
        )  # fmt: skip

    def _results_of(self, name: str) -> dict[str, Any]:
        """What it brought, where it was mailed."""
        try:
            figures = self._desk.figures(name)
        except ProblemError as error:
            unknown = error.status is not HTTPStatus.NOT_FOUND  # else it was not mailed yet
            return {"results": None, "results_problem": error.detail if unknown else ""}
        return {
            "results_problem": "",
            "results": page_values(figures, Words(self._desk.visitor().words, figures.currency)),
        }


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(CHUNK):
            yield piece


def _text() -> str:
    return request.form.get("text", "")[: LONGEST + 1].replace("\r\n", "\n")
