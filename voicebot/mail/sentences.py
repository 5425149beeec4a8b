"""A mail in pieces that the classifier knows: it was taught sentences as people speak them. Pure."""

from __future__ import annotations

import re

MOST_WORDS = 32
"""A longer sentence is cut at commas: callers seldom say more in one breath."""
_ITEM = re.compile(r"^(?:\d{1,2}[.)]|[-*•–])\s+")
# not after a number ("dnia 17. listopada"), an initial or a short abbreviation ("ul.", "nr.", "np.", "Mr.", "e.g.")
_END = re.compile(
    r"(?<=[.!?…])(?<!\b\w\.)(?<!\b(?:ul|nr|np|tj|ok|dr|mr|ms|al|os|pl|gr|st)\.)(?<!\b(?:tel|tzw|itd|itp|mgr|inż|mrs|art)\.)[\"”’)]*\s+"
)
_COMMA = re.compile(r"(?<=[,;:–])\s+")
_WORD = re.compile(r"\w")


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order. A line that was broken by the program goes on; an item of a list is one of its own."""
    found = []
    for paragraph in text.split("\n\n"):
        for block in _blocks(paragraph):
            for sentence in _END.split(block):
                found += _short(sentence.strip())
    return [each for each in found if _WORD.search(each)]


def _blocks(paragraph: str) -> list[str]:
    blocks: list[str] = []
    for line in paragraph.split("\n"):
        stripped = _ITEM.sub("", line, count=1)
        if not blocks or stripped != line or blocks[-1].endswith((".", "!", "?", ":")):
            blocks.append(stripped)
        else:
            blocks[-1] = f"{blocks[-1]} {line}"
    return blocks


def _short(sentence: str) -> list[str]:
    """The sentence, or pieces of at most `MOST_WORDS` words, cut at commas where there are any."""
    if len(sentence.split()) <= MOST_WORDS:
        return [sentence]
    pieces: list[str] = []
    for clause in _COMMA.split(sentence):
        joined = f"{pieces[-1]} {clause}" if pieces else clause
        if pieces and len(joined.split()) <= MOST_WORDS:
            pieces[-1] = joined
        else:
            pieces += _broken(clause)
    return pieces


def _broken(clause: str) -> list[str]:
    words = clause.split()
    return [" ".join(words[at : at + MOST_WORDS]) for at in range(0, len(words), MOST_WORDS)]
