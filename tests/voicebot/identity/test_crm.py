"""Whatever a CRM does, the call goes on: in time, with true hints or none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from caller_id.customer_database import MOST_OF_A_NUMBER
from caller_id.directory import Customer, DirectoryError
from caller_id.identify import identify
from caller_id.rules import CallerIdRules
from caller_id.types import Segment
from voicebot.config.callers import CrmSettings
from voicebot.http.server import listen, serve
from voicebot.identity.crm import CrmDirectory, _read
from voicebot.state.breaker import CircuitBreaker

NUMBER = "+48600100200"
TOKEN = "a-token-of-the-tests"
ENTRY = {"segment": "private_banking", "language": "en", "tenure_years": 12, "customer_ref": "C-1"}
KNOWN = Customer(Segment.PRIVATE_BANKING, "en", 12.0, "C-1")
_PATIENCE_S = 0.8


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Crm:
    """Knows every number as the same customer, unless told what to answer."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    answer: Callable[[], Response] | None = None

    async def customers(self, request: Request) -> Response:
        self.asked.append((await request.json())["number"])
        self.tokens.add(request.headers.get("authorization", ""))
        if self.answer is not None:
            return self.answer()
        return JSONResponse({"number": self.asked[-1], "customers": [ENTRY], "took_ms": 3})


@pytest.fixture
async def crm() -> AsyncIterator[Crm]:
    made = Crm()
    server = await serve(
        Starlette(routes=[Route("/customers", made.customers, methods=["POST"])]), listen("127.0.0.1", 0, setting="test")
    )
    made.url = f"http://127.0.0.1:{server.port}/customers"
    yield made
    await server.close()


Build = Callable[..., CrmDirectory]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def build(crm: Crm, clock: Clock) -> AsyncIterator[Build]:
    """A directory whose breaker opens after three failures for ten seconds of `clock`."""
    made: list[CrmDirectory] = []

    def make(**changes: Any) -> CrmDirectory:
        settings = CrmSettings.model_validate({"url": crm.url, "token": TOKEN, "timeout_s": _PATIENCE_S, **changes})
        breaker = CircuitBreaker(failures=3, pause_s=10, longest_pause_s=10, clock=clock)
        made.append(CrmDirectory(settings, breaker=breaker, clock=clock))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_a_customer_is_found_and_asked_for_once(crm: Crm, build: Build, clock: Clock) -> None:
    """What it said counts for `cache_s`; then it is asked again."""
    directory = build(cache_s=60)
    assert [await directory.look_up(NUMBER) for _ in range(3)] == [(KNOWN,)] * 3
    assert (crm.asked, crm.tokens) == ([NUMBER], {f"Bearer {TOKEN}"})
    clock.now = 60.0
    await directory.look_up(NUMBER)
    assert len(crm.asked) == 2


async def test_who_is_unknown_is_nobody_and_that_is_remembered_too(crm: Crm, build: Build) -> None:
    crm.answer = lambda: JSONResponse({"number": NUMBER, "customers": []})
    directory = build()
    assert (await directory.look_up(NUMBER), await directory.look_up(NUMBER)) == ((), ())
    assert len(crm.asked) == 1


def told(number: object = NUMBER, *customers: object) -> Callable[[], Response]:
    return lambda: JSONResponse({"number": number, "customers": list(customers)})


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b" " * 4096
        await asyncio.sleep(0)


