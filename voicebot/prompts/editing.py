"""Texts of a bundle that are changed on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from dialogs.authoring.prompt_editing import Edited
from voicebot.files import locked, write_whole


def edit_texts(root: Path, edited: Callable[[], Iterable[Edited]]) -> None:
    """Write what is edited of the texts in `root`, each file whole or not at all, readable by whoever could read it. Of several
    who do so at once, in any process, none undoes what another did: `edited` is called when it is our turn.

    Raises BundleError, OSError; then no file is half of one.
    """
    with locked(root / "prompts", wait=True):
        for file in edited():
            write_whole(file.path, file.text, mode_of=file.path)
