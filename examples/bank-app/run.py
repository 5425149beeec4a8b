"""Start all of the example on this machine: voicebot with its state server, the bank, and an agent who answers (`make demo-app`).

    python run.py [--folder var/demo-app] [--check]

Ends on Ctrl-C, and when a part dies. `--check` has a browser place every call of the example (journey.py), and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import json
import os
import secrets
import shutil
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, KeySet
from ruamel.yaml import YAML

from dialogs.data.bundle import DEFAULT_BUNDLE, load_bundle
from dialogs.events import Prompt
from voicebot.endpoints.sip.ports import free_port

HERE = Path(__file__).parent
POLISH_LINE = "+48225550100"
CONFIRMED = ["personal_data", "account_close", "card_limits_pin"]
"""Matters that callers by phone are asked to confirm in the app."""
NAMES = ("Anna Zielińska", "Marek Wójcik", "Firma Kowalska", "Ola Nowak", "Emma Brown", "Олена Коваль")
_LAST_LINES = 20
_STOP_S = 8.0
_START_S = 600.0  # the first time the prompts are spoken and the classifier is trained


class NotStarted(Exception):
    """A part ended, or could not begin; the message says what it said."""


@dataclass
class Part:
    """A process of the example."""

    name: str
    process: asyncio.subprocess.Process
    last: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    reading: list[asyncio.Task[None]] = field(default_factory=list)
    stopping: bool = False

    @property
    def why(self) -> str:
        """How it ended, with its last lines."""
        return f"{self.name} ended with {self.process.returncode}; its last lines:\n  " + "\n  ".join(self.last)

    async def ended(self) -> None:
        """Returns when it has, all it said being read."""
        await self.process.wait()
        await asyncio.gather(*self.reading, return_exceptions=True)

    async def stop(self) -> None:
        """Gently, then not."""
        if self.process.returncode is None:
            self.process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), _STOP_S)
        if self.process.returncode is None:
            self.process.kill()
        await self.ended()


def _path() -> str:
    """Voicebot is imported from here, whether it is installed or not."""
    return os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]))


class Parts:
    """The processes, stopped by `stack` in reverse order. Raises NotStarted."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.all: list[Part] = []

    async def agent(self, host: str, recordings: Path | None = None) -> str:
        """Where queues are called: host:port. What the agent hears is kept in `recordings`."""

        def listening(line: str) -> str | None:
            found = json.loads(line).get("listening") if line.startswith("{") else None
            return str(found) if found else None

        record = ("--record", str(recordings)) if recordings is not None else ()
        return await self._begin("the agent", str(HERE / "agent.py"), host, *record, ready=listening)

    async def bank(self, plan: Plan) -> None:
        """Answers when this returns."""

        def listens(line: str) -> str | None:
            return line if line.startswith("bank at") else None

        await self._begin("the bank", str(HERE / "bank.py"), str(plan.folder / "bank.json"), ready=listens)

    async def voicebot(self, plan: Plan, show: Callable[[str], None]) -> None:
        """Takes calls when this returns; `show` is told what it is doing."""

        def announced(line: str) -> str | None:
            if line.startswith("…"):
                show(line)
            return line if "stop with Ctrl-C" in line else None  # the last that it says before calls

        serve = ("-c", "from voicebot.cli.main import app; app()", "serve", "--config", str(plan.folder / "voicebot.yml"))
        await self._begin("voicebot", *serve, ready=announced, **plan.environment())

    async def _begin(self, name: str, *command: str, ready: Callable[[str], str | None], **env: str) -> str:
        """Start one, and wait for the line that `ready` knows; what `ready` makes of it."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,  # Ctrl-C is for us; each part is told in order
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": _path(), **env},
        )
        part, up = Part(name, process), asyncio.get_running_loop().create_future()

        async def read(stream: asyncio.StreamReader) -> None:
            async for octets in stream:
                line = octets.decode(errors="replace").rstrip()
                part.last.append(line)
                if not up.done() and (told := ready(line)) is not None:
                    up.set_result(told)

        part.reading = [asyncio.create_task(read(stream)) for stream in (process.stdout, process.stderr) if stream is not None]
        self._stack.push_async_callback(part.stop)
        self.all.append(part)
        ended = asyncio.create_task(part.ended())
        await asyncio.wait({ended, up}, timeout=_START_S, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not up.done():
            raise NotStarted(part.why)
        return str(up.result())


# ---------------------------------------------------------------- what the parts are told


def own_address() -> str:
    """An address of this machine that is not loopback, which ICE leaves out. Raises NotStarted."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("198.51.100.1", 9))  # nothing is sent
        found = str(probe.getsockname()[0])
        if not found.startswith("127."):
            return found
    raise NotStarted("this machine has no address but loopback, which calls of the app cannot use: connect it to a network")


