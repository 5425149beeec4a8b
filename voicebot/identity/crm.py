"""A bank's own customer register (CRM) as the customer directory, asked over HTTP while the caller hears it ring.

    POST <url>  {"number": "+48600100200"}
    200         {"number": "+48600100200", "customers": [{"segment": "sme", "customer_ref": "C-1"}]}

A customer may have `language` and `tenure_years` too. Who is unknown has no customers.

The number travels in the body, since addresses are logged. The answer repeats it, so that a cache or proxy that mixes answers up
cannot give one customer's hints to another. An answer that is wrong anywhere is not used at all: with one of several customers
left out, the other would be taken for the only one.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated

import httpx
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from caller_id.customer_database import MOST_OF_A_NUMBER
from caller_id.customer_rows import LONGEST_TENURE, is_opaque
from caller_id.directory import Customer, DirectoryError
from caller_id.types import Segment
from voicebot.config.callers import CrmSettings
from voicebot.state.breaker import CircuitBreaker

_LONGEST_ANSWER = 65_536  # octets
_MOST_CACHED = 10_000


def _opaque(ref: str) -> str:
    if not is_opaque(ref):
        raise ValueError("is not opaque")
    return ref


class _Entry(BaseModel):
    segment: Segment
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = None
    tenure_years: Annotated[float, Field(ge=0, le=LONGEST_TENURE, allow_inf_nan=False)] | None = None
    customer_ref: Annotated[str, AfterValidator(_opaque)] | None = None


class _Answer(BaseModel):
    """What is read of an answer; further fields are the bank's own."""

    number: str
    customers: list[_Entry]


class CrmDirectory:
    """A `CustomerDirectory`. A register that fails a few times in a row is left alone for a moment; what it said lately counts
    meanwhile, and for a while after it was asked.
    """

    def __init__(
        self, settings: CrmSettings, *, breaker: CircuitBreaker | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` gives seconds: what is cached goes by it."""
        self._settings = settings
        self._breaker = breaker or CircuitBreaker()
        self._clock = clock
        self._cached: OrderedDict[str, tuple[float, tuple[Customer, ...]]] = OrderedDict()
        token = settings.token
        # no proxy of the environment learns who calls; certificates are those that the machine trusts; `look_up` has the deadline
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token is not None else None,
            verify=ssl.create_default_context(cafile=settings.ca),
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113
        )

    @property
    def available(self) -> bool:
        """Whether the register answered when last asked."""
        return self._breaker.closed

    async def look_up(self, number: str) -> tuple[Customer, ...]:
        """See `CustomerDirectory`: within `timeout_s`, at once where the answer is known or the register is away."""
        until, known = self._cached.get(number, (0.0, ()))
        if self._clock() < until:
            return known
        if not self._breaker.may_try():
            raise DirectoryError("the CRM failed a moment ago and is not asked")
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                customers = await self._ask(number)
        except (DirectoryError, httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            self._breaker.failed()
            raise error if isinstance(error, DirectoryError) else DirectoryError(_advice(error)) from error
        self._breaker.succeeded()
        self._remember(number, customers)
        return customers

    async def close(self) -> None:
        """Close the connections, and forget what is cached."""
        self._cached.clear()
        await self._client.aclose()

    async def _ask(self, number: str) -> tuple[Customer, ...]:
        body = b""
        async with self._client.stream("POST", str(self._settings.url.get_secret_value()), json={"number": number}) as answer:
            if answer.status_code != httpx.codes.OK:
                raise DirectoryError(f"the CRM answers {answer.status_code} {_MEANT.get(answer.status_code, _ASK)}")
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _LONGEST_ANSWER:
                    raise DirectoryError(f"the CRM answers more than {_LONGEST_ANSWER} octets; check customers.crm.url")
        return _read(body, number)

    def _remember(self, number: str, customers: tuple[Customer, ...]) -> None:
        self._cached[number] = (self._clock() + self._settings.cache_s, customers)
        self._cached.move_to_end(number)
        if len(self._cached) > _MOST_CACHED:
            self._cached.popitem(last=False)


_ASK = "(see its own log)"
_MEANT = {
    301: "(it has moved: correct customers.crm.url; redirects are not followed)",
    302: "(it sends elsewhere, to a login perhaps: correct customers.crm.url or customers.crm.token)",
    401: "(it refuses us: correct customers.crm.token)",
    403: "(it refuses us: correct customers.crm.token)",
    404: "(no such address: correct customers.crm.url; a number that nobody has is 200 with no customers)",
}


def _read(body: bytes, number: str) -> tuple[Customer, ...]:
    """Raises DirectoryError; its message repeats nothing of the answer."""
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_input=False)[0]["loc"])) or "the body"
        raise DirectoryError(f"the CRM's answer cannot be used (see {where}); nothing of it counts") from None
    if answer.number != number:
        raise DirectoryError("the CRM answers for another number than the one it was asked for; nothing of it counts")
    if len(answer.customers) > MOST_OF_A_NUMBER:
        return ()  # a placeholder of its data, as in an import
    return tuple(Customer(each.segment, each.language, each.tenure_years, each.customer_ref) for each in answer.customers)


def _advice(error: Exception) -> str:
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "the CRM did not answer in time: look at its load, or raise customers.crm.timeout_s"
    return f"the CRM cannot be asked ({type(error).__name__}): see that it runs, and check customers.crm.url"
