"""A change of a person, and the tokens of the API that no administrator answers for since: whoever leaves must not leave keys
behind that nobody knows of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voicebot.accounts.tokens import Tokens
from voicebot.accounts.users import User
from voicebot.console.parts import ConsoleParts


async def changed(parts: ConsoleParts, who: str, change: Callable[[], User]) -> tuple[User, list[str]]:
    """Carry out a change, in a thread; the person, and the names of the tokens that were left, each of which is in the audit
    trail. They open what they did: a system of the bank lives by them. Raises what `change` raises.
    """
    tokens = Tokens(parts.engine, clock=parts.clock)

    def carry_out() -> tuple[User, list[str]]:
        before = {token.name for token in tokens.orphaned()}
        user = change()
        return user, [token.name for token in tokens.orphaned() if token.name not in before]

    user, left = await asyncio.to_thread(carry_out)
    for name in left:
        await parts.audit.note("token.orphaned", who=who, token=name, user=user.name)
    return user, left
