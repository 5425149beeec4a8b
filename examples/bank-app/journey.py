"""A browser places every call of the example, as a customer would, and looks at every state: for `run.py --check` and the tests.

What is said is real speech in place of the microphone; what the agent heard is written down by the recogniser.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import numpy as np
import soxr
from playwright.async_api import Browser, ConsoleMessage, Page, Route, ViewportSize, async_playwright, expect

from audio.recognisers.decoding import WhisperDecoder, WhisperSettings
from audio.recognisers.weights import WHISPER_BASE, joined
from voicebot.softphone import CallScript, Keys, Say, UntilEnded, UntilSpeaking, run_script_process
from voicebot.softphone.speech import ScriptVoice, at_rate, default_cache

ENGLISH_LINE = "+48225550103"
SPEAKER, BUTTONS, CLUMSY = "C-10005", "C-10002", "C-10004"
"""Who speaks, who never does, and who sees everything that goes wrong."""
CONFIRMS, REFUSES = ("C-10005", "+447700900123"), ("C-10003", "+48601000003")
"""Who calls by telephone, and with which number."""
RATE = 48000
PHONE, DESKTOP = ViewportSize(width=360, height=780), ViewportSize(width=1180, height=900)
WCAG_22_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
_PEERS = """const Peer = RTCPeerConnection; window.peers = [];
window.RTCPeerConnection = class extends Peer { constructor(...all) { super(...all); window.peers.push(this); } };"""
_ENERGY = """async kind => { let energy = 0; for (const each of (await window.peers.at(-1).getStats()).values())
if (each.type === kind) energy = each.totalAudioEnergy ?? 0; return energy; }"""
_LOST = """Object.defineProperty(window.peers.at(-1), "connectionState", {value: "failed"});
window.peers.at(-1).onconnectionstatechange();"""


class NotAsItShouldBe(AssertionError):
    """What the example did, and what it should have done."""


def hold(true: object, otherwise: str) -> None:
    """Raises NotAsItShouldBe."""
    if not true:
        raise NotAsItShouldBe(otherwise)


@dataclass
class Visitor:
    """A browser's window at one of the pages, and the pictures of it."""

    page: Page
    pictures: Path
    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()
    """Parts of complaints that belong to what is tried."""

    def hears(self, message: ConsoleMessage) -> None:
        """Of the browser's console."""
        if message.type in ("error", "warning") and not any(part in message.text for part in self.expected):
            self.complaints.append(message.text)

    async def looks(self, name: str) -> None:
        """A picture of this state, light and dark, and what axe-core says of both. Raises NotAsItShouldBe."""
        for scheme in ("light", "dark"):
            await self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await self.page.screenshot(path=self.pictures / f"{name}-{scheme}.png", full_page=True)
            found = await self.page.evaluate("tags => axe.run(document, {runOnly: tags})", WCAG_22_AA)
            hold(len(found["passes"]) > 8, f"{name}: axe-core did not look")
            wrong = [f"{rule['id']}: {node['html']}" for rule in found["violations"] for node in rule["nodes"]]
            hold(not wrong, f"{name} ({scheme}): {wrong}")
        wide = await self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        hold(not wide, f"{name}: the page is wider than the window")
        await self.page.emulate_media(color_scheme="light")

    async def tabs_to(self, name: str) -> None:
        """Walk with Tab until what is called so has the focus, and the focus can be seen."""
        for _ in range(60):
            await self.page.keyboard.press("Tab")
            focused = self.page.locator(":focus")
            if await focused.count() and name in await focused.inner_text():
                seen = await focused.evaluate("each => getComputedStyle(each).outlineStyle !== 'none'")
                hold(seen, f"the focus on {name!r} cannot be seen")
                return
        raise NotAsItShouldBe(f"{name!r} cannot be reached with Tab")

    async def presses(self, name: str) -> None:
        """By keyboard alone."""
        await self.tabs_to(name)
        await self.page.keyboard.press("Enter")

    async def energy(self, kind: str = "inbound-rtp") -> float:
        """Of all that the page has heard in its latest call; of what the microphone has (kind "media-source")."""
        return float(await self.page.evaluate(_ENERGY, kind))

    async def more(self, than: float, kind: str = "inbound-rtp", within_s: float = 20.0) -> float:
        """Wait for a voice."""
        ends = time.monotonic() + within_s
        while (energy := await self.energy(kind)) < than + 0.002:
            hold(time.monotonic() < ends, f"no voice in {kind}")
            await asyncio.sleep(0.1)
        return energy

    async def has_said_a_sentence(self) -> None:
        """Wait until the microphone has heard a sentence from its beginning to its end."""
        began = await self.more(await self.energy("media-source"), "media-source")
        async with asyncio.timeout(20):
            while (now := await self._a_second_later()) > began + 0.0005:
                began = now

    async def _a_second_later(self) -> float:
        await asyncio.sleep(1)
        return await self.energy("media-source")


