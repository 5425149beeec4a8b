"""Passkeys (WebAuthn level 3): registered by somebody who is logged in, used to log in without a name."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import webauthn
from redis.asyncio import Redis
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.exceptions import InvalidAuthenticationResponse, InvalidJSONStructure, InvalidRegistrationResponse
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from voicebot.accounts.models import PasskeyRow, UserRow
from voicebot.accounts.users import AccountError, User, user_of
from voicebot.state.shared import PREFIX, SharedState

_FIVE_MINUTES_S = 300
_WRONG = (InvalidAuthenticationResponse, InvalidRegistrationResponse, InvalidJSONStructure, ValueError, KeyError, TypeError)


@dataclass(frozen=True, slots=True)
class Passkey:
    """One of a person's passkeys."""

    credential_id: str
    label: str
    made_at: datetime


class Passkeys:
    """`origin` is where people open the console, like https://console.bank.example; a passkey is for its host only."""

    def __init__(
        self,
        engine: Engine,
        shared: SharedState,
        *,
        origin: str,
        host: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._shared = shared
        self._origin = origin
        self._host = host
        self._clock = clock

    async def new_challenge(self, purpose: str) -> bytes:
        """A challenge that can be answered once, within five minutes. Raises StateError."""
        challenge = secrets.token_bytes(32)

        async def keep(redis: Redis) -> None:
            await redis.set(_key(challenge), purpose, ex=_FIVE_MINUTES_S)

        await self._shared.ask(keep)
        return challenge

    async def registration(self, user: User) -> str:
        """The options of `navigator.credentials.create` as JSON. Raises StateError, and what SQLAlchemy raises."""
        known = [PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.credential_id)) for each in self.of(user.user_id)]
        return options_to_json(
            webauthn.generate_registration_options(
                rp_id=self._host,
                rp_name="voicebot",
                user_id=bytes.fromhex(user.user_id),
                user_name=user.name,
                user_display_name=user.shown,
                challenge=await self.new_challenge(f"register {user.user_id}"),
                authenticator_selection=AuthenticatorSelectionCriteria(
                    resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
                ),
                exclude_credentials=known,
            )
        )

    async def register(self, user: User, answer: str, label: str) -> None:
        """Keep the passkey that the browser made. Raises AccountError, StateError, and what SQLAlchemy raises."""
        try:
            credential = json.loads(answer)
            challenge = await self._challenge_in(credential, f"register {user.user_id}")
            made = webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except _WRONG as error:
            raise AccountError("the passkey was not taken; try again", "passkey_not_taken") from error
        row = PasskeyRow(
            credential_id=bytes_to_base64url(made.credential_id),
            user_id=user.user_id,
            public_key=base64.b64encode(made.credential_public_key).decode(),
            sign_count=made.sign_count,
            label=label[:80] or "passkey",
            made_at=self._clock(),
        )
        with Session(self._engine) as session, session.begin():
            session.add(row)

    async def authentication(self) -> str:
        """The options of `navigator.credentials.get` as JSON. Raises StateError."""
        challenge = await self.new_challenge("log in")
        options = webauthn.generate_authentication_options(
            rp_id=self._host, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
        )
        return options_to_json(options)

    async def authenticate(self, answer: str) -> User:
        """Whose passkey answered. Raises AccountError, StateError, and what SQLAlchemy raises."""
        try:
            credential = json.loads(answer)
            challenge = await self._challenge_in(credential, "log in")
            with Session(self._engine) as session, session.begin():
                row = session.get(PasskeyRow, str(credential["id"]))
                user = session.get(UserRow, row.user_id) if row is not None else None
                if row is None or user is None or not user.active:
                    raise AccountError("this passkey is not known here", "passkey_unknown")
                proved = webauthn.verify_authentication_response(
                    credential=credential,
                    expected_challenge=challenge,
                    expected_rp_id=self._host,
                    expected_origin=self._origin,
                    credential_public_key=base64.b64decode(row.public_key),
                    credential_current_sign_count=row.sign_count,
                    require_user_verification=True,
                )
                row.sign_count = proved.new_sign_count
                return user_of(user)
        except _WRONG as error:
            raise AccountError("the passkey did not fit; try again", "passkey_wrong") from error

    def of(self, user_id: str) -> list[Passkey]:
        """A person's passkeys. Blocks; raises what SQLAlchemy raises."""
        with Session(self._engine) as session:
            rows = session.scalars(select(PasskeyRow).where(PasskeyRow.user_id == user_id).order_by(PasskeyRow.made_at))
            return [Passkey(row.credential_id, row.label, row.made_at) for row in rows]

    def remove(self, user_id: str, credential_id: str) -> None:
        """Take one away. Blocks; raises what SQLAlchemy raises."""
        with Session(self._engine) as session, session.begin():
            whose = (PasskeyRow.user_id == user_id, PasskeyRow.credential_id == credential_id)
            session.execute(delete(PasskeyRow).where(*whose))

    async def _challenge_in(self, credential: dict[str, Any], purpose: str) -> bytes:
        """The challenge that the browser signed, if it is one of ours for this purpose; it counts once. Raises ValueError."""
        client_data = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        challenge = base64url_to_bytes(client_data["challenge"])

        async def take(redis: Redis) -> str | None:
            return cast("str | None", await redis.getdel(_key(challenge)))

        if await self._shared.ask(take) != purpose:
            raise ValueError("no such challenge")
        return challenge


def _key(challenge: bytes) -> str:
    return f"{PREFIX}passkey:{challenge.hex()}"
