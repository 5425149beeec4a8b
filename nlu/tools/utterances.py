"""Files of utterances to judge: plain lines, JSON lines (call records, journals), or Rasa YAML with labels."""

from __future__ import annotations

import json
from pathlib import Path

from nlu.errors import PackError
from nlu.pack.rasa_yaml import Example, read_file

UNLABELLED = ""


def read_utterances(path: Path) -> list[Example]:
    """Utterances of a `.yml` (labelled), `.jsonl` (objects with `text` and perhaps `intent`) or any other file (one a line).

    Examples without a label have the intent UNLABELLED. Raises PackError with file, line and fix.
    """
    if path.suffix in {".yml", ".yaml"}:
        found = read_file(path).examples
    else:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as err:
            raise PackError(path, None, f"cannot be read ({err.strerror})", "Check the path and its rights") from err
        except UnicodeDecodeError as err:
            raise PackError(path, None, "is not UTF-8", "Save it as UTF-8") from err
        read = _json_line if path.suffix in {".jsonl", ".ndjson"} else _plain_line
        found = [one for number, line in enumerate(lines, 1) if line.strip() and (one := read(line, path, number)).text]
    if not found:
        raise PackError(path, None, "there are no utterances in it", "Write one a line, or give another file")
    return found


def read_labelled(path: Path) -> list[Example]:
    """Like `read_utterances`, and every one must have a label. Raises PackError."""
    found = read_utterances(path)
    for example in found:
        if example.intent == UNLABELLED:
            raise PackError(path, example.line, "this utterance has no label", 'Use Rasa YAML, or JSON lines with "intent"')
    return found


def _plain_line(line: str, path: Path, number: int) -> Example:
    return Example(line.strip(), UNLABELLED, path, number)


def _json_line(line: str, path: Path, number: int) -> Example:
    try:
        entry = json.loads(line)
        text, intent = entry["text"], entry.get("intent") or UNLABELLED
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise PackError(path, number, "is not a JSON object with `text`", 'Write {"text": "…"} on each line') from err
    if not isinstance(text, str) or not isinstance(intent, str):
        raise PackError(path, number, "`text` and `intent` must be strings", 'Write {"text": "…", "intent": "…"}')
    return Example(text.strip(), intent, path, number)
