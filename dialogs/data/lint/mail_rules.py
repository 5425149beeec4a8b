"""Rules of `mail.yml`: every matter and every text exists, and a text that is sent has no place left for a value."""

from __future__ import annotations

from collections.abc import Iterator

from dialogs.data.errors import Problem
from dialogs.data.mail import PREFIX, MailRules
from dialogs.data.prompts import PromptBook
from dialogs.data.routes import Routes
from dialogs.data.source import Document, nearest
from nlu.types import AGENT


def check(document: Document, rules: MailRules, routes: Routes, prompts: PromptBook) -> Iterator[Problem]:
    """All rules."""
    matters = [*routes.matters, AGENT]  # whoever only wants to be called back has a matter in a mail
    named = [(("needs", matter), matter) for matter in rules.needs]
    named += [(("soon", "matters"), matter) for matter in rules.soon.matters]
    for where, matter in named:
        if matter not in matters:
            yield document.problem(where, f"no matter called '{matter}'", nearest(matter, matters))
    for name in ("received", "emergency"):
        text = getattr(rules.acknowledge, name)
        if text is not None:
            yield from _text(document, ("acknowledge", name), text, prompts)


def _text(document: Document, where: tuple[str, str], text: str, prompts: PromptBook) -> Iterator[Problem]:
    if not text.startswith(PREFIX):
        yield document.problem(where, f"'{text}' is a text of the conversation", f"Write one whose name begins with {PREFIX}")
        return
    for language in prompts.languages:
        if not prompts.has(text, language):
            yield document.problem(where, f"no prompt '{text}' in '{language}'", f"Add it to prompts/{language}.yml")
        elif prompts.places(text, language):
            yield document.problem(where, f"'{text}' has a place for a value", "Write it without: nothing fills it in a mail")
