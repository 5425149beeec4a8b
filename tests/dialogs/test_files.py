"""Whatever a person makes of a file of the bundle: it loads, or every mistake is told with its file and line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialogs.data.bundle import DEFAULT_BUNDLE, load_bundle
from dialogs.data.errors import BundleError

Change = Callable[[bytes], bytes]
EXCEPTION = b"exceptions:\n  - "


def exception(text: bytes) -> Change:
    return lambda data: data.replace(b"exceptions:", EXCEPTION + text, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = tmp_path / "bundle"
    shutil.copytree(DEFAULT_BUNDLE, copied)
    return copied


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        pytest.param(
            "routes.yml",
            lambda b: b.replace(b"timezone:", b"timezone:\x07", 1),
            "routes.yml:3: a character that no text has: U+0007",
            id="bell",
        ),
        pytest.param(
            "flow.yml", lambda b: b[:100] + b"\x00" + b[100:], "flow.yml:1: a character that no text has: U+0000", id="nul"
        ),
        pytest.param("prompts/pl.yml", lambda b: b + b"# \xc2\x85 \x1b[0m", "a character that no text has: U+001B", id="escape"),
        pytest.param(
            "routes.yml",
            exception(b"{date: 2026-02-30, hours: closed, name: x}"),
            "exceptions.0.date: '2026-02-30' is no date. Write it like 2026-12-24",
            id="no such day",
        ),
        pytest.param(
            "routes.yml", exception(b"{date: 2026-03-05 25:61:00, hours: closed, name: x}"), "is no date", id="no such time"
        ),
        pytest.param(
            "prompts/pl.yml",
            lambda b: b.replace(b"valid_from:", b"valid_from: 2026-13-01 #", 1),
            "approval.valid_from: '2026-13-01' is no date",
            id="no such month",
        ),
        pytest.param(
            "routes.yml",
            exception(b"{date: 2026-03-05, until: 2026-03-01, hours: closed, name: x}"),
            "is before 2026-03-05",
            id="ends before it begins",
        ),
        pytest.param(
            "routes.yml",
            exception(b"{date: 2026-03-05, hours: '00:00-00:00', name: x}"),
            "write closed, or 00:00-24:00",
            id="no hours at all",
        ),
        pytest.param(
            "routes.yml",
            lambda b: b"# ours\n%YAML 1.3\n---\n" + b,
            "routes.yml:2: the file says that it is YAML 1.3; only YAML 1.2 is read. Remove the line that begins with %YAML",
            id="another YAML",
        ),
        pytest.param(
            "flow.yml", lambda b: b"%YAML 1.1\n---\n" + b, "flow.yml:1: the file says that it is YAML 1.1", id="old YAML"
        ),
        pytest.param("routes.yml", lambda b: b.replace(b"\n  ", b"\n\t", 3), "not valid YAML", id="tabs"),
        pytest.param("routes.yml", lambda b: b.decode().encode("utf-16"), "Save it as UTF-8", id="utf-16"),
        pytest.param("prompts/pl.yml", lambda b: b.decode().encode("cp1250", "replace"), "Save it as UTF-8", id="cp1250"),
        pytest.param("routes.yml", lambda b: b"", "must be a mapping", id="empty"),
        pytest.param("routes.yml", lambda b: b"- a\n- b\n", "must be a mapping", id="a list"),
        pytest.param("routes.yml", lambda b: b + b"\ntimezone: Europe/Warsaw\n", 'duplicate key "timezone"', id="a key twice"),
        pytest.param("routes.yml", lambda b: b"a: " + b"[" * 3000 + b"]" * 3000, "nested too deeply", id="very deep"),
        pytest.param("routes.yml", lambda b: b + b"\n---\na: 1\n", "another document", id="two documents"),
        pytest.param("routes.yml", lambda b: b + b"\n~: x\n", "Keys should be strings", id="a key that is none"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_what_to_write(folder: Path, file: str, change: Change, said: str) -> None:
    path = folder / file
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BundleError) as raised:
        load_bundle(folder)
    assert said in str(raised.value)
    assert file in str(raised.value)


@pytest.mark.parametrize(
    "change", [lambda b: b"\xef\xbb\xbf" + b, lambda b: b.replace(b"\n", b"\r\n")], ids=["byte order mark", "CRLF"]
)
def test_what_an_editor_of_windows_leaves_is_no_mistake(folder: Path, change: Change) -> None:
    path = folder / "routes.yml"
    path.write_bytes(change(path.read_bytes()))
    assert load_bundle(folder).queues


def test_a_folder_in_place_of_a_file_is_told(folder: Path) -> None:
    (folder / "routes.yml").unlink()
    (folder / "routes.yml").mkdir()
    with pytest.raises(BundleError, match=r"routes\.yml: cannot be read: Is a directory"):
        load_bundle(folder)


def test_a_name_that_is_not_utf_8_is_told(folder: Path) -> None:
    shutil.copy(folder / "prompts" / "uk.yml", Path(os.fsdecode(os.fsencode(folder / "prompts") + b"/ukrai\xf1ski.yml")))
    with pytest.raises(BundleError) as raised:
        load_bundle(folder)
    assert str(raised.value) == r"prompts/ukrai\xf1ski.yml: the name of the file is not UTF-8. Rename it, such as pl.yml"


def test_a_recording_may_be_called_anything(folder: Path) -> None:
    (folder / "recordings").mkdir(exist_ok=True)
    Path(os.fsdecode(os.fsencode(folder / "recordings") + b"/dzie\xf1.wav")).write_bytes(b"")
    assert load_bundle(folder).version


def test_a_file_that_would_be_passed_over_is_told(folder: Path) -> None:
    (folder / "prompts" / "uk.yml").rename(folder / "prompts" / "uk.yaml")
    with pytest.raises(
        BundleError, match=r"prompts/uk\.yaml: only files whose names end in \.yml are read\. Rename it to uk\.yml"
    ):
        load_bundle(folder)


FILES = ("flow.yml", "routes.yml", "prompts/pl.yml")
PIECES = st.sampled_from(
    [
        b"",
        b"\t",
        b"- ",
        b": ",
        b"{",
        b"}",
        b"[",
        b'"',
        b"\x00",
        b"\xff",
        b"&a ",
        b"*a",
        b"!!x ",
        b"2026-02-31",
        b"~",
        b"-1",
        b"1e999",
        b"|",
        b"\n\n",
        b"#",
    ]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FILES), st.floats(0, 1), st.integers(0, 12), PIECES)
def test_any_change_loads_or_is_explained(folder: Path, file: str, where: float, removed: int, put: bytes) -> None:
    path = folder / file
    original = (DEFAULT_BUNDLE / file).read_bytes()
    at = int(where * len(original))
    path.write_bytes(original[:at] + put + original[at + removed :])
    with suppress(BundleError):
        load_bundle(folder)
    path.write_bytes(original)
