"""Mistakes that only show when flow, routes and prompts are seen together: each with its file, line and fix.

Errors stop a bundle from loading; warnings are shown by `voicebot flow check`.
"""

from __future__ import annotations

from dialogs.data.errors import Problem
from dialogs.data.flow import Flow
from dialogs.data.lint import flow_rules, prompt_rules, route_rules
from dialogs.data.lint.mail_rules import check as check_mail
from dialogs.data.lint.sources import Sources
from dialogs.data.prompts import PromptBook
from dialogs.data.routes import Routes

__all__ = ["Sources", "check", "check_mail"]


def check(sources: Sources, flow: Flow, routes: Routes, prompts: PromptBook) -> list[Problem]:
    """All problems of the bundle, by file and line."""
    findings = [
        *flow_rules.check(sources, flow, routes, prompts),
        *route_rules.check(sources, routes, flow, prompts),
    ]
    if not any(not finding.warning for finding in findings):
        findings += prompt_rules.check(sources, flow, routes, prompts)
    return sorted(set(findings))
