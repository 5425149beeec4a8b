"""The recordings of prompts on a terminal: what became of a studio's files, what is missing, the list that a speaker reads."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from html import escape

from rich.console import Console

from voicebot.prompts.recording_list import Line
from voicebot.prompts.studio import Fate, StudioFile
from voicebot.tables import show_table

_FILES = ("file", "result", "prompt", "seconds", "speech dBFS", "noise dBFS", "peak dBFS", "gain dB", "what", "listen to it")
_LINES = ("file", "text", "needed", "recorded", "how", "part of")
_STYLE = "body{font:1rem/1.5 sans-serif;margin:2rem}table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #999;"
_STYLE += "padding:.4rem .6rem;text-align:left;vertical-align:top}td.text{font-size:1.2rem}td.file{font-family:monospace}"


def show_files(console: Console, files: Sequence[StudioFile]) -> None:
    """What became of each file, and what was measured of it."""
    show_table(console, _FILES, [_file(file) for file in files])


def files_as_json(files: Sequence[StudioFile]) -> str:
    """For scripts: what the table shows, under the same names; "" where nothing was measured."""
    return json.dumps([dict(zip(_FILES, _file(file), strict=True)) for file in files], ensure_ascii=False, indent=2)


def said_of(files: Sequence[StudioFile]) -> str:
    """The sum, and what follows from it."""
    counts = ", ".join(f"{count} {fate.value}" for fate in Fate if (count := sum(file.fate is fate for file in files)))
    if not any(file.fate is Fate.IMPORTED for file in files):
        return counts
    return (
        f"{counts}\nA recording is part of what is approved: let the new ones be heard (voicebot prompts hear) and approved "
        "before callers hear them."
    )


def _file(file: StudioFile) -> tuple[str, ...]:
    name = file.line.name if file.line is not None else ""
    if (sound := file.sound) is None:
        return (file.name, file.fate.value, name, *("",) * 5, file.what, "")
    measured = sound.measured
    figures = (
        f"{sound.seconds:.2f}",
        *(f"{level:.0f}" for level in (measured.speech_dbfs, measured.noise_dbfs, measured.peak_dbfs)),
    )
    return (file.name, file.fate.value, name, *figures, f"{sound.gain_db:+.0f}", file.what, "; ".join(file.doubts))


def show_lines(console: Console, lines: Sequence[Line]) -> None:
    """What is to be recorded."""
    show_table(console, _LINES, [_line(line) for line in lines])


def lines_as_json(lines: Sequence[Line]) -> str:
    """For scripts: what the table shows, under the same names."""
    return json.dumps([dict(zip(_LINES, _line(line), strict=True)) for line in lines], ensure_ascii=False, indent=2)


def script_of(lines: Sequence[Line], kind: str) -> str:
    """The studio's script as `kind` csv, tsv or html: files, what is read, how it ends, and the sentence that a part is of."""
    if kind == "html":
        return _html(lines)
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t" if kind == "tsv" else ",", lineterminator="\n")
    writer.writerow(_LINES)
    writer.writerows(tuple(" ".join(field.split()) for field in _line(line)) for line in lines)
    return out.getvalue()


def _line(line: Line) -> tuple[str, ...]:
    needed = "yes" if line.needed else "better"
    return (f"{line.name}.wav", line.text, needed, "yes" if line.recorded else "-", line.how, line.example)


def _html(lines: Sequence[Line]) -> str:
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in _LINES)
    rows = []
    for line in lines:
        file, text, *rest = map(escape, _line(line))
        cells = "".join(f"<td>{cell}</td>" for cell in rest)
        rows.append(f"<tr><td class=file>{file}</td><td class=text>{text}</td>{cells}</tr>")
    language = lines[0].language if lines else "pl"
    title = f"{len(lines)} recordings ({language})"
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><table><thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody></table></body></html>\n"
    )