@dataclass(frozen=True)
class World:
    """Where the example is, and the browsers that visit it."""

    bank: str
    sip: str
    recordings: Path
    pictures: Path
    speaking: Browser
    silent: Browser

    @asynccontextmanager
    async def visits(
        self,
        path: str,
        *,
        lang: str = "en",
        speaks: bool = False,
        size: ViewportSize | None = None,
        expected: Sequence[str] = (),
    ) -> AsyncIterator[Visitor]:
        """A window; whatever the browser complains of is a mistake."""
        browser = self.speaking if speaks else self.silent
        locale = "pl-PL" if lang == "pl" else "en-GB"
        context = await browser.new_context(base_url=self.bank, locale=locale, viewport=size or PHONE)
        page = await context.new_page()
        visitor = Visitor(page, self.pictures, expected=tuple(expected))
        page.on("console", visitor.hears)
        page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        await page.add_init_script(_PEERS)
        await page.add_init_script((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
        await page.goto(path)
        try:
            yield visitor
            hold(not visitor.complaints, f"the browser complains: {visitor.complaints}")
        finally:
            await context.close()

    @asynccontextmanager
    async def customer(self, ref: str, **more: object) -> AsyncIterator[Visitor]:
        """A customer who is logged in."""
        async with self.visits("/", **more) as visitor:  # type: ignore[arg-type]
            await visitor.page.get_by_role("button", name=ref).click()
            await expect(visitor.page.locator("#home")).to_be_visible()
            yield visitor


@asynccontextmanager
async def browsers(speech: Path | None) -> AsyncIterator[tuple[Browser, Browser]]:
    """One whose microphone hears `speech`, once; and one whose microphone is refused."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    hold(chromium, "no Chromium on this machine: apt-get install chromium")
    granted = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    heard = (f"--use-file-for-fake-audio-capture={speech}%noloop",) if speech is not None else ()
    async with async_playwright() as playwright:
        speaking = await playwright.chromium.launch(executable_path=chromium, args=[*_FLAGS, *granted, *heard])
        silent = await playwright.chromium.launch(executable_path=chromium, args=[*_FLAGS, granted[0]])
        try:
            yield speaking, silent
        finally:
            await speaking.close()
            await silent.close()


async def write_speech(path: Path, *parts: str | float) -> Path:
    """A WAV for the microphone: sentences in the caller's voice, and seconds of silence."""
    voice, pcm = ScriptVoice(default_cache()), b""
    try:
        for part in parts:
            pcm += at_rate(await voice.utter(Say(part)), RATE) if isinstance(part, str) else bytes(2 * int(part * RATE))
    finally:
        await voice.close()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm)
    return path


def words_of(recording: Path) -> str:
    """What the recogniser makes of the latest ten seconds in which there is a voice."""
    with wave.open(str(recording)) as file:
        rate, sound = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    voiced = np.flatnonzero(np.abs(sound) > 0.02)
    hold(voiced.size, f"the agent heard nothing: {recording}")
    end = int(voiced[-1]) + rate // 2
    heard = soxr.resample(sound[max(0, end - 10 * rate) : end], rate, 16000)
    pcm = (np.clip(heard, -1, 1) * 32767).astype("<i2").tobytes()
    decoder = WhisperDecoder(joined(WHISPER_BASE, default_cache().parent), workers=1, settings=WhisperSettings())
    return " ".join(reading.text for reading in decoder.readings(pcm, 16000, "en")[:1]).lower()


def recorded(folder: Path) -> set[Path]:
    """What the agent's telephone has written down."""
    return set(folder.glob("*.wav"))


async def heard_by_agent(folder: Path, before: set[Path]) -> str:
    """What the agent heard in the call that has just ended."""
    await until(lambda: recorded(folder) - before, "the agent's recording")
    return await asyncio.to_thread(words_of, (recorded(folder) - before).pop())


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for what has no event. Raises NotAsItShouldBe."""
    for _ in range(300):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise NotAsItShouldBe(f"{what} did not come")


# ---------------------------------------------------------------- what is tried


SPEECH: tuple[str | float, ...] = (7.0, "I've lost my card", 11.0, *("Hello, somebody has stolen my card on the tram", 5.0) * 5)


async def by_voice(world: World) -> None:
    """A spoken wish reaches the agent, who hears the customer and is heard; the desk shows the story."""
    before = recorded(world.recordings)
    async with world.visits("/agent", size=DESKTOP) as desk, world.customer(SPEAKER, speaks=True) as visitor:
        page = visitor.page
        await page.get_by_role("button", name="Call", exact=True).click()
        await expect(page.get_by_role("heading", name="Talking to the assistant")).to_be_visible(timeout=20_000)
        await expect(page.locator("#question")).to_contain_text("How may I help you?", timeout=20_000)
        await visitor.more(0.0)
        await visitor.looks("call-bot")
        await expect(page.get_by_role("heading", name="Calling an agent")).to_be_visible(timeout=60_000)
        await visitor.looks("call-waiting")
        await expect(page.get_by_role("heading", name="Talking to an agent")).to_be_visible(timeout=20_000)
        await visitor.more(await visitor.energy())
        await visitor.has_said_a_sentence()
        await visitor.looks("call-agent")
        await page.get_by_role("button", name="Mute me").click()
        await expect(page.get_by_text("Your microphone is muted.")).to_be_visible()
        await visitor.looks("call-muted")
        story = desk.page.get_by_role("article").first
        await expect(story).to_contain_text("proven by the app", timeout=10_000)
        await expect(story).to_contain_text(SPEAKER)
        await expect(story).to_contain_text("blocking a card")
        await expect(story).to_contain_text("Customer said")
        await desk.looks("agent-story")
        await page.get_by_role("button", name="Hang up").click()
        await expect(page.get_by_role("heading", name="The call is over")).to_be_visible()
        await visitor.looks("call-ended")
    heard = await heard_by_agent(world.recordings, before)
    hold("card" in heard or "stolen" in heard, f"the agent heard {heard!r}")


async def by_keyboard(world: World) -> None:
    """In Polish, without mouse and microphone: refused, gone on with buttons, steered by the menu, put through, hung up."""
    async with world.visits("/agent", lang="pl", size=DESKTOP) as desk, world.visits("/", lang="pl") as visitor:
        page = visitor.page
        await expect(page.locator("#customers button").first).to_be_visible()
        await visitor.looks("login")
        await visitor.presses(BUTTONS)
        await expect(page.locator("#hello")).to_be_focused()
        await visitor.looks("home")
        await visitor.presses("Zadzwoń")
        await expect(page.get_by_text("Przeglądarka nie dała mikrofonu.")).to_be_visible()
        await visitor.looks("no-microphone")
        await visitor.presses("Dalej bez mikrofonu")
        await expect(page.get_by_role("heading", name="Rozmowa z asystentem")).to_be_visible(timeout=20_000)
        await visitor.presses("Menu")
        await expect(page.locator("#choices button")).to_have_count(8, timeout=20_000)
        await visitor.looks("buttons")
        await visitor.presses("Karty")
        await expect(page.locator("#choices button")).to_have_count(4, timeout=20_000)
        await visitor.presses("Karta nie działa")
        await expect(page.get_by_role("heading", name="Rozmowa z konsultantem")).to_be_visible(timeout=60_000)
        await visitor.more(await visitor.energy())
        await expect(desk.page.get_by_role("article").first).to_contain_text(BUTTONS, timeout=10_000)
        await visitor.presses("Rozłącz")
        await expect(page.get_by_role("heading", name="Rozmowa zakończona")).to_be_focused()
        await visitor.presses("Zamknij")
        await expect(page.get_by_role("button", name="Zadzwoń")).to_be_focused()


async def by_telephone(world: World, confirms: bool = True) -> None:
    """A caller by telephone is asked to confirm in the app, and does; the agent sees it."""
    steps = (UntilSpeaking(0.3), Keys("6"), UntilSpeaking(0.5), Keys("3"), UntilSpeaking(1.0), Keys("1"), UntilEnded(60))
    customer, number = CONFIRMS if confirms else REFUSES
    script = CallScript(f"sip:{ENGLISH_LINE}@{world.sip}", steps, number=number, max_s=90.0)
    async with world.visits("/agent", size=DESKTOP) as desk, world.customer(customer) as visitor:
        before = await desk.page.get_by_role("article").count()
        calling = asyncio.create_task(run_script_process([script], host=world.sip.partition(":")[0]))
        try:
            await expect(visitor.page.locator("#words")).to_have_text(_two_words(), timeout=30_000)
            await visitor.looks("confirm" if confirms else "confirm-again")
            await visitor.page.get_by_role("button", name="Yes, I confirm" if confirms else "No, it's not me").click()
            await expect(visitor.page.get_by_text("Thank you, confirmed." if confirms else "All right, refused.")).to_be_visible()
            await expect(desk.page.get_by_role("article")).to_have_count(before + 1, timeout=30_000)
            story = desk.page.get_by_role("article").first
            await expect(story).to_contain_text("changing your details", timeout=10_000)
            await expect(story).to_contain_text("proven by the app" if confirms else "not proven")
            await desk.looks("agent-telephone" if confirms else "agent-refused")
        finally:
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)


async def asks_who_calls(world: World) -> None:
    """No, plainly; yes, with name, matter and words; the app is asked and confirms; and no again when the call is over."""
    async with world.visits("/agent", size=DESKTOP) as desk, world.customer(SPEAKER) as visitor:
        page, check = visitor.page, visitor.page.get_by_role("button", name="Check now")
        await check.click()
        await expect(page.locator("#calling")).to_contain_text("nobody", ignore_case=True)
        await visitor.looks("calling-no")
        await desk.page.get_by_role("combobox", name="Customer").select_option(SPEAKER)
        await desk.page.get_by_role("combobox", name="Matter").select_option("card_issue")
        await desk.page.get_by_role("textbox", name="Name that").fill("Anna Nowak")
        await desk.page.get_by_role("button", name="I'm calling").click()
        words = desk.page.locator("#words")
        await expect(words).to_have_text(_two_words())
        await expect(page.locator("#words")).to_have_text(await words.inner_text(), timeout=10_000)
        await desk.looks("agent-calling")
        await check.click()
        await expect(page.locator("#calling .words")).to_have_text(await words.inner_text())
        await expect(page.locator("#calling")).to_contain_text("Anna Nowak")
        await visitor.looks("calling-yes")
        await page.get_by_role("button", name="Yes, I confirm").click()
        await expect(desk.page.get_by_text("The customer confirmed: the words match.")).to_be_visible(timeout=15_000)
        await desk.page.get_by_role("button", name="The call is over").click()
        await expect(desk.page.get_by_text("the app no longer shows it")).to_be_visible()
        await check.click()
        await expect(page.locator("#calling")).to_have_class("answer no")


async def what_goes_wrong(world: World) -> None:
    """Each failure says what to do."""
    told = ("Failed to load resource", "WebSocket")
    async with world.customer(CLUMSY, speaks=True, expected=told) as visitor:
        page = visitor.page

        async def fails(name: str, says: str, answer: Callable[[Route], Awaitable[None]], path: str) -> None:
            await page.route(path, answer)
            await page.get_by_role("button", name="Call", exact=True).click()
            await expect(page.get_by_role("heading", name="The call did not work")).to_be_visible(timeout=15_000)
            await expect(page.locator("#call-note")).to_contain_text(says)
            await visitor.looks(f"fails-{name}")
            await page.unroute(path)
            await page.get_by_role("button", name="Close").click()

        def refuses(status: int, code: str) -> Callable[[Route], Awaitable[None]]:
            return lambda route: route.fulfill(
                status=status, json={"code": code, "detail": ""}, headers={"Access-Control-Allow-Origin": "*"}
            )

        released = asyncio.Event()

        async def answers_late(route: Route) -> None:
            await released.wait()
            await route.continue_()

        await page.route("**/api/call", answers_late)
        await page.get_by_role("button", name="Call", exact=True).click()
        await expect(page.get_by_role("heading", name="Connecting")).to_be_visible()
        await visitor.looks("call-connecting")
        await page.get_by_role("button", name="Hang up").click()
        async with page.expect_response("**/api/call"):
            released.set()
        await expect(page.get_by_role("heading", name="The call is over")).to_be_visible()
        await page.unroute("**/api/call")
        await page.get_by_role("button", name="Close").click()
        await expect(page.locator("#home")).to_be_visible()
        calls = "**/api/click2call/calls"
        await fails("busy", "All lines are busy", refuses(503, "busy"), calls)
        await fails("ticket", "did not let this call through", refuses(403, "client.scope"), "**/api/call")
        await fails("too-many", "Please wait a minute", refuses(429, "client.limit"), "**/api/call")
        await fails("lost", "connection was lost", lambda route: route.abort(), calls)
        await page.get_by_role("button", name="Call", exact=True).click()
        await expect(page.get_by_role("heading", name="Talking to the assistant")).to_be_visible(timeout=20_000)
        await page.evaluate(_LOST)
        await expect(page.locator("#call-note")).to_contain_text("connection was lost")
        await expect(page.get_by_role("heading", name="The call is over")).to_be_visible()
        await visitor.looks("fails-meanwhile")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("heading", name="Talking to the assistant")).to_be_visible(timeout=20_000)
        await page.get_by_role("button", name="Lost card or fraud").click()
        await page.get_by_role("button", name="Blocking a card").click()
        await expect(page.get_by_role("heading", name="Talking to an agent")).to_be_visible(timeout=30_000)
        before = recorded(world.recordings)
        await page.goto("about:blank")
        await until(lambda: recorded(world.recordings) - before, "the end of the call of a page that was closed")


def _two_words() -> re.Pattern[str]:
    return re.compile(r"^\S+ \S+$")


ALL = (by_voice, by_keyboard, by_telephone, lambda world: by_telephone(world, confirms=False), asks_who_calls, what_goes_wrong)


@asynccontextmanager
async def opened(bank: str, sip: str, recordings: Path, pictures: Path, *, speaks: bool = True) -> AsyncIterator[World]:
    """Browsers for an example that is running; with a voice in the microphone, or the browser's own beeps."""
    for folder in (recordings, pictures):
        folder.mkdir(parents=True, exist_ok=True)
    speech = await write_speech(pictures / "microphone.wav", *SPEECH) if speaks else None
    async with browsers(speech) as (speaking, silent):
        yield World(bank, sip, recordings, pictures, speaking, silent)


async def check_all(bank: str, sip: str, recordings: Path, pictures: Path) -> None:
    """Try everything and print what came of it. Raises AssertionError at the first mistake."""
    async with opened(bank, sip, recordings, pictures) as world:
        for tried in ALL:
            print(f"… {(tried.__doc__ or 'A caller who refuses in the app is not proven.').strip()}", flush=True)
            await tried(world)
    print(f"all as it should be; pictures of every state: {pictures}", flush=True)
