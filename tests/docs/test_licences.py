"""Whatever we run with is listed with its licence, and no copyleft gets into our process unless somebody said why it may."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from scripts import licences

ROOT = Path(__file__).parents[2]
RULES = licences.known()


def test_the_page_is_what_the_lock_and_the_packages_say() -> None:
    assert licences.PAGE.read_text(encoding="utf-8") == licences.page(RULES), "run: make licences"


def test_every_locked_package_stands_on_the_page() -> None:
    text = licences.PAGE.read_text(encoding="utf-8")
    assert len(licences.locked()) > 80
    assert all(f"| {name} | {version} |" in text for name, version in licences.locked().items())


def test_every_copyleft_package_has_its_reason() -> None:
    assert list(licences.copyleft_without_reason(RULES)) == []


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    said = tmp_path_factory.mktemp("loaded") / "said"
    with said.open("wb") as out:  # a file, not a pipe: nobody waits for the processes that the service started
        look = [sys.executable, "-W", "ignore", "-m", "tests.docs.loaded"]
        done = subprocess.run(look, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, timeout=280, check=False)
    lines = said.read_text(encoding="utf-8").splitlines()
    assert done.returncode == 0, lines
    found: dict[str, list[str]] = json.loads(next(line for line in lines if line.startswith('{"packages"')))
    return found


@pytest.mark.timeout(300)
def test_nothing_is_loaded_into_a_running_service_that_may_not_be(loaded: dict[str, list[str]]) -> None:
    assert list(licences.not_allowed(loaded["packages"], loaded["libraries"], RULES)) == []


@pytest.mark.timeout(300)
def test_the_look_into_the_service_sees_what_is_there(loaded: dict[str, list[str]]) -> None:
    """A look that sees nothing would find nothing wrong."""
    assert {"baresip-python", "ctranslate2", "pipecat-ai", "psycopg", "python-stdnum", "soundfile", "soxr", "vosk"} <= {
        licences.canonical(name) for name in loaded["packages"]
    }
    assert {"libasound.so", "libc.so", "libctranslate2.so", "libsndfile.so", "libvosk.so"} <= {
        licences.library_name(file) for file in loaded["libraries"]
    }


@pytest.mark.parametrize(
    ("packages", "libraries", "said"),
    [
        (["piper_tts"], [], "piper-tts (GPL-3.0-or-later) is loaded, and belongs into a process of its own"),
        ([], ["espeakbridge.so"], "belongs into the process of piper"),
        ([], ["libreadline.so.8.2"], "libreadline.so.8.2 is loaded, and its licence is not known: add libreadline.so"),
    ],
)
def test_what_may_not_be_loaded_is_named(packages: list[str], libraries: list[str], said: str) -> None:
    (fault,) = licences.not_allowed(packages, libraries, RULES)
    assert said in fault


def test_copyleft_without_a_reason_is_named() -> None:
    rules = licences.known()
    del rules["loaded"]["soxr"], rules["library"]["libquadmath.so"]["reason"]
    unreasoned = list(licences.copyleft_without_reason(rules))
    assert [fault.split(" ", 1)[0] for fault in unreasoned] == ["soxr", "libquadmath.so"]
    assert list(licences.not_allowed(["soxr"], ["libquadmath-96973f99.so.0.0.0"], rules)) == [
        "soxr is loaded, and is under LGPL-2.1-or-later",
        "libquadmath-96973f99.so.0.0.0 is loaded, and is under LGPL-2.1-or-later",
    ]


def test_a_package_whose_licence_nobody_knows_is_named() -> None:
    with pytest.raises(licences.UnknownLicenceError, match="no-such-package is not known: write its SPDX"):
        licences.licence_of("no-such-package", RULES)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("libssl-8248cfc9.so.1.1.1k", "libssl.so"),
        ("libgfortran-040039e1-0352e75f.so.5.0.0", "libgfortran.so"),
        ("libscipy_openblas64_-32a4b2a6.so", "libscipy_openblas.so"),
        ("libscipy_openblas-6cdc3b4a.so", "libscipy_openblas.so"),
        ("libsndfile_x86_64.so", "libsndfile.so"),
        ("libpython3.11.so.1.0", "libpython.so"),
        ("libsqlite3.so.0.8.6", "libsqlite.so"),
        ("ld-linux-x86-64.so.2", "ld-linux.so"),
        ("libstdc++.so.6.0.30", "libstdc++.so"),
        ("libpng16-1d1ba958.so.16.58.0", "libpng16.so"),
        ("libkrb5-f18b4d11.so.3.3", "libkrb5.so"),
    ],
)
def test_a_library_is_known_whatever_its_version(file: str, name: str) -> None:
    assert licences.library_name(file) == name


def test_every_shared_object_that_a_locked_wheel_carries_is_on_the_page() -> None:
    known, locked = RULES["library"], licences.locked()
    carried = {
        licences.library_name(file.name): package.name
        for package in distributions()
        if licences.canonical(package.name) in locked
        for file in package.files or []
        if ".so" in file.suffixes and ".cpython-" not in file.name and ".abi3." not in file.name
    }
    assert {name: owner for name, owner in carried.items() if name not in known} == {}
    assert {"libsndfile.so", "libgomp.so", "libpq.so"} <= set(carried)
