"""The licences of everything we run: `python scripts/licences.py` writes docs/licences.md (that is `make licences`).

Versions come from requirements.lock, licences from the installed packages' metadata, and what those do not say from
scripts/licences.toml. Copyleft (GPL, LGPL, AGPL, MPL, EPL and the like) needs a reason there.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
KNOWN = ROOT / "scripts" / "licences.toml"
PAGE = ROOT / "docs" / "licences.md"

Rules = dict[str, Any]

COPYLEFT = re.compile(r"GPL|MPL|EPL|EUPL|CDDL|OSL|SSPL|CC-BY-SA", re.IGNORECASE)
_PINNED = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)")
_CLASSIFIED = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
}
_WRITTEN = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "MIT License": "MIT",
}
_SPDX = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")
_HEAD = """\
# Licences

voicebot is under Apache-2.0. This page lists what it runs with. `make licences` makes it of `requirements.lock`, of the
packages' metadata and of `scripts/licences.toml`; `tests/docs/test_licences.py` holds it against the lock, and against what a
running service has loaded.

Nothing under the GPL or AGPL is loaded into our process, but for GCC's own libraries, whose exception allows it. What is under
the LGPL is a package or a shared object of its own that we do not change, so that anybody may put another version in its place.
Engines under the GPL run as processes of their own.
"""


class UnknownLicenceError(Exception):
    """Something of which nobody has said what its licence is."""


def main() -> int:
    """Write the page; exit code 1 when a licence is not known or not allowed."""
    rules = known()
    try:
        made, faults = page(rules), list(copyleft_without_reason(rules))
    except UnknownLicenceError as error:
        print(error, file=sys.stderr)
        return 1
    for fault in faults:
        print(fault, file=sys.stderr)
    PAGE.write_text(made, encoding="utf-8")
    print(PAGE)
    return 1 if faults else 0


def known() -> Rules:
    """What scripts/licences.toml says."""
    return tomllib.loads(KNOWN.read_text(encoding="utf-8"))


def locked() -> dict[str, str]:
    """The locked run-time packages and their versions (several where Python versions differ)."""
    found: dict[str, list[str]] = {}
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if pinned := _PINNED.match(line):
            found.setdefault(pinned["name"], []).append(pinned["version"])
    return {name: ", ".join(versions) for name, versions in sorted(found.items())}


def licence_of(name: str, rules: Rules) -> str:
    """The SPDX expression of an installed package. Raises UnknownLicenceError."""
    stated = rules["licence"].get(canonical(name))
    if stated:
        return str(stated)
    try:
        found = _from_metadata(distribution(name))
    except PackageNotFoundError:
        found = None
    if found is None:
        raise UnknownLicenceError(
            f"the licence of {name} is not known: write its SPDX expression under [licence] in {KNOWN.name}"
        )
    return found


def _from_metadata(package: Distribution) -> str | None:
    fields = package.metadata
    if "License-Expression" in fields:
        return fields["License-Expression"]
    written = fields["License"].strip() if "License" in fields else ""
    if written in _WRITTEN:
        return _WRITTEN[written]
    if "-" in written or written in ("MIT", "ISC"):
        return written if _SPDX.fullmatch(written) else None
    classified = [
        str(value).rsplit(" :: ", 1)[-1] for value in fields.get_all("Classifier") or [] if value.startswith("License ::")
    ]
    named = [_CLASSIFIED[value] for value in classified if value in _CLASSIFIED]
    return " OR ".join(named) if named and len(named) == len(classified) else None


def canonical(name: str) -> str:
    """A package's name as the lock writes it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def library_name(file: str) -> str:
    """A shared object's name without hash and version: libssl-8248cfc9.so.1.1.1k is libssl.so."""
    stem = re.sub(r"\.so[.\d\w]*$", "", file)
    stem = re.sub(r"(-[0-9a-f]{8})+$", "", stem)
    stem = re.sub(r"_(x86_64|arm64|aarch64)$", "", stem)
    stem = re.sub(r"(64_|-x86-64|-aarch64)$", "", stem)
    stem = re.sub(r"^(libpython|libsqlite)[\d.]+$", r"\1", stem)
    return f"{stem.rstrip('-_')}.so"


def copyleft_without_reason(rules: Rules) -> Iterator[str]:
    """Locked packages, and libraries, under a copyleft licence of which nobody has said why they may be there."""
    for name in locked():
        licence = licence_of(name, rules)
        if COPYLEFT.search(licence) and name not in rules["loaded"] and name not in rules["process"]:
            yield f"{name} is under {licence}: say under [loaded] or [process] in {KNOWN.name} why, or do without it"
    for name, library in rules["library"].items():
        if COPYLEFT.search(library["licence"]) and not library.get("reason"):
            yield f"{name} is under {library['licence']}: say in {KNOWN.name} why it may be loaded"


def not_allowed(packages: Iterable[str], libraries: Iterable[str], rules: Rules) -> Iterator[str]:
    """What is wrong with these packages and shared objects (file names) being loaded into our process."""
    for name in map(canonical, packages):
        licence = licence_of(name, rules)
        if name in rules["process"]:
            yield f"{name} ({licence}) is loaded, and belongs into a process of its own"
        elif COPYLEFT.search(licence) and name not in rules["loaded"]:
            yield f"{name} is loaded, and is under {licence}"
    for file in libraries:
        if library_name(file).startswith("libnss_"):
            continue  # a name service of the machine (nsswitch.conf), which its C library loads into every program
        library = rules["library"].get(library_name(file))
        if library is None:
            yield f"{file} is loaded, and its licence is not known: add {library_name(file)} under [library] in {KNOWN.name}"
        elif library.get("process"):
            yield f"{file} ({library['licence']}) is loaded, and belongs into the process of {library['process']}"
        elif COPYLEFT.search(library["licence"]) and not library.get("reason"):
            yield f"{file} is loaded, and is under {library['licence']}"


def page(rules: Rules) -> str:
    """The text of docs/licences.md. Raises UnknownLicenceError."""
    packages = [[name, version, licence_of(name, rules), _note(name, rules)] for name, version in locked().items()]
    libraries = [
        [name, value["from"], value["licence"], value.get("reason", "")] for name, value in sorted(rules["library"].items())
    ]
    programs = [[name, value["package"], value["licence"], value["what"]] for name, value in sorted(rules["program"].items())]
    return "\n".join(
        [
            _HEAD,
            "## Packages\n",
            *_table(["package", "version", "licence", "note"], packages),
            "\n## Shared objects\n",
            "Those that wheels carry, and those of the system (Debian 12) that a running service loads.\n",
            *_table(["library", "from", "licence", "why it may be loaded"], libraries),
            "\n## Programs\n",
            "Installed beside us (`make apt`), run as processes of their own.\n",
            *_table(["program", "package", "licence", "what for"], programs),
            "",
        ]
    )


def _note(name: str, rules: Rules) -> str:
    said = [rules[kind].get(name) for kind in ("loaded", "note")]
    apart = rules["process"].get(name)
    return ". ".join(filter(None, [*said, f"a process of its own: {apart}" if apart else None]))


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


if __name__ == "__main__":
    sys.exit(main())
