"""Two changes of one text come together by line; where they meet a person chooses, and no line of either is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.releases.merging import Choice, Part, Place, both_changed, merge, places, settle

Edit = tuple[str, int]
"""Who edits a line ("mine", "theirs", "both" or nobody: ""), and what with: 0 take it away, 1 other lines, 2 lines before it."""
EDITS = st.tuples(st.sampled_from(["", "", "mine", "theirs", "both"]), st.integers(0, 2))


def edited(base: list[str], edits: list[Edit], who: str) -> list[str]:
    """One side's text: lines that it adds are found nowhere else."""
    lines: list[str] = []
    for number, (line, (whose, what)) in enumerate(zip(base, edits, strict=True)):
        if whose not in (who, "both"):
            lines.append(line)
        elif what:
            lines += [f"{who} {number} {each}\n" for each in range(2)] + [line] * (what == 2)
    return lines


def of(parts: tuple[Part, ...], side: str) -> list[str]:
    """All lines that are there when a person takes this side everywhere."""
    return settle(parts, [Choice(side)] * len(places(parts))).splitlines(keepends=True)


@given(st.lists(EDITS, max_size=12))
def test_no_line_of_either_side_is_lost_whatever_they_did(edits: list[Edit]) -> None:
    base = [f"line {number}\n" for number in range(len(edits))]
    mine, theirs = edited(base, edits, "mine"), edited(base, edits, "theirs")
    parts = merge(base, theirs, mine)
    for side, lines in (("mine", mine), ("theirs", theirs)):
        assert [each for each in of(parts, side) if each.startswith(side)] == [each for each in lines if each.startswith(side)]
    both = of(parts, "both")
    assert {each for each in (*mine, *theirs) if not each.startswith("line")} <= set(both)
    assert {*mine} & {*theirs} <= set(both), "what both left"
    for place in places(parts):
        assert place.mine != place.theirs
    swapped = merge(base, mine, theirs)
    assert [(each.base, each.mine, each.theirs) for each in places(swapped)] == [
        (each.base, each.theirs, each.mine) for each in places(parts)
    ]


@given(st.lists(st.tuples(st.sampled_from(["mine", "theirs"]), st.integers(0, 2)), max_size=8))
def test_changes_with_a_line_between_them_always_come_together(changed: list[Edit]) -> None:
    edits = [each for edit in changed for each in (edit, ("", 0))]
    base = [f"line {number}\n" for number in range(len(edits))]
    parts = merge(base, edited(base, edits, "theirs"), edited(base, edits, "mine"))
    assert places(parts) == ()
    expected: list[str] = []
    for number, (line, (whose, what)) in enumerate(zip(base, edits, strict=True)):
        added = [f"{whose} {number} {each}\n" for each in range(2)] if whose and what else []
        expected += [*added, *([line] if not whose or what == 2 else [])]
    assert settle(parts, []) == "".join(expected)


@given(*[st.lists(st.sampled_from("abc\n"), max_size=8)] * 2)
def test_one_side_alone_and_both_alike_are_taken_as_they_are(base: list[str], side: list[str]) -> None:
    """Also where lines repeat."""
    for parts in (merge(base, side, base), merge(base, base, side), merge(base, side, side)):
        assert places(parts) == ()
        assert [line for part in parts if not isinstance(part, Place) for line in part] == side


def test_neighbouring_lines_come_together_and_lines_added_at_one_place_do_not() -> None:
    base = ["a\n", "b\n", "c\n"]
    assert settle(merge(base, ["A\n", "b\n", "c\n"], ["a\n", "B\n", "c\n"]), []) == "A\nB\nc\n"
    parts = merge(base, [*base, "their example\n"], [*base, "my example"])
    assert settle(parts, [Choice.BOTH]) == "a\nb\nc\ntheir example\nmy example"
    assert settle(merge(base, [*base, "theirs"], [*base, "mine"]), [Choice.BOTH]) == "a\nb\nc\ntheirs\nmine", "no line runs on"
    with pytest.raises(ValueError, match="1 places, and 0 choices"):
        settle(parts, [])


def test_ends_of_lines_and_odd_characters_stay() -> None:
    base, mine = "a: 1\r\nb: \u2028x\u0085y\r\nc: 3\r\n".encode(), "a: 2\r\nb: \u2028x\u0085y\r\nc: 3\r\n".encode()
    theirs = base + "d: ł".encode()
    found = both_changed("bundle/routes.yml", base, theirs, mine)
    assert found.places == ()
    assert found.parts is not None
    assert settle(found.parts, []).encode() == mine + "d: ł".encode()
