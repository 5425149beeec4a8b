"""Who gets in, to what, and from where a form must come."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from urllib.parse import urlencode

import httpx
import pytest

from tests.voicebot.console.running import PASSWORD, Browser, Console, token_in
from voicebot.accounts.roles import EVERYBODY, Role
from voicebot.console.app import page_routes
from voicebot.console.guard import COOKIE, safe_path
from voicebot.console.routing import Pages
from voicebot.console.texts import texts

T = TypeVar("T")


async def by(console: Console, do: Callable[[Browser], T], *roles: Role) -> T:
    def run() -> T:
        with console.browser_of(*roles) as browser:
            return do(browser)

    return await asyncio.to_thread(run)


def asked(method: str, path: str, browser: Browser) -> httpx.Response:
    return browser.client.request(method, path, headers={"Origin": browser.origin})


async def test_each_page_is_open_to_its_roles_and_to_nobody_else(console: Console) -> None:
    """The table is made from the routes: one that is added is tried, too."""
    tried = 0
    for role in Role:
        for route in page_routes(console.parts):
            if "{" in route.path or route.path in ("/", "/live/events"):
                continue
            path, method = route.path, route.method
            answer = await by(console, partial(asked, method, path), role)
            if role in route.roles:
                wanted = "the form has no token" if method == "POST" else "it is shown"
                assert answer.status_code == (403 if method == "POST" else 200), f"{role} {method} {path}: {wanted}"
            else:
                assert answer.status_code == 403, f"{role} {method} {path}"
            tried += 1
    assert tried >= 6 * 4


async def test_nobody_sees_a_page_without_logging_in(console: Console) -> None:
    async with httpx.AsyncClient(base_url=console.origin) as client:
        for route in page_routes(console.parts):
            answer = await client.request(route.method, route.path.replace("{", "").replace("}", ""))
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login"), route.path


def test_a_page_without_roles_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="who may open it"):
        Pages().get("/open", roles=())


async def test_a_form_from_elsewhere_changes_nothing(console: Console) -> None:
    """Another site's form has no token, and a browser says where it came from."""
    await by(console, lambda browser: browser.get("/people"))
    fields = {"name": "eve", "roles": "admin", "password": PASSWORD}

    def foreign(browser: Browser) -> httpx.Response:
        token = browser.get("/people").text.partition('name="token" value="')[2].partition('"')[0]
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        return browser.client.post("/people", data={**fields, "token": token}, headers=headers)

    assert (await by(console, foreign)).status_code == 403
    without = await by(console, lambda browser: browser.client.post("/people", data=fields, headers={"Origin": console.origin}))
    assert without.status_code == 403
    assert console.parts.users.of_name("eve") is None
    kept = await by(console, lambda browser: browser.send("/people", fields))
    assert kept.status_code == 303
    assert console.parts.users.of_name("eve") is not None


async def log_in(console: Console, name: str, password: str, **more: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=console.origin) as client:
        fields = {"name": name, "password": password, **more}
        return await client.post("/login", data=fields, headers={"Origin": console.origin})


async def test_log_in_and_out(console: Console) -> None:
    console.parts.users.add("Anna.Nowak", [Role.SUPERVISOR], made_by="test", password=PASSWORD)
    entered = await log_in(console, " anna.NOWAK", PASSWORD, to="/live?x=1")
    assert (entered.status_code, entered.headers["location"]) == (303, "/live?x=1")
    cookie = entered.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"))
    value = cookie.partition("=")[2].partition(";")[0]
    async with httpx.AsyncClient(base_url=console.origin, headers={"Cookie": f"{COOKIE}={value}"}) as client:
        page = await client.get("/live")
        assert page.status_code == 200
        token = page.text.partition('name="token" value="')[2].partition('"')[0]
        await client.post("/logout", data={"token": token}, headers={"Origin": console.origin})
        assert (await client.get("/live")).headers["location"].startswith("/login")


