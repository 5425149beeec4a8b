"""Pictures of boxes and arrows, written in the DOT language; Graphviz lays them out, in a process of its own."""

from __future__ import annotations

import subprocess
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from dialogs.data.errors import DrawingError

Format = Literal["svg", "pdf", "png", "dot", "json"]

A3_INCHES = (15.9, 11.1)
"""The sides of an A3 page without its margins: what is printed or seen as pixels fits on one."""
HUB = 4
"""A box that so many arrows lead to has a colour of its own, and its arrows have it too."""
HUB_COLOURS = (
    *("#1d4ed8", "#b45309", "#7c3aed", "#0d9488", "#be123c", "#15803d"),
    *("#c026d3", "#0284c7", "#854d0e", "#4d7c0f", "#9f1239", "#111827"),
)
LINE = "#64748b"
FRAME = "#475569"
TEXT_WIDTH = 30  # characters of a line of text
TEXT_LINES = 2
_LONGEST_S = 120.0

GRAPH = {
    "rankdir": "LR",
    "nodesep": "0.16",
    "ranksep": "0.6",
    "fontname": "Arial",  # Liberation Sans, which a Linux has in its place, is as wide
    "fontsize": "18",
    "labelloc": "t",
    "labeljust": "l",
    "pad": "0.3",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a box: what is said or happens, and the box that it leads to (None: nowhere)."""

    text: str
    target: str | None = None
    names_target: bool = True
    """The line ends with the name of the box that it leads to."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box. `note` stands small under the title, `text` below it, cut after two lines; a browser shows all of `tooltip`."""

    name: str
    title: str
    fill: str
    note: str = ""
    text: str = ""
    rows: tuple[Row, ...] = ()
    tooltip: str = ""
    group: str = ""
    """Boxes of the same group stand together in a frame with this title."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Boxes and what the reader must know of them."""

    title: str
    boxes: tuple[Box, ...]
    starts: tuple[tuple[str, ...], ...]
    """The boxes on the left. The others follow as they are reached from the first group of them, then from the second…"""
    legend: tuple[tuple[str, str], ...] = ()
    """What the colours mean: (colour, words)."""
    remarks: tuple[str, ...] = ()
    """Further lines of the legend."""
    hub_remark: str = ""
    """Says what a coloured frame means; left out where there is none, as is the next one."""
    dashed_remark: str = ""

    @property
    def arrows(self) -> list[tuple[str, str]]:
        """From which box to which, one for each row that leads on."""
        return [(box.name, row.target) for box in self.boxes for row in box.rows if row.target is not None]


def drawn(picture: Picture, form: Format = "svg", *, program: str = "dot") -> bytes:
    """The picture as a file's content, drawn by `program`. Raises DrawingError when Graphviz is not installed or fails."""
    source = dot_source(picture).encode()
    if form == "dot":
        return source
    if form in ("svg", "json"):
        return _laid_out(program, source, form)
    width, height = map(float, _laid_out(program, source, "plain").split(maxsplit=4)[2:4])
    long, short = A3_INCHES
    page = f"-Gsize={long},{short}" if width > height else f"-Gsize={short},{long}"
    return _laid_out(program, source, form, page, *(["-Gdpi=220"] if form == "png" else []))


def _laid_out(program: str, source: bytes, form: str, *options: str) -> bytes:
    try:
        done = subprocess.run(
            [program, f"-T{form}", *options], input=source, capture_output=True, timeout=_LONGEST_S, check=False
        )
    except OSError as error:
        raise DrawingError(
            f"pictures are laid out by Graphviz, and its program '{program}' cannot be started ({error.strerror}). Install it "
            "(Debian, Ubuntu: apt-get install graphviz fonts-liberation), or write the picture's description with --format dot"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DrawingError(f"Graphviz did not finish within {_LONGEST_S:g} s; write the description with --format dot") from error
    if done.returncode != 0:
        raise DrawingError(f"Graphviz could not draw the picture: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def dot_source(picture: Picture) -> str:
    """The picture in the DOT language."""
    colours, layers = _hub_colours(picture), _layers(picture)
    lines = [
        "digraph picture {",
        f"graph [{_attributes(GRAPH)} label={_quoted(picture.title)}];",
        'node [shape=plain fontname="Arial" fontsize="11"];',
        f'edge [arrowsize="0.7" color="{LINE}"];',
    ]
    for group in dict.fromkeys(box.group for box in picture.boxes):
        members = [_node(box, colours.get(box.name)) for box in picture.boxes if box.group == group]
        lines += _framed(group, members) if group else members
    for box in picture.boxes:
        lines += _arrows(box, colours, layers)
    dashed = any(_leads_back(source, target, layers) for source, target in picture.arrows)
    lines += _legend(picture, [picture.hub_remark] * bool(colours) + [picture.dashed_remark] * dashed)
    return "\n".join([*lines, "}", ""])


def _layers(picture: Picture) -> dict[str, int]:
    """How many arrows away from the first start that leads to it each box is; what none leads to counts as a start."""
    leads: dict[str, list[str]] = {box.name: [] for box in picture.boxes}
    for source, target in picture.arrows:
        leads[source].append(target)
    found: dict[str, int] = {}
    for start in (*picture.starts, [*leads]):
        todo = [name for name in start if name not in found]
        found |= dict.fromkeys(todo, 0)
        while todo:
            name = todo.pop(0)
            for target in leads[name]:
                if target not in found:
                    found[target] = found[name] + 1
                    todo.append(target)
    return found


def _hub_colours(picture: Picture) -> dict[str, str]:
    arrows = Counter(target for _, target in dict.fromkeys(picture.arrows))
    hubs = [box.name for box in picture.boxes if arrows[box.name] >= HUB]
    return {name: HUB_COLOURS[place % len(HUB_COLOURS)] for place, name in enumerate(hubs)}


def _node(box: Box, colour: str | None) -> str:
    tooltip = _quoted(box.tooltip or box.title)
    return f"{_quoted(box.name)} [tooltip={tooltip} label=<{_table(box, colour)}>];"


def _table(box: Box, colour: str | None) -> str:
    border = f'BORDER="3" COLOR="{colour}"' if colour else f'BORDER="1" COLOR="{FRAME}"'
    note = f'<BR/><FONT POINT-SIZE="8" COLOR="{FRAME}"> {_escaped(box.note)} </FONT>' if box.note else ""
    rows = [f'<TR><TD PORT="in" BGCOLOR="{box.fill}" CELLPADDING="4"><B> {_escaped(box.title)} </B>{note}</TD></TR>']
    if box.text:
        rows.append(f'<TR><TD ALIGN="LEFT" BALIGN="LEFT"><FONT POINT-SIZE="9"><I> {_shortened(box.text)} </I></FONT></TD></TR>')
    rows += [_table_row(place, row) for place, row in enumerate(box.rows)]
    return f'<TABLE {border} CELLBORDER="0" CELLSPACING="0" CELLPADDING="2" BGCOLOR="#ffffff">{"".join(rows)}</TABLE>'


def _table_row(place: int, row: Row) -> str:
    target = f" → {row.target}" if row.target and row.names_target else ""
    align = "RIGHT" if row.target else "LEFT"
    words = _escaped((row.text + target).strip())
    return f'<TR><TD PORT="out{place}" ALIGN="{align}"><FONT POINT-SIZE="9"> {words} </FONT></TD></TR>'


def _shortened(text: str) -> str:
    lines = textwrap.wrap(text, TEXT_WIDTH, max_lines=TEXT_LINES, placeholder=" …")
    return " <BR/> ".join(_escaped(line) for line in lines)


def _arrows(box: Box, colours: Mapping[str, str], layers: Mapping[str, int]) -> Iterator[str]:
    for place, row in enumerate(box.rows):
        if row.target is None:
            continue
        style = {"color": colours.get(row.target, LINE), "tooltip": f"{box.title}: {row.text} → {row.target}"}
        if _leads_back(box.name, row.target, layers):
            style |= {"style": "dashed", "constraint": "false"}
        yield f"{_quoted(box.name)}:out{place}:e -> {_quoted(row.target)}:in:w [{_attributes(style)}];"


def _leads_back(source: str, target: str, layers: Mapping[str, int]) -> bool:
    return layers[target] <= layers[source]


def _framed(title: str, members: Sequence[str]) -> list[str]:
    frame = {"label": title, "style": "rounded", "color": "#dc2626", "fontname": "Arial", "fontsize": "12", "margin": "10"}
    return [f"subgraph {_quoted(f'cluster {title}')} {{", f"graph [{_attributes(frame)}];", *members, "}"]


def _legend(picture: Picture, lines: Sequence[str]) -> list[str]:
    if not picture.legend:
        return []
    swatch = 'BORDER="1" WIDTH="26" HEIGHT="14" FIXEDSIZE="TRUE"'
    rows = [
        f'<TR><TD BGCOLOR="{colour}" {swatch}></TD><TD ALIGN="LEFT"> {_escaped(words)}</TD></TR>'
        for colour, words in picture.legend
    ]
    rows += [f'<TR><TD></TD><TD ALIGN="LEFT"> {_escaped(remark)}</TD></TR>' for remark in (*picture.remarks, *lines)]
    table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="3" CELLPADDING="1">{"".join(rows)}</TABLE>'
    return [f"legend [label=<{table}>];"]


def _attributes(values: Mapping[str, str]) -> str:
    return " ".join(f"{name}={_quoted(value)}" for name, value in values.items())


def _escaped(text: str) -> str:
    """Text within a label."""
    return escape(_printable(text))


def _quoted(text: str) -> str:
    """A DOT string: quotes and backslashes (Graphviz gives them a meaning) are made harmless."""
    lines = (_printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.splitlines())
    return '"' + "\\n".join(lines) + '"'


def _printable(text: str) -> str:
    """Blanks in place of control characters, which XML and JSON do not have."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
