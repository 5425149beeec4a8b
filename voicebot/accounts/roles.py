"""What a person may do. Each page names the roles that may open it."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A person may have several."""

    VIEWER = "viewer"
    """Reads calls and figures."""
    AGENT = "agent"
    """Answers callers: the desk of the own queues."""
    TUNER = "tuner"
    """Labels, teaches, proposes changes of what is understood."""
    SUPERVISOR = "supervisor"
    """Watches the traffic, sets switches, approves routes, publishes."""
    COMPLIANCE = "compliance"
    """Approves what callers hear; reads the audit trail; answers requests about personal data."""
    ADMIN = "admin"
    """People, tokens, settings; reads no calls."""


READERS = frozenset({Role.VIEWER, Role.TUNER, Role.SUPERVISOR, Role.COMPLIANCE})
"""Those who may read calls."""
EVERYBODY = frozenset(Role)