def free_web_port() -> int:
    """A TCP port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def customers() -> list[dict[str, str]]:
    """Voicebot's sample customers, with names for the log-in page."""
    text = (files("voicebot") / "samples" / "customers.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return [
        {
            "ref": row["customer_ref"],
            "name": name,
            **{key: row[key] for key in ("number", "segment", "language")},
        }
        for name, row in zip(NAMES, rows, strict=True)
    ]


def write_bundle(folder: Path) -> None:
    """The bank's bundle, open around the clock, so that it can be tried at night; some matters are confirmed in the app."""
    shutil.copytree(DEFAULT_BUNDLE, folder)
    yaml, path = YAML(), folder / "routes.yml"
    routes = yaml.load(path)
    for name in routes["hours"]:
        routes["hours"][name] = {"every day": "00:00-24:00", "holidays": "as usual"}
    routes["exceptions"] = []
    for line in ("main", "english"):
        routes["lines"][line]["app_confirmation"] = CONFIRMED
    yaml.dump(routes, path)


def matters() -> dict[str, dict[str, str]]:
    """What the desk calls the matters, by language and intent."""
    bundle, now = load_bundle(), datetime.now(UTC)

    def called(language: str) -> dict[str, str]:
        return {intent: bundle.text(Prompt(f"matter.{intent}"), language, now).text for intent in bundle.routes.matters}

    return {language: called(language) for language in ("pl", "en")}


def key(kid: str) -> ECKey:
    """A new key of one of the bank's systems."""
    return ECKey.generate_key("P-256", {"kid": f"{kid}-{secrets.token_hex(3)}", "alg": "ES256", "use": "sig"})


@dataclass(frozen=True)
class Plan:
    """Files, ports and secrets of this run."""

    folder: Path
    host: str
    queue: str
    sip: int
    web: int
    bank: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def bank_url(self) -> str:
        """Of the bank's server."""
        return f"http://127.0.0.1:{self.bank}"

    @property
    def voicebot_url(self) -> str:
        """Of voicebot's API."""
        return f"http://127.0.0.1:{self.web}"

    def environment(self) -> dict[str, str]:
        """Voicebot's secrets."""
        return {"VOICEBOT_WEB__TOKEN": self.token, "VOICEBOT_HANDOFF__WEBHOOK__SECRET": self.secret}

    def write(self) -> None:
        """All files of the run."""
        write_bundle(self.folder / "bundle")
        keys = {"bank-app": key("app"), "desk": key("desk")}
        for name, made in keys.items():
            self._json(f"{name}.jwks.json", KeySet([made]).as_dict(private=False))
        self._json("voicebot.yml", self.settings())  # JSON is YAML
        app, desk = (made.as_dict(private=True) for made in keys.values())
        bank = {
            "port": self.bank,
            "voicebot": self.voicebot_url,
            "api_token": self.token,
            "webhook_secret": self.secret,
            "app_key": app,
            "desk_key": desk,
            "customers": customers(),
            "matters": matters(),
        }
        self._json("bank.json", bank)

    def _json(self, name: str, content: object) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")

    def settings(self) -> dict[str, Any]:
        """Voicebot's configuration, without its secrets."""
        clients = [("bank-app", ["tickets", "current_calls"]), ("desk", ["advisor_proofs"])]
        return {
            "bundle": str(self.folder / "bundle"),
            "sip": {
                "host": self.host,
                "port": self.sip,
                "transports": ["udp", "tcp"],
                "peers": [f"{self.host}/32", "127.0.0.1/32"],
                "rtp_ports": [21000, 21999],
            },
            "limits": {"drain_s": 1},
            "state": {"data_dir": str(self.folder / "state")},
            "health": {"port": 0},
            "web": {"port": self.web},
            "handoff": {
                "address": f"sip:{{queue}}@{self.queue}",
                "way": "bridge",
                "drain_bridged_s": 1,
                "webhook": {"url": f"{self.bank_url}/hooks/voicebot"},
            },
            "customers": {"csv": str(files("voicebot") / "samples" / "customers.csv")},
            "identity": {
                "clients": [
                    {"id": name, "jwks_file": str(self.folder / f"{name}.jwks.json"), "may": may} for name, may in clients
                ],
                "web_calls": {"enabled": True, "origins": [self.bank_url]},
                "ciba": {"issuer": f"{self.bank_url}/provider", "client_id": "voicebot", "levels": ["app-pin"]},
            },
            "log": {"level": "warning"},
        }


