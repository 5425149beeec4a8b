"""A bundle: the folder of data that a bank edits, loaded and checked as one, with the hash of its content as version."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from dialogs.data import lint
from dialogs.data.errors import BundleError, Problem
from dialogs.data.flow import Flow
from dialogs.data.hours import Calendar
from dialogs.data.mail import FILE as MAIL_FILE
from dialogs.data.mail import MailRules
from dialogs.data.prompts import PromptBook, PromptFile, PromptText
from dialogs.data.routes import Queue, Routes
from dialogs.data.source import Document, SpecType, parse, read
from dialogs.events import Prompt

DEFAULT_BUNDLE = Path(__file__).parents[1] / "packs" / "bank"
RECORDINGS = "recordings"
"""The folder within a bundle."""


@dataclass(frozen=True, slots=True, repr=False)
class Bundle:
    """Flow, prompts and routes that belong together. Immutable; every call record carries its `version`."""

    root: Path
    version: str
    flow: Flow
    routes: Routes
    prompts: PromptBook
    calendar: Calendar
    mail: MailRules = field(default_factory=MailRules)
    warnings: tuple[Problem, ...] = ()

    def __repr__(self) -> str:
        return f"<Bundle {self.version} from {self.root}>"

    @property
    def queues(self) -> Mapping[str, Queue]:
        """The queues by name."""
        return self.routes.queues

    @property
    def default_queue(self) -> str:
        """Where a call goes when nothing better is known; always open."""
        return self.routes.default_queue

    def text(self, prompt: Prompt, language: str, when: datetime, channel: str = "voice") -> PromptText:
        """The approved text of a prompt on the day of `when` (aware). `channel` is "voice" or "chat".

        Falls back to the default language. Raises PromptMissing when no approved text is valid.
        """
        return self.prompts.text(prompt, language, self.calendar.local(when).date(), channel)

    def recording(self, text: PromptText) -> Path | None:
        """The recorded file of this text, if it has one."""
        return self.root / text.recording if text.recording else None

    def parts(self, language: str, said: str) -> tuple[tuple[Path, bool], ...]:
        """The recorded parts that say this together: each file, and whether a clause ends with it. () when a word has none."""
        parts = self.prompts.parts(language).saying(said) or ()
        return tuple((self.root / part.recording, part.pause) for part in parts)


def load_bundle(path: Path | None = None) -> Bundle:
    """The bundle in folder `path`; without one, the default bundle of the package. Raises BundleError with all mistakes."""
    root = DEFAULT_BUNDLE if path is None else Path(path)
    problems: list[Problem] = []
    flow_file, flow = _load(root, "flow.yml", Flow, problems)
    routes_file, routes = _load(root, "routes.yml", Routes, problems)
    mail_file, mail = _load(root, MAIL_FILE, MailRules, problems) if (root / MAIL_FILE).exists() else (None, MailRules())
    prompt_files: dict[str, tuple[Document, PromptFile]] = {}
    for name in _prompt_files(root, problems):
        document, spec = _load(root, name, PromptFile, problems)
        if document and spec:
            first = prompt_files.setdefault(spec.language, (document, spec))[0]
            if first is not document:
                fix = f"Put the texts of a language into one file: {first.name} has '{spec.language}' already"
                problems.append(document.problem(("language",), f"a second file in '{spec.language}'", fix))
    if problems or flow_file is None or flow is None or routes_file is None or routes is None or mail is None:
        raise BundleError(problems)
    default_language = next(iter(routes.lines.values())).languages[0] if routes.lines else "pl"
    prompts = PromptBook({language: spec for language, (_, spec) in prompt_files.items()}, default_language)
    findings = lint.check(
        lint.Sources(root, flow_file, routes_file, {language: document for language, (document, _) in prompt_files.items()}),
        flow,
        routes,
        prompts,
    )
    if mail_file is not None:
        findings = sorted({*findings, *lint.check_mail(mail_file, mail, routes, prompts)})
    errors = [finding for finding in findings if not finding.warning]
    if errors:
        raise BundleError(errors)
    calendar = Calendar(routes.hours, routes.exceptions, routes.timezone, routes.public_holidays)
    return Bundle(root, content_version(root), flow, routes, prompts, calendar, mail, tuple(findings))


def content_version(root: Path) -> str:
    """The first 16 hex digits of the SHA-256 of everything a call depends on (not of the bundle's tests)."""
    digest = hashlib.sha256()
    files = [
        root / "flow.yml",
        root / "routes.yml",
        root / MAIL_FILE,
        *sorted((root / "prompts").rglob("*")),
        *sorted((root / RECORDINGS).rglob("*")),
    ]
    for file in files:
        if file.is_file() and not file.name.startswith("."):  # hidden: a file that is being written
            content = file.read_bytes()
            digest.update(os.fsencode(f"{file.relative_to(root).as_posix()}\n{len(content)}\n"))
            digest.update(content)
    return digest.hexdigest()[:16]


def _prompt_files(root: Path, problems: list[Problem]) -> list[str]:
    """The names of the files with prompts, in order. Hidden ones are none; another name that would be passed over, or cannot be
    shown, is a mistake.
    """
    names = []
    for found in sorted((root / "prompts").glob("[!.]*.y*ml")):
        shown = f"prompts/{os.fsencode(found.name).decode('utf-8', 'backslashreplace')}"
        if shown != f"prompts/{found.name}":
            problems.append(Problem(shown, 0, "", "the name of the file is not UTF-8", "Rename it, such as pl.yml"))
        elif found.suffix == ".yaml":
            problems.append(
                Problem(shown, 0, "", "only files whose names end in .yml are read", f"Rename it to {found.stem}.yml")
            )
        elif found.suffix == ".yml":
            names.append(shown)
    return names


def _load(root: Path, name: str, spec: type[SpecType], problems: list[Problem]) -> tuple[Document | None, SpecType | None]:
    """The parsed file, or its mistakes added to `problems`."""
    try:
        document = read(root, name)
        return document, parse(document, spec)
    except BundleError as error:
        problems.extend(error.problems)
        return None, None
