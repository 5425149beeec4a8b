"""Every mistake in the configuration, by file and line, with its advice."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from voicebot.config.listeners import port_conflicts
from voicebot.config.machine import THIS_MACHINE, Machine, look_around
from voicebot.config.settings import REDIS_FORM, Settings
from voicebot.config.showing import ShownSetting, shown_settings, without_password
from voicebot.config.source import SettingProblem, Source, Where, config_path, read_source
from voicebot.endpoints.sip.settings import SipSection
from voicebot.errors import ConfigError

_MOST_ROUNDS = 20
_SECRET_PARTS = ("token", "secret", "url", "password")

# pydantic's kinds of mistake in plain words, and a advice that a person can follow
_WHATS = {
    "string_pattern_mismatch": "is not in the right form",
    "too_short": "is too short to be safe",
    "missing": "is missing",
    "bool_parsing": "is neither true nor false",
    "int_parsing": "is no whole number",
    "int_from_float": "is no whole number",
    "float_parsing": "is no number",
    "url_parsing": "is no URL",
    "model_type": "is no section",
    "tuple_type": "is no list",
    "mapping_type": "is no section",
}
_EMPTY = ("names nothing", "Write one at least")
_ADVICE = {
    "missing": "Add it",
    "too_short": "Make it longer: at least 16 characters",
    "greater_than": "Give a larger value",
    "greater_than_equal": "Give a larger value",
    "less_than": "Give a smaller value",
    "less_than_equal": "Give a smaller value",
    "literal_error": "Use one of these, spelled so",
    "bool_parsing": "Write true or false",
    "url_parsing": "Write it like https://host:port/path",
    "url_scheme": "Write it like https://host:port/path",
    "model_type": "Write its settings as name: value lines, indented under it",
    "mapping_type": "Write name: value lines, indented under it",
    "tuple_type": "Write a list: [first, second]",
}
_FORMS = {
    "service": "Write it as module.Class: pipecat.services.nvidia.stt.NvidiaSTTService",
    "address": "Write it like sip:{queue}@pbx.example, without ; or ?",
    "addresses": "Write it like sip:cards@pbx.example, without ; or ?",
    "redis_url": REDIS_FORM[:1].upper() + REDIS_FORM[1:],
    "origins": "Write them as browsers do: https://www.bank.example, lower case, without a path",
    "recognisers": "Name languages by two letters: pl, en",
    "voices": "Name languages by two letters: pl, en",
    "rasa_urls": "Name languages by two letters: pl, en",
}


def check_config(path: Path | None = None, machine: Machine = THIS_MACHINE) -> list[SettingProblem]:
    """Every mistake in the file (`path`, else VOICEBOT_CONFIG) and the environment; empty when there is none."""
    return _check(read_source(config_path(path)), machine)[1]


def checked_settings(path: Path | None = None) -> Settings:
    """The settings. Raises ConfigError that lists every fatal mistake."""
    settings, problems = _check(read_source(config_path(path)), THIS_MACHINE)
    fatal = [problem for problem in problems if problem.fatal]
    if fatal or settings is None:
        raise ConfigError("\n".join(map(str, fatal)))
    return settings


def settings_in_force(path: Path | None = None) -> tuple[list[ShownSetting], list[SettingProblem]]:
    """Every setting with its value and its source, and every mistake. No settings when the values themselves are wrong."""
    source = read_source(config_path(path))
    settings, problems = _check(source, THIS_MACHINE)
    unreadable = settings is None or any(problem.fatal for problem in source.problems)
    return [] if settings is None or unreadable else list(shown_settings(settings, source)), problems


def _check(source: Source, machine: Machine) -> tuple[Settings | None, list[SettingProblem]]:
    settings, problems = _validate(source)
    if settings is not None:
        problems += _beyond_values(settings, source, machine)
        if not (settings.sip.peers or settings.sip.trunks or settings.asterisk.used or settings.carriers.used) and not any(
            problem.where.startswith("sip") for problem in problems
        ):
            advice = "Name the trunks, the short way: peers: [192.0.2.0/24]"
            problems.append(source.problem(("sip",), "has no peers, so no call can come in", advice, fatal=False))
    return settings, sorted({*source.problems, *problems})


def _validate(source: Source) -> tuple[Settings | None, list[SettingProblem]]:
    """What is wrong is taken out and the rest looked at again: mistakes that only show once a section is whole are found too."""
    values = source.values
    problems: list[SettingProblem] = []
    seen: set[Where] = set()
    for _ in range(_MOST_ROUNDS):
        try:
            return Settings(**values), problems
        except ValidationError as error:
            explained = [_explained(detail) for detail in error.errors(include_url=False)]
        # what was taken out for its own mistake is not missing
        problems += [source.problem(where, what, advice) for where, what, advice in explained if where not in seen]
        seen |= {where for where, _, _ in explained}
        if not sum(_take_out(values, where) for where, _, _ in explained):
            break
    return None, problems


def _explained(detail: ErrorDetails) -> tuple[Where, str, str]:
    """Where, what and advice of one of pydantic's mistakes."""
    kind = detail["type"]
    where = tuple(part for part in detail["loc"] if part != "[key]")
    if kind == "extra_forbidden":
        known = _names_at(where[:-1])
        near = get_close_matches(str(where[-1]), known, n=1, cutoff=0.5)
        return where, "unknown setting", f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(sorted(known))}"
    if kind == "value_error":
        said = str(detail["ctx"]["error"])
        place = where or _sip_place(said)
        what, _, advice = said.removeprefix(f"{place[-1]}: ").partition("; ")
        return place, what, (advice[:1].upper() + advice[1:]) or "Change one of them"
    if kind == "too_short" and not isinstance(detail["input"], str):
        return where, *_EMPTY
    what = _WHATS.get(kind) or detail["msg"].removeprefix("Input ")
    if kind != "missing" and not _is_secret(where) and isinstance(detail["input"], str | int | float):
        what += f" (got {without_password(str(detail['input']))[:60]})"
    form = next((form for name, form in _FORMS.items() if name in where), None)
    return where, what, (form if kind == "string_pattern_mismatch" and form else _ADVICE.get(kind, "Change the value"))


