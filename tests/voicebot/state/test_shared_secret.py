"""All processes of one service have the same secrets, without anybody configuring them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.voicebot.logged import line_with
from tests.voicebot.state.servers import StateServer, back
from voicebot.errors import ConfigError
from voicebot.state.secret_file import keep_secret, read_secret
from voicebot.state.shared import SharedState
from voicebot.state.shared_secret import CALLER_MEMORY, NUMBER_HASH, derived_key, hkdf, shared_secret


@pytest.mark.parametrize(
    ("material", "salt", "info", "begins"),
    [
        (
            "0b" * 22,
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56",
        ),
        ("0b" * 22, "", "", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f"),
    ],
)
def test_keys_are_derived_as_the_rfc_says(material: str, salt: str, info: str, begins: str) -> None:
    """RFC 5869, test cases 1 and 3."""
    key = hkdf(bytes.fromhex(material), salt=bytes.fromhex(salt), info=bytes.fromhex(info))
    assert key.hex().startswith(begins)
    assert len(key) == 32


def test_every_purpose_has_its_own_key() -> None:
    keys = {derived_key(secret, purpose) for secret in ("one", "two") for purpose in (CALLER_MEMORY, NUMBER_HASH)}
    assert len(keys) == 4


async def test_processes_with_one_state_server_agree(shared: SharedState, other: SharedState, tmp_path: Path) -> None:
    """Whoever comes first decides, also when both come at once; each keeps a copy."""
    first, second = await asyncio.gather(
        shared_secret(shared, "s", tmp_path / "a" / "secret"), shared_secret(other, "s", tmp_path / "b" / "secret")
    )
    assert first == second == read_secret(tmp_path / "a" / "secret") == read_secret(tmp_path / "b" / "secret")
    assert await shared_secret(shared, "another", tmp_path / "other") != first


async def test_a_secret_of_before_is_offered_to_the_others(shared: SharedState, other: SharedState, tmp_path: Path) -> None:
    """A service that was alone keeps its token when it gets company; who comes later with one of their own takes it over."""
    keep_secret(tmp_path / "a", "long-used")
    keep_secret(tmp_path / "b", "another")
    assert await shared_secret(shared, "s", tmp_path / "a") == "long-used"
    assert await shared_secret(other, "s", tmp_path / "b") == "long-used"
    assert read_secret(tmp_path / "b") == "long-used"


async def test_without_the_server_the_copy_counts(server: StateServer, shared: SharedState, tmp_path: Path) -> None:
    """A restart while it is away changes nothing; when it comes back empty it is told again."""
    agreed = await shared_secret(shared, "s", tmp_path / "file")
    server.kill()
    with line_with("state server is away: a secret", secret_name="s") as told:
        assert await shared_secret(shared, "s", tmp_path / "file") == agreed
        made = await shared_secret(shared, "s", tmp_path / "none")
        assert made == await shared_secret(shared, "s", tmp_path / "none") != agreed
        await told.written()
    server.start_again()
    await back(shared)
    assert await shared_secret(shared, "s", tmp_path / "file") == agreed


async def test_a_file_that_cannot_be_used_is_explained(shared: SharedState, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "file").chmod(0o600)
    with pytest.raises(ConfigError, match="Delete the file, and a new one is made"):
        await shared_secret(shared, "s", tmp_path / "file")
    with pytest.raises(ConfigError, match=r"Set state\.data_dir to a writable folder"):
        await shared_secret(shared, "s", tmp_path / "file" / "inside")
