"""People: who may log in, and what they may do."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from voicebot.accounts.roles import Role
from voicebot.accounts.tokens import Tokens
from voicebot.accounts.users import AccountError
from voicebot.console.orphaned import changed
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Form, Pages, View

_ADMINS = frozenset({Role.ADMIN})


def _roles(form: Form) -> set[Role]:
    return {Role(each) for each in form.all("roles") if each in set(Role)}


def pages(parts: ConsoleParts) -> Pages:
    """The list of people, and the forms that change it."""
    found = Pages()

    async def show(view: View, *, problem: str = "", status: int = 200) -> Response:
        users, tokens = await asyncio.to_thread(lambda: (parts.users.all(), Tokens(parts.engine, clock=parts.clock).all()))
        made = {user.name: [token.name for token in tokens if token.made_by == user.name] for user in users}
        queues = list(parts.bundle().queues)
        return view.show(
            "people.html", status=status, users=users, made=made, all_roles=list(Role), queues=queues, problem=problem
        )

    @found.get("/people", roles=_ADMINS, nav="nav.people", order=90)
    async def people(view: View) -> Response:
        return await show(view)

    @found.post("/people", roles=_ADMINS)
    async def add(view: View) -> Response:
        form = view.form
        try:
            user = await asyncio.to_thread(
                parts.users.add,
                form.get("name"),
                _roles(form),
                made_by=view.user.name,
                shown=form.get("shown"),
                password=next(iter(form.all("password")), "") or None,
                queues=form.all("queues"),
            )
        except AccountError as error:
            return await show(view, problem=view.told(error), status=422)
        roles = " ".join(sorted(user.roles))
        await parts.audit.note("console.user.added", who=view.user.name, user=user.name, roles=roles)
        return view.go("/people", "people.added")

    @found.post("/people/{user_id}", roles=_ADMINS)
    async def change(view: View) -> Response:
        form, user_id = view.form, view.path["user_id"]
        if user_id == view.user.user_id and ("active" not in form or Role.ADMIN not in _roles(form)):
            return await show(view, problem=view.t("people.not_yourself"), status=422)
        try:
            user, left = await changed(
                parts,
                view.user.name,
                lambda: parts.users.change(
                    user_id,
                    roles=_roles(form),
                    shown=form.get("shown"),
                    queues=form.all("queues"),
                    active="active" in form,
                    password=next(iter(form.all("password")), "") or None,
                ),
            )
        except AccountError as error:
            return await show(view, problem=view.told(error), status=422)
        roles, active = " ".join(sorted(user.roles)), int(user.active)
        await parts.audit.note("console.user.changed", who=view.user.name, user=user.name, roles=roles, active=active)
        return view.go("/tokens", "tokens.left") if left else view.go("/people", "people.changed")

    return found
