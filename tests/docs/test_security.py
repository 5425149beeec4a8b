"""docs/security.md names, for every control, the tests that prove it: they exist, and are run wherever all tests are."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from tests.docs.tables import DOCS

TESTS = Path(__file__).parents[1]
PAGE = (DOCS / "security.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`([\w/]+\.py)((?:::\w+)+)`")
THREATS = (
    "caller id", "stolen ticket", "replay", "altered", "key", "phone code", "sim swap", "vishing of the customer",
    "vishing of the agent", "bombing", "somebody else confirms", "lies", "enumeration", "flood", "hostile sdp", "hostile sip",
    "turn", "toll fraud", "insider with the api token", "insider with the database", "insider with the logs", "secrets",
    "state server", "bundle", "supply chain",
)  # fmt: skip


@cache
def all_in(file: str) -> frozenset[str]:
    """All tests of a file, as pytest names them: ::function, ::Class::method."""
    found: set[str] = set()

    def look(body: list[ast.stmt], inside: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found.add(f"{inside}::{node.name}")
            elif isinstance(node, ast.ClassDef):
                look(node.body, f"{inside}::{node.name}")

    look(ast.parse((TESTS / file).read_text(encoding="utf-8")).body, "")
    return frozenset(found)


def rows() -> list[list[str]]:
    """The table of threats."""
    part = PAGE.split("## Threats\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) > 40
    missing = [f"{file}{name}" for file, name in named if not (TESTS / file).is_file() or name not in all_in(file)]
    assert missing == []


def test_every_threat_has_a_control_and_a_test_that_proves_it() -> None:
    for threat, control, proof in rows():
        assert control, threat
        assert NAMED.search(proof), threat


def test_no_threat_that_the_page_must_answer_is_left_out() -> None:
    told = " ".join(row[0] for row in rows()).lower()
    assert [threat for threat in THREATS if threat not in told] == []
    assert len(PAGE.splitlines()) < 150
