"""A bank for tests: its clients with their keys, the assertions they sign, and our side of it with real stores."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc import jwt

from caller_id.ticket import SigningKey
from caller_id.types import Segment
from voicebot.config.identity import IdentitySettings
from voicebot.identity.audit_table import AuditTable, Line
from voicebot.identity.clients import Client
from voicebot.identity.keys import SigningKeys, new_key
from voicebot.identity.opening import Identity, open_identity
from voicebot.identity.tickets import Order
from voicebot.metrics.registry import Metrics
from voicebot.state.shared import SharedState

START = datetime(2026, 11, 26, 10, 0, 5, tzinfo=UTC)


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class TrueClock(Clock):
    """The machine's own, for what other processes look at as well."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Bank:
    """Our side, and what the bank has of it."""

    identity: Identity
    keys: dict[str, SigningKey]
    """Of each client."""
    folder: Path
    clock: Clock
    metrics: Metrics

    @property
    def own_keys(self) -> SigningKeys:
        return self.identity.keys

    def assertion(self, client: str = "app", *, key: SigningKey | None = None, header: Any = None, **claims: Any) -> str:
        return assertion(key or self.keys[client], self.clock(), client, header=header, **claims)

    def publish(self, client: str, *keys: SigningKey) -> None:
        """The public keys of a client."""
        publish(self.folder / f"{client}.json", *keys)

    def lines(self) -> list[Line]:
        """The audit trail, as far as the database has it."""
        table = AuditTable(f"sqlite:///{self.folder / 'calls.db'}")
        found = list(table.lines())
        table.close()
        return found


def assertion(key: SigningKey, now: datetime, client: str = "app", *, header: Any = None, **claims: Any) -> str:
    """What a client sends with a request; a claim of None is left out."""
    seconds = int(now.timestamp())
    told = {"iss": client, "sub": client, "aud": "voicebot", "iat": seconds, "exp": seconds + 60, "jti": secrets.token_hex(16)}
    told = {name: value for name, value in (told | claims).items() if value is not None}
    heading = {"alg": key.alg, "kid": key.kid, "typ": "JWT"} | (header or {})
    return jwt.encode(heading, told, key, algorithms=[str(heading["alg"])], default_type=None)


def publish(path: Path, *keys: SigningKey) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"keys": [each.as_dict(private=False) for each in keys]}))
    draft.replace(path)


@asynccontextmanager
async def opened(
    shared: SharedState, folder: Path, *, clock: Clock | None = None, ciba: dict[str, Any] | None = None, **tickets: Any
) -> AsyncIterator[Bank]:
    """A bank's clients, one of them with an older library (ES256); `tickets` are other settings of the tickets."""
    time_of_day, metrics = clock or Clock(), Metrics()
    keys = {"app": new_key(), "other": new_key("ES256"), "desk": new_key(), "portal": new_key("ES256")}
    for client, key in keys.items():
        publish(folder / f"{client}.json", key)
    settings = IdentitySettings.model_validate(
        {
            "clients": [
                {"id": "app", "jwks_file": folder / "app.json", "may": ["tickets"]},
                {"id": "other", "jwks_file": folder / "other.json", "may": ["current_calls"], "per_minute": 5},
                {"id": "desk", "jwks_file": folder / "desk.json", "may": ["advisor_proofs"]},
                {"id": "portal", "jwks_file": folder / "portal.json", "may": ["current_calls"]},
            ],
            "tickets": tickets,
            "ciba": ciba,
        }
    )
    async with AsyncExitStack() as stack:
        identity = await open_identity(
            settings,
            shared,
            metrics,
            stack,
            database_url=f"sqlite:///{folder / 'calls.db'}",
            folder=folder / "spool" / "audit",
            keys_file=folder / "keys.json",
            clock=time_of_day,
        )
        yield Bank(identity, keys, folder, time_of_day, metrics)


APP = Client("app")


def order(customer: str = "c-4711", **values: Any) -> Order:
    told: dict[str, Any] = {"segment": Segment.SELECT, "level": "app-biometric", "auth_time": START - timedelta(seconds=30)}
    return Order(customer, **(told | values))
