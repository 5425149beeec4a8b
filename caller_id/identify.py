"""From what the network says to a `Caller`: the number, its trust, and the directory's hints."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from caller_id.directory import NOBODY, Customer, CustomerDirectory, DirectoryError, agreed
from caller_id.headers import read_identity
from caller_id.languages import language_of_region
from caller_id.phone_numbers import TelephoneNumber, parse_number
from caller_id.rules import CallerIdRules
from caller_id.types import Caller, NumberTrust

_log = logging.getLogger(__name__)


async def identify(
    headers: Mapping[str, str],
    from_uri: str,
    to_uri: str,
    rules: CallerIdRules,
    *,
    directory: CustomerDirectory | None = None,
) -> Caller:
    """Who calls, as far as an INVITE tells. Header names are lower-case. Never raises: what cannot be read is unknown.

    A number that nobody vouches for is kept for the record and gives no customer hint: anyone can write it. Nor does a
    switchboard's, when the caller has an extension.
    """
    asserted = read_identity(headers, from_uri, rules)
    dialled = parse_number(to_uri, rules.form)
    caller = known_caller(asserted.number, asserted.trust, await _customer(asserted.number, asserted.trust, directory))
    return replace(caller, dialled=dialled.e164 or dialled.short, diverted_from=asserted.diverted_from)


def known_caller(number: TelephoneNumber, trust: NumberTrust, customer: Customer = NOBODY) -> Caller:
    """A `Caller` from a number already read, with the directory's hints for it."""
    return Caller(
        number=number.e164,
        trust=trust if number.e164 else NumberTrust.NONE,
        withheld=number.kind == "withheld",
        segment=customer.segment,
        language=customer.language or language_of_region(number.region),
        tenure_years=customer.tenure_years,
        customer_ref=customer.customer_ref,
        extension=number.extension,
    )


async def _customer(number: TelephoneNumber, trust: NumberTrust, directory: CustomerDirectory | None) -> Customer:
    if directory is None or number.e164 is None or trust is NumberTrust.NONE:
        return NOBODY
    if number.extension is not None:  # one of many behind a switchboard: its customer is the office, not this caller
        return NOBODY
    try:
        return agreed(await directory.look_up(number.e164))
    except DirectoryError as error:
        _log.warning("no customer hint: %s", error)
    except Exception:  # a bank's own directory may fail in its own ways; the call goes on as anyone's
        _log.exception("no customer hint: the directory failed")
    return NOBODY
