"""Write down what a real Rasa server answers, for the tests to replay: `python scripts/rasa.py record`.

Run as `python -m tests.voicebot.understanding.record URL [TOKEN]`. Needed again when SAID changes, not when the pack's data do.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import httpx

REPLIES = Path(__file__).parent / "replies.json"
SAID = (
    "dzień dobry, good morning",
    "zgubiłam kartę w tramwaju proszę ją zablokować",
    "ile mam pieniędzy na koncie",
    "chciałbym wziąć kredyt hipoteczny na mieszkanie",
    "chcę sprawdzić saldo i jeszcze zastrzec kartę",
    "chcę sprawdzić saldo",
    "zastrzec kartę",
    "jaka jutro będzie pogoda nad morzem",
    "mój pesel to <pesel> proszę o saldo",
    "???",
)
"""What the tests say, as it is sent: personal numbers masked."""


def main(url: str, token: str = "") -> None:
    """Ask for everything in SAID, and for what the server says of itself and to a stranger."""
    with httpx.Client(base_url=url, params={"token": token} if token else None, trust_env=False, timeout=30) as client:
        recorded: dict[str, Any] = {
            "version": client.get("/version").json()["version"],
            "status": client.get("/status").json(),
            "refused": httpx.get(f"{url}/status", trust_env=False).json() if token else None,
            "replies": {text: _short(client.post("/model/parse", json={"text": text}).json()) for text in SAID},
        }
    lines = json.dumps(recorded, ensure_ascii=False).replace('}, "', '},\n"')  # an answer a line
    REPLIES.write_text(lines + "\n", encoding="utf-8")
    print(f"{len(SAID)} answers of Rasa {recorded['version']} in {REPLIES}")


def _short(reply: dict[str, Any]) -> dict[str, Any]:
    """Without what voicebot does not read, and probabilities to four places."""
    ranking = [{"name": one["name"], "confidence": round(one["confidence"], 4)} for one in reply["intent_ranking"]]
    return {"text": reply["text"], "intent": ranking[0], "entities": reply["entities"], "intent_ranking": ranking}


if __name__ == "__main__":
    main(*sys.argv[1:])