async def test_what_was_typed_in_a_session_that_is_over_can_be_sent_by_the_next(console: Console) -> None:
    """Nothing is kept meanwhile, whoever logs in; a password is not repeated, and another site's form is not shown."""
    fields = {"kind": "closure", "queue": "cards", "on": "1", "why": "szkolenie <b>do południa</b>"}
    old = console.person("jan", [Role.SUPERVISOR])
    origin = {"Origin": console.origin, "Accept-Language": "en"}
    async with httpx.AsyncClient(base_url=console.origin, headers=origin) as client:

        def as_(cookie: str) -> dict[str, str]:
            return {"Cookie": f"{COOKIE}={cookie}"}

        token = token_in((await client.get("/switches", headers=as_(old))).text)
        jan = console.parts.users.of_name("jan")
        assert jan is not None
        console.parts.users.change(jan.user_id, shown="Jan")  # ends the session
        over = await client.post("/switches", data={**fields, "token": token}, headers=as_(old))
        assert (over.status_code, "Your session has ended" in over.text) == (403, True)
        assert "szkolenie &lt;b&gt;do południa&lt;/b&gt;" in over.text
        foreign = await client.post("/switches", data=fields, headers={**as_(old), "Origin": "https://evil.example"})
        assert foreign.headers["location"].startswith("/login")
        new = as_(console.parts.sessions.begin(jan, "password"))
        again = await client.post("/switches", data={**fields, "token": token}, headers=new)
        assert (again.status_code, "Send as Jan" in again.text) == (403, True)
        assert not console.parts.stores.conditions.snapshot.switches
        repeated = {name: html.unescape(value) for name, value in re.findall(r'name="(.*?)" value="(.*?)"', again.text)}
        assert repeated.pop("token") != token
        assert repeated == fields
        admin = as_(console.cookie(Role.ADMIN))
        secret = {"name": "eve", "password": PASSWORD, "token": f"ż{token_in((await client.get('/people', headers=admin)).text)}"}
        shown = await client.post("/people", data=secret, headers=admin)
        assert (shown.status_code, "eve" in shown.text, PASSWORD in shown.text, "<form" in shown.text) == (
            403,
            True,
            False,
            False,
        )


async def test_what_one_person_typed_is_neither_shown_to_the_next_nor_sent_in_their_name(console: Console) -> None:
    """Two people share a browser; a form of nobody's page, or with an odd token, is nobody's."""
    jan = console.person("jan", [Role.SUPERVISOR])
    ola = console.person("ola", [Role.SUPERVISOR])
    fields = [
        ("kind", "closure"),
        ("queue", "cards"),
        ("queue", "loans"),
        ("<script>", "'\"><img src=x>"),
        ("why", "what jan typed"),
    ]
    async with httpx.AsyncClient(base_url=console.origin, headers={"Origin": console.origin}) as client:

        async def send(cookie: str, token: str, language: str = "en") -> httpx.Response:
            body = urlencode([*fields, ("token", token)])
            kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Language": language}
            return await client.post("/switches", content=body, headers={**kind, "Cookie": f"{COOKIE}={cookie}"})

        def hidden(page: str) -> list[tuple[str, str]]:
            found = re.findall(r'<input type="hidden" name="(.*?)" value="(.*?)">', page)
            return [(html.unescape(name), html.unescape(value)) for name, value in found]

        token = token_in((await client.get("/switches", headers={"Cookie": f"{COOKIE}={jan}"})).text)
        over = await send("", token)
        assert (over.status_code, "what jan typed" in over.text, "<img" in over.text, "<script>" in over.text) == (
            403,
            True,
            False,
            False,
        )
        assert hidden(over.text) == [*fields, ("token", token)], "the page remembers whose it is"
        for odd in (token, "", ".", "ż", token.partition(".")[0], f"{token}."):
            for language, told in (("en", "This form is somebody else&#39;s"), ("pl", "To formularz kogoś innego")):
                other = await send(ola, odd, language)
                assert (other.status_code, told in other.text, "what jan typed" in other.text) == (403, True, False), odd
        user = console.parts.users.of_name("jan")
        assert user is not None
        again = await send(console.parts.sessions.begin(user, "password"), token)
        assert ("what jan typed" in again.text, hidden(again.text)[:-1]) == (True, fields)
        assert hidden(again.text)[-1][1] != token
    assert not console.parts.stores.conditions.snapshot.switches