def _sip_place(what: str) -> Where:
    """Mistakes between the settings of the SIP endpoint begin with the name of one."""
    name = what.split()[0].rstrip(":")
    return ("sip", name) if name in SipSection.model_fields else ("sip",)


def _is_secret(where: Where) -> bool:
    return any(secret in str(part) for part in where for secret in _SECRET_PARTS)


def _take_out(values: dict[str, Any], where: Where) -> bool:
    """Remove the named thing at a place, or the nearest one around it; False when there is none."""
    holder: dict[str, Any] | None = None
    name = ""
    node: Any = values
    for part in where:
        if not isinstance(node, dict) or part not in node:
            break
        holder, name, node = node, str(part), node[part]
    if holder is None:
        return False
    del holder[name]
    return True


def _names_at(where: Where) -> list[str]:
    """The names a section knows."""
    model: Any = Settings
    for part in where:
        field = model.model_fields.get(str(part)) if model is not None else None
        model = _section_in(field.annotation) if field is not None else model
    return list(model.model_fields) if model is not None else []


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section inside an annotation: itself, an optional one, or the values of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_section_in(argument) for argument in typing.get_args(annotation))
    return next((each for each in inner if each is not None), None)


def _beyond_values(settings: Settings, source: Source, machine: Machine) -> Iterator[SettingProblem]:
    """Mistakes that no single value shows."""
    yield from look_around(settings, source, machine)
    yield from port_conflicts(settings, source)
    yield from _rasa(settings, source)
    if settings.sip.trusted is None and any(network.endswith("/0") for network in settings.sip.peers):
        what = "lets anybody call, so nobody's number is trusted"
        yield source.problem(("sip", "peers"), what, "Name the trunks in sip.trusted", fatal=False)


def _rasa(settings: Settings, source: Source) -> Iterator[SettingProblem]:
    """Rasa servers that are named in vain, or by an address that is too long."""
    nlu = settings.nlu
    named: dict[Where, str] = {("nlu", "rasa_urls", lang): str(url.get_secret_value()) for lang, url in nlu.rasa_urls.items()}
    if nlu.rasa_url is not None:
        named["nlu", "rasa_url"] = str(nlu.rasa_url.get_secret_value())
    for where, url in named.items():
        if url.rstrip("/").endswith(("/model/parse", "/webhooks/rest/webhook")):
            advice = "Leave out what comes after host and port: /model/parse is added"
            yield source.problem(where, "is the address of one of Rasa's functions, not of the server", advice)
    if named and nlu.backend != "rasa":
        yield source.problem(next(iter(named)), "is not used", "Write nlu.backend: rasa, or remove it", fatal=False)
