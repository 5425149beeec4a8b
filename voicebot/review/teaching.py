"""A line that somebody labelled becomes an example in a draft of the pack: comments and layout stay.

What would make the data wrong is refused before it is kept; the whole of lint takes most of a minute and is for the draft as a
whole (`voicebot nlu lint`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from nlu.errors import PackError
from nlu.pack.pack import Pack
from nlu.text.normalise import normalise
from nlu.tools.editing import add_example
from voicebot.redaction import redact_text

_DRAFT = "nlu"


class Draft:
    """The pack as it will be. Blocks, for some seconds: for a thread."""

    def __init__(self, pack: Path, drafts: Path) -> None:
        """`pack` is the one in force; `drafts` the folder for what is prepared."""
        self._pack = pack
        self.folder = drafts / _DRAFT
        """A copy of the pack in force, made when the first example comes."""

    def teach(self, text: str, matter: str, language: str) -> Path:
        """Add an example; the file that it is in. Raises PackError when it is there already, under this label or another, when
        it holds a number of a person, or cannot be an example: then the draft is as it was. Raises OSError.
        """
        self._begin()
        folder = self.folder / language
        if redact_text(text) != text:
            raise PackError(folder, None, "there is a number of a person in it", "Leave it out")
        said = normalise(text, language)
        for each in Pack(self.folder).training_data(language).examples:
            if normalise(each.text, language) == said:
                fix = "Nothing to do" if each.intent == matter else "Decide for one label, and take the other line out"
                raise PackError(each.path.name, each.line, f"it is there already, as {each.intent}", fix)
        return add_example(folder, matter, text)

    def _begin(self) -> None:
        if not self.folder.exists():
            fresh = self.folder.with_name(f".{_DRAFT}-new")
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(self._pack, fresh)
            fresh.rename(self.folder)
