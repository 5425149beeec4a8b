"""The configurations for proxies that we give away: what the world can reach through them, and what it cannot."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.voicebot.endpoints.web_call.bank import ADDRESS, needs_address

DEPLOY = Path(__file__).parents[3] / "deploy"
OPEN = ("/chat", "/api/click2call/calls", f"/api/click2call/calls/{'0' * 32}/ws", "/api/ciba/ping", "/.well-known/jwks.json")
"""Each asks for a proof of its own, or is for everybody."""
CLOSED = (
    "/api/calls", "/api/openapi.json", "/api/click2call/tickets", "/api/advisor-proofs", "/api/customers/c-1/calls/current",
    "/api/ciba", "/api/ciba/ping/x", "/metrics", "/health", "/", "/api/click2call/calls/../../calls", "/api//calls",
    "/api/click2call/calls/..%2F..%2Fcalls", "/api/click2call/calls/%2e%2e/tickets", "/API/calls",
)  # fmt: skip


class Upstream(BaseHTTPRequestHandler):
    """In place of the service: says which path reached it."""

    def do_GET(self) -> None:
        told = f"{self.path} for {self.headers['X-Forwarded-For']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def upstream() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as taken:
        return taken.server_port


def nginx(folder: Path, port: int, upstream: int) -> list[str]:
    """The file of `deploy`, on one plain port; the bank's network is elsewhere."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    plain, tls = text.split("server {\n    listen 80;", 1)[0], text.split("    listen 443 ssl http2;", 1)[1]
    text = f"{plain}server {{\n    listen {port};{tls}"
    text = re.sub(r"(?m)^ *(ssl_\w+|access_log|listen \[::\]).*$", "", text).replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
    text = re.sub(r"allow [\d./]+;", "allow 203.0.113.0/24;", text)
    head = f"daemon off;\nerror_log {folder}/error.log;\npid {folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n"
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(f"{head}{temporary}{text}\n}}\n", encoding="utf-8")
    return ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


def caddy(folder: Path, port: int, upstream: int) -> list[str]:
    """The same of Caddy."""
    text = (DEPLOY / "Caddyfile").read_text(encoding="utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
    text = text.replace("bot.bank.example {", f"http://:{port} {{").replace(
        "remote_ip 10.0.0.0/8 127.0.0.1", "remote_ip 203.0.113.0/24"
    )
    (folder / "Caddyfile").write_text(text.replace("{\n\tservers", "{\n\tadmin off\n\tservers", 1), encoding="utf-8")
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@needs_address
@pytest.mark.parametrize("proxy", [nginx, caddy], ids=["nginx", "caddy"])
def test_the_world_reaches_what_asks_for_a_proof_of_its_own_and_nothing_else(
    tmp_path: Path, upstream: int, proxy: object
) -> None:
    """Whatever is written for a path; and nobody names an address for himself."""
    make = nginx if proxy is nginx else caddy
    if shutil.which(make.__name__) is None:
        pytest.skip(f"{make.__name__} is not installed here")
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            make(tmp_path, port, upstream), stdout=log, stderr=log, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/usr/sbin"}
        )
        try:
            with httpx.Client(base_url=f"http://{ADDRESS}:{port}", headers={"Host": "bot.bank.example"}) as client:
                until_up(client, running, tmp_path / "log")
                for path in OPEN:
                    answer = client.get(path, headers={"X-Forwarded-For": "203.0.113.9"})
                    assert (answer.status_code, answer.text) == (200, f"{path} for {ADDRESS}")
                for path in CLOSED:
                    raw = httpx.URL(f"http://{ADDRESS}:{port}").copy_with(raw_path=path.encode())
                    assert client.get(raw, headers={"X-Forwarded-For": "203.0.113.9"}).status_code in (400, 403, 404, 308), path
        finally:
            running.terminate()
            running.wait(10)


def until_up(client: httpx.Client, running: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        assert running.poll() is None, log.read_text(encoding="utf-8")
        with contextlib.suppress(httpx.TransportError):
            client.get("/")
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text(encoding="utf-8"))
