"""Who must approve what before it may go live. Pure: the rule of four eyes stands here alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from voicebot.accounts.roles import Role
from voicebot.releases.contents import BUNDLE, PACK


class Kind(StrEnum):
    """What a change is about."""

    MATTERS = "matters"
    """Training data: what is understood."""
    TEXTS = "texts"
    """What callers hear and read, recordings included."""
    ROUTES = "routes"
    """Where calls go and how they are led there: routes, hours, flow, tests, and whatever else there is."""


APPROVERS: Mapping[Kind, Role] = {Kind.MATTERS: Role.TUNER, Kind.TEXTS: Role.COMPLIANCE, Kind.ROUTES: Role.SUPERVISOR}


def kind_of(path: str) -> Kind:
    """What a change of this file is about."""
    if path.startswith(f"{PACK}/"):
        return Kind.MATTERS
    if path.startswith((f"{BUNDLE}/prompts/", f"{BUNDLE}/recordings/")):
        return Kind.TEXTS
    return Kind.ROUTES


def kinds_of(paths: Iterable[str]) -> tuple[Kind, ...]:
    """The approvals that a change of these files needs."""
    touched = {kind_of(path) for path in paths}
    return tuple(kind for kind in Kind if kind in touched)


class Refusal(StrEnum):
    """Why somebody may not approve."""

    NOT_NEEDED = "not_needed"
    AUTHOR = "author"
    ROLE = "role"
    DONE = "done"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Asked:
    """A proposal, as far as its approvals go."""

    needed: Collection[Kind]
    authors: Collection[str]
    """All who changed anything in it, and who proposed it."""
    approved: Mapping[Kind, str]
    """Who approved what."""
    open: bool
    """Neither published, nor sent back, nor withdrawn."""


def refusal(asked: Asked, kind: Kind, who: str, roles: Collection[Role]) -> Refusal | None:
    """Why this person may not approve this kind; None when they may."""
    if not asked.open:
        return Refusal.CLOSED
    if kind not in asked.needed:
        return Refusal.NOT_NEEDED
    if who in asked.authors:
        return Refusal.AUTHOR
    if APPROVERS[kind] not in roles:
        return Refusal.ROLE
    if kind in asked.approved:
        return Refusal.DONE
    return None


def missing(asked: Asked) -> tuple[Kind, ...]:
    """The approvals that are still needed."""
    return tuple(kind for kind in Kind if kind in asked.needed and kind not in asked.approved)
