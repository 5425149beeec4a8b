"""The files that only Rasa reads agree with the pack that we read."""

from __future__ import annotations

import re

import pytest

from nlu.pack.pack import ACT_LABELS, BANK_PACK, Pack
from nlu.pack.rasa_yaml import load_document
from nlu.types import OUT_OF_SCOPE

PACK = Pack(BANK_PACK)
DOMAIN = load_document(BANK_PACK / "domain.yml")
_INTENT = re.compile(r"^\s*- intent: *(\w+) *$", re.MULTILINE)


@pytest.mark.parametrize("lang", PACK.languages)
def test_the_domain_names_every_label_of_the_data_and_no_other(lang: str) -> None:
    """Rasa refuses data with an intent that its domain does not name, and warns of one without data."""
    declared = set(DOMAIN["intents"])
    assert declared == {*PACK.intents, *ACT_LABELS, OUT_OF_SCOPE}
    assert declared == {name for path in PACK.files(lang) for name in _INTENT.findall(path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("lang", PACK.languages)
def test_every_lookup_is_an_entity_that_rasa_can_learn(lang: str) -> None:
    """Declared in the domain, and marked in an example at least once: without that Rasa leaves the lookup out."""
    things = PACK.named_things(lang)
    marked = {mark.entity for example in things.examples for mark in example.annotations}
    assert set(things.lookups) == marked == set(DOMAIN["entities"])
    assert {example.intent for example in things.examples} <= set(PACK.intents)


def test_rasa_never_writes_into_the_shipped_files() -> None:
    """What its configuration leaves out Rasa adds to the file; so nothing is left out."""
    config = load_document(BANK_PACK / "config.yml")
    assert all(config.get(key) for key in ("recipe", "assistant_id", "language", "pipeline", "policies"))
    assert DOMAIN["version"] == "3.1"
