"""Tokens of the API: made, seen once, and taken back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from starlette.responses import Response

from voicebot.accounts.roles import Role
from voicebot.accounts.tokens import Scope, Tokens
from voicebot.accounts.users import AccountError
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View, whole_number

_ADMINS = frozenset({Role.ADMIN})
_LONGEST_DAYS = 3650


def pages(parts: ConsoleParts) -> Pages:
    """The list, and the forms that change it."""
    found = Pages()
    tokens = Tokens(parts.engine, clock=parts.clock)

    async def show(view: View, *, status: int = 200, problem: str = "", secret: str = "") -> Response:
        there = await asyncio.to_thread(tokens.all)
        orphaned = [token for token in there if token.orphaned]
        return view.show(
            "tokens.html",
            status=status,
            problem=problem,
            secret=secret,
            tokens=[token for token in there if not token.orphaned],
            orphaned=orphaned,
            scopes=list(Scope),
        )

    @found.get("/tokens", roles=_ADMINS, nav="nav.tokens", order=92)
    async def all_tokens(view: View) -> Response:
        return await show(view)

    @found.post("/tokens", roles=_ADMINS)
    async def change(view: View) -> Response:
        names = [name.strip() for name in view.form.all("name")]
        try:
            match view.form.get("do"):
                case "revoke" | "take_over" if not names:
                    raise AccountError(view.t("tokens.none_ticked"))
                case "revoke":
                    for name in names:
                        await asyncio.to_thread(tokens.revoke, name)
                        await parts.audit.note("token.revoked", who=view.user.name, token=name)
                    return view.go("/tokens", "tokens.revoked")
                case "take_over":
                    for name in names:
                        await asyncio.to_thread(tokens.take_over, name, view.user.name)
                        await parts.audit.note("token.taken_over", who=view.user.name, token=name)
                    return view.go("/tokens", "tokens.taken_over")
            return await added(view, view.form.get("name"))
        except AccountError as error:
            return await show(view, status=422, problem=view.told(error))

    async def added(view: View, name: str) -> Response:
        """The secret is on this page alone: a form that is sent again makes no second one, for the name is taken."""
        scopes = {Scope(each) for each in view.form.all("scopes") if each in set(Scope)}
        days = view.form.get("days")
        if days and not 0 < whole_number(days) <= _LONGEST_DAYS:
            raise AccountError(view.t("tokens.days_wrong", most=_LONGEST_DAYS))
        until = parts.clock() + timedelta(days=int(days)) if days else None
        secret = await asyncio.to_thread(lambda: tokens.add(name, scopes, made_by=view.user.name, until=until))
        await parts.audit.note("token.made", who=view.user.name, token=name, scopes=" ".join(sorted(scopes)))
        return await show(view, secret=secret)

    return found
