"""Secret keys: nothing is kept of them, and nothing is spoken back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dialogs import Bundle, load_bundle
from dialogs.data.bundle import DEFAULT_BUNDLE
from dialogs.events import CollectKeys
from tests.dialogs.calls import SATURDAY_NIGHT, Call, means


@pytest.fixture
def secretive(tmp_path: Path) -> Bundle:
    """The bundle with a secret in place of the number to call back on."""
    root = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))
    text = (root / "flow.yml").read_text(encoding="utf-8")
    assert text.count("    max_digits: 15\n") == 1
    (root / "flow.yml").write_text(
        text.replace("    max_digits: 15\n", "    max_digits: 15\n    secret: true\n"), encoding="utf-8"
    )
    return load_bundle(root)


def asked(bundle: Bundle) -> Call:
    """A caller who is asked for the keys."""
    call = Call(bundle, at=SATURDAY_NIGHT, number=None).hears(means("mortgage")).presses("1").waits()
    assert isinstance(call.actions[-1], CollectKeys)
    return call


def test_a_secret_is_nowhere_in_the_state_while_it_is_typed(secretive: Bundle) -> None:
    call = asked(secretive).presses("600700")
    assert "600700" not in repr(call.dialog.state)
    assert all("600700"[at] not in call.dialog.state.digits for at in range(6))


def test_a_number_being_typed_is_not_shown_either(bundle: Bundle) -> None:
    call = asked(bundle).presses("600700")
    assert "600700" not in repr(call.dialog.state)


def test_a_secret_that_looks_like_a_number_is_none(secretive: Bundle) -> None:
    """It is not complete before the caller says so, it is not called, and nothing of it is spoken."""
    call = asked(secretive).presses("600700800")
    assert isinstance(call.actions[-1], CollectKeys), "nine digits are no number here"
    call.presses("#")
    assert call.dialog.state.number is None
    assert call.dialog.state.step == "callback_confirm"
    assert "600700800" not in repr(call.actions)


def test_a_secret_is_complete_at_its_longest(secretive: Bundle) -> None:
    assert asked(secretive).presses("1" * 15).dialog.state.step == "callback_confirm"


def test_no_keys_are_no_secret(secretive: Bundle) -> None:
    call = asked(secretive).presses("#")
    assert isinstance(call.actions[-1], CollectKeys)
    assert call.dialog.state.asked["callback_keys"] == 2
