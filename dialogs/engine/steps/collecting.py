"""A number given by keys, taken digit by digit: a telephone number, refused when nobody may be called on it; or a secret, of
which nothing is kept.
"""

from __future__ import annotations

import phonenumbers

from dialogs.data.bundle import Bundle
from dialogs.data.flow import Collect
from dialogs.engine.steps import asking
from dialogs.engine.turn import Turn

NATIONAL_DIGITS = 9
HIDDEN = "•"
REFUSED_TYPES = frozenset({phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST})


def take_key(turn: Turn, step: Collect, key: str) -> str | None:
    """One more key: a digit, # to end, * to give up. Returns the next step, or None while more digits are awaited."""
    state = turn.state
    if key == "*":
        turn.decide("collect", "given up by the caller")
        return step.spent
    if key != "#":
        state.digits += HIDDEN if step.secret else key
    complete = not step.secret and len(state.digits) == NATIONAL_DIGITS and not state.digits.startswith("0")
    if key == "#" or complete or len(state.digits) >= step.max_digits:
        return _ended(turn, step)
    return None


def take_number(turn: Turn, step: Collect, digits: str) -> str | None:
    """A number that was said: taken as it is, and read back like one that was typed."""
    if step.secret:
        return None
    turn.state.digits = digits[: step.max_digits + 2]
    return _ended(turn, step)


def take_timeout(turn: Turn, step: Collect) -> str | None:
    """No key came for a while: what was typed is the number; nothing typed is silence."""
    if turn.state.digits:
        return _ended(turn, step)
    turn.decide("reask", "no keys")
    return asking.collect(turn, step)


def _ended(turn: Turn, step: Collect) -> str | None:
    state = turn.state
    digits, state.digits = state.digits, ""
    if step.secret:  # never a number to call, nor to be spoken: all that is known is whether there was one
        turn.decide("collect", "a secret was given" if digits else "nothing was given")
        return step.collected if digits else step.refused
    number = callable_number(turn.bundle, digits)
    if number is None:
        turn.decide("collect", "no number that can be called")
        turn.say(turn.bundle.flow.says.bad_number)
        return step.refused
    state.number = number
    turn.decide("collect", "a number was given")
    return step.collected


def callable_number(bundle: Bundle, digits: str) -> str | None:
    """E.164 of typed digits (national, or with 00 before the country), or None: no valid number, premium rate, or one of the
    hotline's own, which only receive calls.
    """
    written = f"+{digits[2:]}" if digits.startswith("00") else digits
    try:
        number = phonenumbers.parse(written, bundle.routes.public_holidays or "PL")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) in REFUSED_TYPES:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    refused = e164 in bundle.routes.own_numbers or e164.startswith(bundle.routes.callback.refused_prefixes)
    return None if refused else e164
