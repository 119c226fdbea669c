"""A diagnosis as one page of HTML that needs no network: what the terminal says, with pictures."""

from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from unstuck.diagnosis.terms import Diagnosis
from unstuck.report import svg
from unstuck.report.view.diagnosis import DiagnosisView
from unstuck.report.view.pictured import Pictures


def page(found: Diagnosis, title: str) -> str:
    """The whole page; `title` says what was diagnosed."""
    pictures = Pictures.of(found)
    text = resources.files("unstuck.report").joinpath("diagnosis_page.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text).render(
        title=title,
        view=DiagnosisView.of(found),
        lines=[(one, Markup(svg.lines(one))) for one in pictures.lines],
        bars=[(one, Markup(svg.bars(one))) for one in pictures.bars],
        gains=pictures.gains and (pictures.gains, Markup(svg.gains(pictures.gains))),
        pairs=pictures.pairs and (pictures.pairs, Markup(svg.pairs(pictures.pairs))),
    )