WRONG: dict[str, Callable[[], Response]] = {
    "another number's": told("+48600100999", ENTRY),
    "the number in another form": told("600100200", ENTRY),
    "no number": lambda: JSONResponse({"customers": [ENTRY]}),
    "a login page": lambda: HTMLResponse("<html>Zaloguj się</html>"),
    "not found": lambda: JSONResponse({"detail": "not found"}, 404),
    "a redirect": lambda: RedirectResponse("/login", 302),
    "an error": lambda: JSONResponse({"number": NUMBER, "customers": [ENTRY]}, 500),
    "no content": lambda: Response(status_code=204),
    "nothing": lambda: Response(b""),
    "a list": lambda: JSONResponse([ENTRY]),
    "null": lambda: JSONResponse({"number": NUMBER, "customers": None}),
    "an unknown segment": told(NUMBER, ENTRY, {"segment": "vip"}),
    "one wrong of two": told(NUMBER, ENTRY, {**ENTRY, "customer_ref": "Jan Kowalski"}),
    "a PESEL for a reference": told(NUMBER, {**ENTRY, "customer_ref": "80010112345"}),
    "a card for a reference": told(NUMBER, {**ENTRY, "customer_ref": "4111111111111111"}),
    "a negative tenure": told(NUMBER, {**ENTRY, "tenure_years": -1}),
    "no number for a tenure": lambda: Response(f'{{"number": "{NUMBER}", "customers": [{{"tenure_years": NaN}}]}}'),
    "a long language": told(NUMBER, {**ENTRY, "language": "polish"}),
    "deep nesting": lambda: Response(b"[" * 60_000),
    "no UTF-8": lambda: Response(b'{"number": "\xff\xfe"}'),
    "too much": lambda: Response(b" " * 70_000),
    "without an end": lambda: StreamingResponse(_endless()),
    "a bomb": lambda: Response(b"\x1f\x8b\x08\x00nonsense", headers={"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_answer_gives_no_hint_at_all(crm: Crm, build: Build, wrong: str) -> None:
    """Nor is it remembered; and what it said is in no message."""
    crm.answer = WRONG[wrong]
    directory = build()
    with pytest.raises(DirectoryError) as failed:
        await directory.look_up(NUMBER)
    assert not {"Kowalski", "80010112345", "4111111111111111", NUMBER, TOKEN} & set(str(failed.value).split())
    crm.answer = None
    assert await directory.look_up(NUMBER) == (KNOWN,)


async def test_a_slow_crm_costs_its_time_limit_and_then_nothing(crm: Crm, build: Build, clock: Clock) -> None:
    """After three failures it is not asked; one call in a while finds out whether it is back."""
    stuck = asyncio.Event()

    async def hold() -> AsyncIterator[bytes]:
        await stuck.wait()
        yield b"{}"

    crm.answer = lambda: StreamingResponse(hold())
    directory = build(timeout_s=0.02)
    for _ in range(5):
        with pytest.raises(DirectoryError):
            await directory.look_up(NUMBER)
    stuck.set()
    asked = len(crm.asked)
    assert asked <= 3
    assert not directory.available
    crm.answer = None
    clock.now = 10.0
    directory._settings = directory._settings.model_copy(update={"timeout_s": _PATIENCE_S})
    assert await directory.look_up(NUMBER) == (KNOWN,)
    assert directory.available


async def test_what_is_known_is_answered_while_the_crm_is_away(crm: Crm, build: Build) -> None:
    directory = build()
    await directory.look_up(NUMBER)
    crm.answer = WRONG["an error"]
    for number in range(3):
        with pytest.raises(DirectoryError):
            await directory.look_up(f"+4860010030{number}")
    assert await directory.look_up(NUMBER) == (KNOWN,)


async def test_a_crm_that_is_not_there_or_closes_costs_the_hint_alone(build: Build) -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    closing = await asyncio.start_server(close, "127.0.0.1", 0)
    port = closing.sockets[0].getsockname()[1]
    directory = build(url=f"http://127.0.0.1:{port}/")
    caller = await identify({}, f"sip:{NUMBER}@x", "sip:1@x", CallerIdRules(), directory=directory)
    assert (caller.number, caller.segment) == (NUMBER, Segment.MASS)
    closing.close()
    await closing.wait_closed()
    with pytest.raises(DirectoryError, match="cannot be asked"):
        await directory.look_up(NUMBER)


async def test_a_number_of_very_many_customers_is_nobodys(crm: Crm, build: Build) -> None:
    crm.answer = told(NUMBER, *[{"segment": "sme"}] * (MOST_OF_A_NUMBER + 1))
    assert await build().look_up(NUMBER) == ()


async def test_nobody_is_asked_about_a_number_that_nobody_vouches_for(crm: Crm, build: Build) -> None:
    """Else anybody could fill the CRM's log with numbers."""
    await identify({}, f"sip:{NUMBER}@x", "sip:1@x", CallerIdRules(trusted=False), directory=build())
    assert crm.asked == []


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["number", "customers", *ENTRY]), inner),
)


@given(JSON | st.fixed_dictionaries({"number": st.just(NUMBER), "customers": JSON}))
def test_any_answer_is_read_or_refused(answer: object) -> None:
    try:
        customers = _read(json.dumps(answer).encode(), NUMBER)
    except DirectoryError:
        return
    assert all(isinstance(each, Customer) and len(each.customer_ref or "") <= 64 for each in customers)
