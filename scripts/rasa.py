"""Rasa beside voicebot: build its environment, train it on our training data, start it, run the back end's tests against it.

`python scripts/rasa.py test` is what `make rasa` runs. `serve` leaves the servers running until Ctrl-C, say for
`make bench-nlu RASA=…`. `record` writes down what they answer, for the tests to replay where there is no Python 3.10. All that is
built stays in var/rasa and is used again until the training data or the locked requirements change.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
HOME = ROOT / "var" / "rasa"
PACK = ROOT / "nlu" / "packs" / "bank"
LOCK = ROOT / "requirements-rasa.lock"
TESTS = "tests/voicebot/understanding"
URL_VARIABLE, TOKEN_VARIABLE = "VOICEBOT_TEST_RASA_URL", "VOICEBOT_TEST_RASA_TOKEN"
_READY_S = 300
_STOP_S = 20
_QUIET = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}


def main() -> int:
    """Exit code 0 when all went well; without Python 3.10 the tests replay recorded answers, and that is said."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["test", "serve", "record"], nargs="?", default="test")
    parser.add_argument("--languages", nargs="+", default=["pl"], help="a server for each (default: pl)")
    options = parser.parse_args()
    python = find_python()
    if python is None:
        say("no Python 3.10 here (python3.10, pyenv), so no Rasa: the tests replay answers recorded from a real server")
        return run_tests({}) if options.what == "test" else 1
    build(python)
    token = secrets.token_urlsafe(16) if options.what != "serve" else ""
    with ExitStack() as stack:
        for language in options.languages:
            train(language)
        urls = {language: stack.enter_context(running(language, token)) for language in options.languages}
        if options.what == "serve":
            return wait(urls)
        first = next(iter(urls.values()))
        if options.what == "record":
            command = [sys.executable, "-m", "tests.voicebot.understanding.record", first, token]
            return subprocess.run(command, cwd=ROOT, check=False).returncode
        return run_tests({URL_VARIABLE: first, TOKEN_VARIABLE: token})


def say(what: str) -> None:
    """A line for the person who waits."""
    print(f"rasa: {what}", flush=True)


def find_python() -> str | None:
    """A Python 3.10 that runs: on the path, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which("python3.10"), *map(str, sorted(pyenv.glob("versions/3.10*/bin/python3.10"), reverse=True))]
    for one in filter(None, candidates):
        if subprocess.run([one, "-c", "import venv, ssl"], capture_output=True, check=False).returncode == 0:
            return one
    return None


def build(python: str) -> None:
    """An environment of its own (2.7 GB), from the lock file."""
    stamp = HOME / "venv" / "lock"
    locked = digest([LOCK])
    if stamp.is_file() and stamp.read_text() == locked:
        return
    HOME.mkdir(parents=True, exist_ok=True)
    venv = HOME / "venv"
    watched([python, "-m", "venv", "--clear", str(venv)], "making an environment", "venv")
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    pip = [uv, "pip", "install", "--python", str(venv / "bin" / "python")] if uv else [str(venv / "bin" / "pip"), "install"]
    watched([*pip, "--require-hashes", "-r", str(LOCK)], "installing Rasa (2.7 GB)", "install")
    stamp.write_text(locked)


def train(language: str) -> None:
    """A model of one language's training data, unless there is one of this very data."""
    data = [PACK / language, PACK / "entities" / f"{language}.yml"]
    settings = [PACK / "config.yml", PACK / "domain.yml"]
    files = [*settings, LOCK, *sorted(data[0].glob("*.yml")), data[1]]
    stamp = HOME / "models" / f"{language}.data"
    wanted = digest(files)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    command = [str(HOME / "venv" / "bin" / "rasa"), "train", "--config", str(settings[0]), "--domain", str(settings[1])]
    command += ["--data", *map(str, data), "--out", str(HOME / "models"), "--fixed-model-name", language]
    watched(command, f"training on {language} (minutes)", f"train-{language}")
    stamp.write_text(wanted)


def watched(command: Sequence[str], what: str, name: str) -> None:
    """Run to the end with a sign of life every ten seconds; what it prints goes to var/rasa/<name>.log."""
    log = HOME / f"{name}.log"
    began = time.monotonic()
    say(f"{what}…  ({log.relative_to(ROOT)})")
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=HOME, env={**os.environ, **_QUIET})
        try:
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                    break
                say(f"{what}: {time.monotonic() - began:.0f} s")
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
        raise SystemExit(f"rasa: {what} failed (code {process.returncode}); the end of {log}:\n{tail}")
    say(f"{what}: done in {time.monotonic() - began:.0f} s")


@contextmanager
def running(language: str, token: str) -> Iterator[str]:
    """A server with a language's model on a free port of loopback, while the context lasts; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(HOME / "venv" / "bin" / "rasa"), "run", "--enable-api", "--interface", "127.0.0.1", "--port", str(port)]
    command += ["--model", str(HOME / "models" / f"{language}.tar.gz"), "--endpoints", os.devnull, "--credentials", os.devnull]
    command += ["--auth-token", token] if token else []
    log = HOME / f"serve-{language}.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=HOME, env={**os.environ, **_QUIET})
        try:
            wait_until_ready(process, f"http://127.0.0.1:{port}", token, language, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(process: subprocess.Popen[bytes], url: str, token: str, language: str, log: Path) -> None:
    """Until the server has its model loaded."""
    began = told = time.monotonic()
    while time.monotonic() < began + _READY_S:
        if process.poll() is not None:
            raise SystemExit(f"rasa: the server ended (code {process.returncode}); see {log}")
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/status", params={"token": token}, timeout=2, trust_env=False).status_code == httpx.codes.OK:
                say(f"the {language} server is ready at {url} after {time.monotonic() - began:.0f} s")
                return
        if time.monotonic() > told + 10:
            told = time.monotonic()
            say(f"starting the {language} server: {told - began:.0f} s")
        time.sleep(0.5)
    raise SystemExit(f"rasa: the server was not ready after {_READY_S} s; see {log}")


def wait(urls: dict[str, str]) -> int:
    """Until Ctrl-C."""
    for language, url in urls.items():
        say(f"{language}: {url}  (nlu.backend: rasa, nlu.rasa_urls: {{{language}: {url}}}; Ctrl-C stops it)")
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)
    return 0


def run_tests(where: dict[str, str]) -> int:
    """The back end's tests."""
    command = [sys.executable, "-m", "pytest", TESTS]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **where}, check=False).returncode


def digest(files: Sequence[Path]) -> str:
    """SHA-256 of the files' contents, in their order."""
    found = hashlib.sha256()
    for path in files:
        found.update(path.read_bytes() + b"\0")
    return found.hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