async def test_a_form_that_is_refused_keeps_what_was_typed(console: Console) -> None:
    """But for passwords."""
    ola = console.parts.users.add("ola", [Role.AGENT], made_by="test")
    typed = {"name": "Ewa Nowak", "shown": "Ewa <N>", "roles": ["agent", "viewer"], "queues": ["cards"], "password": PASSWORD}
    for path in ("/people", f"/people/{ola.user_id}"):
        fields = typed if path == "/people" else {**typed, "roles": []}
        page = await by(console, partial(Browser.send, path=path, fields=fields, page="/people"), Role.ADMIN)
        assert page.status_code == 422
        form = page.text.partition(f'action="{path}"')[2].partition("</form>")[0]
        assert 'value="Ewa &lt;N&gt;"' in form
        assert re.findall(r"<option selected>(.*?)</option>", form) == ["cards"]
        assert re.findall(r'name="roles" value="(.*?)" checked', form) == sorted(fields["roles"])[::-1]
        assert PASSWORD not in page.text
    token = {"do": "add", "name": "a token", "scopes": ["events"], "days": "9"}
    refused = await by(console, partial(Browser.send, path="/tokens", fields=token), Role.ADMIN)
    assert refused.status_code == 422
    for kept in ('value="a token"', 'value="events" checked', 'value="9"'):
        assert kept in refused.text


async def test_an_agents_queues_stay_when_something_else_is_changed(console: Console) -> None:
    """Also those that the bank has no more: who saves the form as it is shown changes nothing."""
    ola = console.parts.users.add("ola", [Role.AGENT], made_by="test", queues=["cards", "gone"])
    page = await by(console, lambda browser: browser.get("/people"), Role.ADMIN)
    chosen = re.findall(r"<option selected>(.*?)</option>", page.text.partition(f"shown-{ola.user_id}")[2])
    assert chosen == ["cards", "gone"]


async def test_who_logs_out_everywhere_is_out_at_every_browser_of_theirs_alone(console: Console) -> None:
    cookies = [console.person("ola", [Role.VIEWER]), console.person("jan", [Role.VIEWER])]
    ola = console.parts.users.of_name("ola")
    assert ola is not None
    cookies.append(console.parts.sessions.begin(ola, "passkey"))
    async with httpx.AsyncClient(base_url=console.origin, headers={"Origin": console.origin}) as client:
        mine = {"Cookie": f"{COOKIE}={cookies[0]}"}
        token = token_in((await client.get("/me", headers=mine)).text)
        await client.post("/logout", data={"token": token, "everywhere": "1"}, headers=mine)
    assert [console.parts.sessions.of(cookie) is not None for cookie in cookies] == [False, True, False]


async def test_five_wrong_passwords_lock_the_account_for_a_while(console: Console) -> None:
    console.parts.users.add("jan", [Role.VIEWER], made_by="test", password=PASSWORD)
    for _ in range(5):
        assert (await log_in(console, "jan", "wrong password")).status_code == 401
    assert (await log_in(console, "jan", PASSWORD)).status_code == 401, "the right one does not help now"
    assert (await log_in(console, "nobody", PASSWORD)).status_code == 401


async def test_whose_roles_change_must_log_in_anew(console: Console) -> None:
    cookie = console.person("ola", [Role.ADMIN])
    ola = console.parts.users.of_name("ola")
    assert ola is not None
    console.parts.users.change(ola.user_id, roles=[Role.VIEWER])
    assert console.parts.sessions.of(cookie) is None


async def test_log_ins_and_refusals_are_in_the_audit_trail(console: Console) -> None:
    console.parts.users.add("zoja", [Role.VIEWER], made_by="test", password=PASSWORD)
    await log_in(console, "zoja", PASSWORD)
    await log_in(console, "zoja", "wrong password")
    await by(console, lambda browser: browser.get("/people"), Role.VIEWER)
    async with asyncio.timeout(10):
        while True:
            shown = (await by(console, lambda browser: browser.get("/audit"), Role.COMPLIANCE)).text
            if all(each in shown for each in ("console.login", "console.login.refused", "console.refused")):
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("asked", "goes"),
    [
        ("/calls?x=1", "/calls?x=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("", "/"),
    ],
)
def test_after_the_log_in_only_our_own_pages(asked: str, goes: str) -> None:
    assert safe_path(asked) == goes


def test_every_text_has_both_languages_and_the_same_values() -> None:
    """Loading refuses a key that lacks one."""
    import string

    for key, words in texts().items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(words[each]) if name} for each in ("pl", "en")]
        assert fields[0] == fields[1], key


def test_everybody_has_a_first_page() -> None:
    assert len(EVERYBODY) == len(Role)
