"""One self-contained HTML page that says how good the recommender is: for a manager first, for an engineer below."""

from training.evaluate.report.facts import ReportFacts
from training.evaluate.report.page import report_html

__all__ = ["ReportFacts", "report_html"]
