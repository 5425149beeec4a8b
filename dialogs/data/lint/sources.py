"""The files of a bundle, kept beside the parsed values so that a finding can point at its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dialogs.data.source import Document


@dataclass(frozen=True, slots=True)
class Sources:
    """The YAML documents of one bundle; `prompts` by language."""

    root: Path
    flow: Document
    routes: Document
    prompts: Mapping[str, Document]
