"""Which release calls go by, and how it travels between processes. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CONFIGURED = ""
"""The release that is no release: bundle and training data as the configuration names them."""


class Stage(StrEnum):
    """Publishing has two steps."""

    PREPARE = "prepare"
    """Every process loads it; calls go on by what they had."""
    LIVE = "live"
    """Calls that begin from now on go by it."""
    BACK = "back"
    """The same, because what came after it is taken back."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A release, and the share of callers (0 to 1) that it serves."""

    release: str
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Pointer:
    """One order."""

    seq: int
    stage: Stage
    arms: tuple[Arm, ...]
    who: str
    why: str
    at: datetime

    @property
    def release(self) -> str:
        """The first arm's: what chats and whoever has no number go by."""
        return self.arms[0].release

    @property
    def releases(self) -> tuple[str, ...]:
        """Of all arms."""
        return tuple(arm.release for arm in self.arms)


@dataclass(frozen=True, slots=True)
class ShadowOrder:
    """A release is to decide beside the one in force, or none any more."""

    seq: int
    release: str
    """"" when none is to any more."""
    proposal: int
    """That it belongs to."""
    until: datetime
    """When it ends by itself."""
    who: str
    why: str
    at: datetime

    def running(self, now: datetime) -> bool:
        """Whether a release is in the shadow by it."""
        return bool(self.release) and now < self.until


def before(history: Sequence[Pointer]) -> tuple[Arm, ...] | None:
    """What calls went by before what they go by now; None when nothing was published. `history` has the newest order first.
    Whoever goes back twice goes back two steps, and never forward to what was taken back; nor to a share of the callers for it.
    """
    stack: list[tuple[Arm, ...]] = [(Arm(CONFIGURED),)]
    for order in reversed(history):
        if order.stage is Stage.LIVE and order.arms != stack[-1]:
            stack.append(order.arms)
        elif order.stage is Stage.BACK:
            at = next((at for at in reversed(range(len(stack) - 1)) if stack[at] == order.arms), len(stack) - 1)
            del stack[at + 1 :]
    taken_back = stack[-1][-1].release
    return next((arms for arms in reversed(stack[:-1]) if taken_back not in {arm.release for arm in arms}), None)


def arm_of(arms: Sequence[Arm], caller: str) -> str:
    """The release for this caller (a number, or any name that stays): who calls again stays in their arm, also when the shares
    are changed. Who has none goes by the first.
    """
    if len(arms) == 1 or not caller:
        return arms[0].release
    salt = " ".join(sorted(arm.release for arm in arms))
    place = int.from_bytes(hashlib.sha256(f"{salt} {caller}".encode()).digest()[:8], "big") / 2**64
    for arm in arms:
        if place < arm.share:
            return arm.release
        place -= arm.share
    return arms[0].release
