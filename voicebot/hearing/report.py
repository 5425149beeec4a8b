"""The figures as one HTML file that needs nothing else, for a screen and for paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache, partial
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from ruamel.yaml import YAML

from voicebot.figures.estimates import Estimate
from voicebot.hearing.measuring import EngineFigures, Way, worst
from voicebot.hearing.scoring import compared

_MOST = 50


def html(figures: Sequence[EngineFigures], *, way: Way, count: int, now: datetime, language: str) -> str:
    """The report on `count` files, in a language that `report.yml` has (else English)."""
    texts = _texts()
    environment = Environment(
        loader=PackageLoader("voicebot.hearing"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("asr.html").render(
        language=language if language in texts else "en",
        t=texts.get(language, texts["en"]),
        engines=figures,
        way=way,
        files=count,
        made=f"{now:%Y-%m-%d %H:%M}",
        share=share,
        pieces=partial(compared, language=way.language),
        worst=list(worst(figures, _MOST)),
        failed=list(failures(figures)),
    )


def share(estimate: Estimate, of: int) -> str:
    """A share of `of` with its interval, as people read it; a dash where there is nothing to judge by."""
    if not of:
        return "–"
    return f"{estimate.k / of:.1%} ({estimate.low:.1%}–{estimate.high:.1%})"


def failures(figures: Sequence[EngineFigures]) -> Iterator[str]:
    """Each file that an engine did not hear, with why."""
    for engine in figures:
        for why in engine.failed.values():
            yield f"{engine.name}: {why}"


@cache
def _texts() -> dict[str, dict[str, str]]:
    loaded: dict[str, dict[str, str]] = YAML(typ="safe").load(files("voicebot.hearing").joinpath("report.yml").read_text("utf-8"))
    return loaded