# ---------------------------------------------------------------- all of it


@asynccontextmanager
async def example(folder: Path, show: Callable[[str], None], *, record: bool) -> AsyncIterator[tuple[Plan, Sequence[Part]]]:
    """Everything, running; with `record` the agent keeps what is heard. Raises NotStarted."""
    _fresh(folder)
    async with AsyncExitStack() as stack:
        host, parts = own_address(), Parts(stack)
        show("… the agent finds their voice")
        queue = await parts.agent(host, folder / "heard" if record else None)
        plan = Plan(folder, host, queue, free_port(host), free_web_port(), free_web_port())
        await asyncio.to_thread(plan.write)
        await parts.bank(plan)
        await parts.voicebot(plan, show)
        yield plan, parts.all


def _fresh(folder: Path) -> None:
    """Keys, settings and what was said are new at each run; models and prompts, which took long to make, stay."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for stale in ("bundle", "heard", "pictures", "state/state"):  # calls of an earlier run are not calls of today
        shutil.rmtree(folder / stale, ignore_errors=True)


async def run(folder: Path, check: bool) -> int:
    """The exit code."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    work = asyncio.create_task(_run(folder, check))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            print("ending everything", flush=True)
            work.cancel()
        return await work
    except asyncio.CancelledError:
        return 0
    except (NotStarted, AssertionError) as error:  # the latter is what a browser saw
        print(error, file=sys.stderr)
        return 1
    finally:
        stopped.cancel()


async def _run(folder: Path, check: bool) -> int:
    async with example(folder, lambda line: print(line, flush=True), record=check) as (plan, parts):
        ends = [asyncio.create_task(part.ended(), name=part.name) for part in parts]
        if check:
            from journey import check_all

            ends.append(
                asyncio.create_task(check_all(plan.bank_url, f"{plan.host}:{plan.sip}", folder / "heard", folder / "pictures"))
            )
        else:
            print(f"\nthe customer's page  {plan.bank_url}/\nthe agents' desk     {plan.bank_url}/agent")
            call = f"voicebot call sip:{POLISH_LINE}@{plan.host}:{plan.sip} --host {plan.host} --number +48601000001"
            print(f"by telephone         {call} --keys 6 --keys 3 --keys 1")
            print("everything is of this machine alone; end with Ctrl-C", flush=True)
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if check and ends[-1].done():
                ends[-1].result()
                return 0
            dead = next(part for part in parts if part.process.returncode is not None)
            await dead.ended()
            raise NotStarted(dead.why)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("var/demo-app"), help="keys, settings, recordings and pictures")
    parser.add_argument("--check", action="store_true", help="have a browser try everything")
    options = parser.parse_args()
    sys.exit(asyncio.run(run(options.folder.absolute(), options.check)))


if __name__ == "__main__":
    main()
