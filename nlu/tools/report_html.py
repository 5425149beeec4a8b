"""A report as one HTML page that fetches nothing: figures, charts of confidence, confusion matrix, confused sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from nlu.tools.charts import histogram, reliability
from nlu.tools.measures import Confusion, IntentScore, Report, Traffic
from nlu.tools.report_text import figures

_STYLE = Path(__file__).with_name("report.css")
_SENTENCES = 25
_STRENGTHS = (0.1, 0.25, 0.4, 0.5, 0.8, 1.0)
_HOT = 0.8
"""Colours of the matrix, in steps: between 0.5 and 0.8 neither light nor dark figures would be readable (WCAG 1.4.3)."""


def html_page(reports: Sequence[Report], title: str) -> str:
    """The page, a section a language."""
    body = "".join(_report(report) for report in reports)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#intents">Skip to the intents</a>\n'
        f"<main>\n<h1>{escape(title)}</h1>\n{body}</main>\n</body>\n</html>\n"
    )


def _report(report: Report) -> str:
    return (
        f'<p class="lead">Language {escape(report.language)} · {report.examples} utterances · {escape(report.how)} · '
        f"model {escape(report.model or 'trained per fold')}</p>\n"
        f"{_figures(report)}{_traffic(report.traffic)}{_charts(report)}{_intents(report.intents)}{_matrix(report)}"
        f"{_confusions(report.confusions)}"
    )


def _figures(report: Report) -> str:
    cards = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd><dd>{escape(meaning)}</dd></div>\n"
        for name, value, meaning in figures(report)
    )
    return f'<dl class="figures">\n{cards}</dl>\n'


def _table(caption: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """A table whose first column names the row; cells are HTML already."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' if column else "<td></td>" for column in columns)
    body = "".join(f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>\n' for name, cells in rows)
    named = escape(caption)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{named}"><table><caption>{named}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>\n"
    )


def _cells(values: Iterable[object]) -> list[str]:
    return [f"<td>{escape(str(value))}</td>" for value in values]


def _traffic(traffic: dict[str, Traffic]) -> str:
    columns = ("utterances", "count", "accepted", "confirmed", "choice", "asked again")
    rows = []
    for kind, one in traffic.items():
        shares = [f"{share:.1%}" for share in (one.accept, one.confirm, one.choose, one.reject)]
        rows.append((kind, _cells([one.count, *shares])))
    return "<h2>What would happen</h2>\n" + _table("What would happen to callers", columns, rows)


def _charts(report: Report) -> str:
    return (
        "<h2>Confidence</h2>\n"
        '<p class="note">Bank matters and out-of-scope lines; what was heard as a dialogue act is found by rule and left out. '
        "In the second chart, points on the dashed line mean that 80 % confidence is right 80 times in a hundred.</p>\n"
        f'<div class="charts"><figure>{histogram(report.bins)}<figcaption>How many utterances at each confidence:'
        '<span class="key right"></span>right<span class="key wrong"></span>wrong</figcaption></figure>'
        f"<figure>{reliability(report.bins)}<figcaption>Share right at each confidence; calibration error "
        f"{report.calibration_error:.3f}</figcaption></figure></div>\n"
    )


def _intents(scores: Sequence[IntentScore]) -> str:
    columns = (
        "intent",
        "lines",
        "precision",
        "recall",
        "F1",
        "",
        "accepted",
        "confirmed",
        "choice",
        "asked again",
        "silently wrong",
    )
    rows = []
    for score in sorted(scores, key=lambda one: one.f1):
        bar = f'<td class="bar" aria-hidden="true"><span class="meter"><span style="width:{score.f1:.0%}"></span></span></td>'
        shares = [f"{share:.3f}" for share in (score.precision, score.recall, score.f1)]
        counts = (score.accepted, score.confirmed, score.chosen, score.rejected, score.silently_wrong)
        rows.append((score.intent, [*_cells([score.examples, *shares]), bar, *_cells(counts)]))
    return '<h2 id="intents">Intents, weakest first</h2>\n' + _table("Scores of each intent", columns, rows)


def _matrix(report: Report) -> str:
    head = "".join(f'<th scope="col"><span>{escape(label)}</span></th>' for label in report.labels)
    rows = []
    for at, label in enumerate(report.labels):
        whole = max(1, sum(report.matrix[at]))
        cells = (_matrix_cell(count, count / whole, at == column) for column, count in enumerate(report.matrix[at]))
        rows.append(f'<tr><th scope="row">{escape(label)}</th>{"".join(cells)}</tr>\n')
    return (
        "<h2>Confusion matrix</h2>\n"
        '<p class="note">A row is what was meant, a column what it was taken for. Darker is a larger share of the row.</p>\n'
        '<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix"><table class="matrix">'
        f"<caption>Rows: meant. Columns: taken for. Counts of utterances.</caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>\n{''.join(rows)}</tbody></table></div>\n"
    )


def _matrix_cell(count: int, share: float, own: bool) -> str:
    if not count:
        return '<td class="self">0</td>' if own else "<td></td>"
    strength = min(_STRENGTHS, key=lambda one: abs(one - share**0.5))
    kinds = " ".join(kind for kind, holds in (("self", own), ("hot", strength >= _HOT)) if holds)
    return f'<td class="{kinds}" style="background:rgb(var(--heat) / {strength})">{count}</td>'


def _confusions(confusions: Sequence[Confusion]) -> str:
    blocks = []
    for pair in confusions:
        shown = "".join(
            f"<li>{escape(one.text)} <small>{one.confidence:.2f} {one.decision.value} · {escape(one.place)}</small></li>\n"
            for one in pair.offences[:_SENTENCES]
        )
        more = f"<li><small>and {len(pair.offences) - _SENTENCES} more</small></li>" if len(pair.offences) > _SENTENCES else ""
        head = f"<summary>{escape(pair.meant)} taken for {escape(pair.taken)} <b>{len(pair.offences)}×</b></summary>"
        blocks.append(f"<details>{head}<ul>\n{shown}{more}</ul></details>\n")
    return "<h2>Confused, with the sentences</h2>\n" + ("".join(blocks) or "<p>Nothing was confused.</p>\n")
