"""What a running service has in its process: run as a program of its own, so that nothing of the tests is in it.

`python -m tests.docs.loaded` prints one JSON object: packages (by sys.modules), and libraries (shared objects, by
/proc/self/maps). Whatever our code imports anywhere, also late, is imported first.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import importlib.metadata
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.voicebot.running import open_service

ROOT = Path(__file__).parents[2]
OURS = ("caller_id", "nlu", "dialogs", "audio", "voicebot")
ELSEWHERE = ("voicebot.softphone.web_phone", "voicebot.softphone.web_scripted_call", "aiortc", "av")
"""The app's side of scripted calls runs in the softphone's process only; were it loaded here, its libraries would be told."""
EXTRAS = ("psycopg",)  # SQLAlchemy imports it by the name in the URL


def imported_modules() -> Iterator[str]:
    """Every module that our code names in an import, and our own modules."""
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            inside = path.relative_to(ROOT).with_suffix("")
            if inside.name != "__main__" and "migrations" not in inside.parts:  # those run inside alembic only
                yield ".".join(inside.parts).removesuffix(".__init__")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield node.module


def loaded_packages() -> list[str]:
    """The distributions whose modules are loaded."""
    owners = importlib.metadata.packages_distributions()
    return sorted({owner for module in list(sys.modules) for owner in owners.get(module.partition(".")[0], [])} - {"voicebot"})


def loaded_libraries() -> list[str]:
    """The file names of the shared objects in this process, but for Python's extension modules: they belong to their packages."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    files = {Path(parts[5]).name for line in lines if len(parts := line.split(maxsplit=5)) == 6 and ".so" in parts[5]}
    return sorted(file for file in files if not any(mark in file for mark in (".cpython-", ".abi3.")))


async def main() -> None:
    for module in dict.fromkeys((*imported_modules(), *EXTRAS)):
        if any(module == name or module.startswith(f"{name}.") for name in ELSEWHERE):
            continue
        importlib.import_module(module)
    with tempfile.TemporaryDirectory() as folder:
        async with open_service(Path(folder)):
            print(json.dumps({"packages": loaded_packages(), "libraries": loaded_libraries()}))


if __name__ == "__main__":
    asyncio.run(main())
