"""Models are fetched over HTTP, checked, unpacked into their own folder and nowhere else."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from audio.checksums import SUMS
from audio.errors import ModelError
from audio.models import MODELS, ModelShelf
from audio.recognisers.weights import WHISPER_BASE

VOSK = "vosk-model-small-pl-0.22"


@dataclass
class Mirror:
    """A server on loopback. `cut` bytes of a file are sent and then the line drops, once; `asked` keeps the Range headers."""

    files: dict[str, bytes] = field(default_factory=dict)
    cut: int | None = None
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


def handler_of(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mirror.asked.append(self.headers["Range"])
            content = mirror.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            tag = f'"{hashlib.sha256(content).hexdigest()[:8]}"'
            start = 0
            if self.headers["Range"] and self.headers["If-Range"] == tag:
                start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start else 200)
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end, mirror.cut = mirror.cut, None
            self.wfile.write(content[start:end])

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    served = Mirror()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(served))
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def shelf(tmp_path: Path) -> ModelShelf:
    return ModelShelf(tmp_path / "models", tmp_path / "cache")


def archive(members: dict[str, bytes], *, link: str | None = None) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
        if link is not None:
            member = zipfile.ZipInfo(link)
            member.external_attr = 0o120777 << 16
            file.writestr(member, "/etc/passwd")
    return packed.getvalue()


GOOD = archive({f"{VOSK}/am/final.mdl": b"acoustics" * 5000, f"{VOSK}/conf/mfcc.conf": b"--num-ceps=40"})


def test_a_model_is_fetched_unpacked_and_verified(shelf: ModelShelf, mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["/pl.zip"] = GOOD
    steps: list[tuple[int, int]] = []
    fetched = shelf.fetch(VOSK, url=f"{mirror.url}/pl.zip", progress=lambda done, total: steps.append((done, total)))
    assert fetched.path == tmp_path / "models" / VOSK
    assert (fetched.path / "am" / "final.mdl").read_bytes() == b"acoustics" * 5000
    assert fetched.sha256 == hashlib.sha256(GOOD).hexdigest()
    assert steps[-1] == (len(GOOD), len(GOOD))
    assert shelf.verify(VOSK).ok is True
    assert {state.spec.name: state.sha256 for state in shelf.states()}[VOSK] == fetched.sha256, "to be given to all others"
    assert [path.name for path in (tmp_path / "models").iterdir()] == [VOSK], "nothing else is left"


PARAKEET = "sherpa-onnx-nemo-parakeet-tdt-0.6b-v3-int8"


def tar(members: dict[str, bytes], *, link: str | None = None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:bz2") as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
        if link is not None:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            file.addfile(member)
    return packed.getvalue()


def test_a_model_of_sherpa_comes_as_tar(shelf: ModelShelf, mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["/parakeet"] = tar({f"{PARAKEET}/tokens.txt": b"tak 0", f"{PARAKEET}/encoder.int8.onnx": b"e"})
    fetched = shelf.fetch(PARAKEET, url=f"{mirror.url}/parakeet")
    assert (fetched.path / "tokens.txt").read_bytes() == b"tak 0"
    assert shelf.verify(PARAKEET).ok is True
    (fetched.path / "encoder.int8.onnx").unlink()
    assert "encoder.int8.onnx is missing" in shelf.verify(PARAKEET).detail


@pytest.mark.parametrize(
    "evil",
    [
        tar({"../outside": b"x"}),
        tar({"/etc/outside": b"x"}),
        tar({"m/a": b"x"}, link="m/link"),
        b"no tar",
        tar({"m/a": b"x"})[:40],
    ],
)
def test_a_tar_that_is_broken_or_leads_out_of_its_folder_is_refused(
    shelf: ModelShelf, mirror: Mirror, tmp_path: Path, evil: bytes
) -> None:
    mirror.files["/parakeet"] = evil
    with pytest.raises(ModelError):
        shelf.fetch(PARAKEET, url=f"{mirror.url}/parakeet")
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "models" / PARAKEET).exists()


def test_an_interrupted_download_is_taken_up_again(shelf: ModelShelf, mirror: Mirror) -> None:
    mirror.files["/pl.zip"] = GOOD
    mirror.cut = 200
    with pytest.raises(ModelError, match="cannot be reached"):
        shelf.fetch(VOSK, url=f"{mirror.url}/pl.zip")
    assert shelf.fetch(VOSK, url=f"{mirror.url}/pl.zip").sha256 == hashlib.sha256(GOOD).hexdigest()
    assert mirror.asked == [None, "bytes=200-"]


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(shelf: ModelShelf, mirror: Mirror) -> None:
    mirror.files["/pl.zip"] = archive({f"{VOSK}/am/final.mdl": b"another version" * 100})
    mirror.cut = 200
    with pytest.raises(ModelError, match="cannot be reached"):
        shelf.fetch(VOSK, url=f"{mirror.url}/pl.zip")
    mirror.files["/pl.zip"] = GOOD
    assert shelf.fetch(VOSK, url=f"{mirror.url}/pl.zip").sha256 == hashlib.sha256(GOOD).hexdigest()


def test_the_operators_sum_is_enforced(shelf: ModelShelf, mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["/pl.zip"] = GOOD
    right = hashlib.sha256(GOOD).hexdigest()
    with pytest.raises(ModelError, match=f"has sha256 {right}, not {'0' * 64}"):
        shelf.fetch(VOSK, url=f"{mirror.url}/pl.zip", sha256="0" * 64)
    assert list((tmp_path / "models").iterdir()) == [], "a wrong file is not kept"
    assert shelf.fetch(VOSK, url=f"{mirror.url}/pl.zip", sha256=right.upper()).sha256 == right


@pytest.mark.parametrize(
    "evil",
    [
        archive({"../outside": b"x"}),
        archive({"model/../../outside": b"x"}),
        archive({"/etc/outside": b"x"}),
        archive({"model\\..\\..\\outside": b"x"}),
        archive({"model/am/final.mdl": b"x"}, link="model/link"),
    ],
)
def test_an_archive_that_leads_out_of_its_folder_is_refused(
    shelf: ModelShelf, mirror: Mirror, tmp_path: Path, evil: bytes
) -> None:
    mirror.files["/pl.zip"] = evil
    with pytest.raises(ModelError, match="leads out of its folder"):
        shelf.fetch(VOSK, url=f"{mirror.url}/pl.zip")
    assert not (tmp_path / "models" / VOSK).exists()
    assert not list(tmp_path.rglob("outside"))


def test_a_broken_archive_leaves_the_model_that_was_there(shelf: ModelShelf, mirror: Mirror) -> None:
    mirror.files |= {"/good.zip": GOOD, "/bad.zip": GOOD[:-50]}
    shelf.fetch(VOSK, url=f"{mirror.url}/good.zip")
    with pytest.raises(ModelError, match="no archive that can be unpacked"):
        shelf.fetch(VOSK, url=f"{mirror.url}/bad.zip")
    assert shelf.verify(VOSK).ok is True


def test_a_neural_voice_comes_with_its_configuration(shelf: ModelShelf, mirror: Mirror) -> None:
    mirror.files |= {"/pl_PL-voice.onnx": b"network", "/pl_PL-voice.onnx.json": b"{}"}
    shelf.fetch("piper-pl", url=f"{mirror.url}/pl_PL-voice.onnx")
    path = shelf.path(shelf.find("piper-pl"))
    assert path is not None
    assert path.name == "pl_PL-voice.onnx"
    assert path.with_name("pl_PL-voice.onnx.json").read_text() == "{}"
    assert shelf.verify("piper-pl").ok is True


@pytest.mark.parametrize(
    ("harm", "detail"), [(lambda path: path.unlink(), "is missing"), (lambda path: path.write_bytes(b"x"), "has changed")]
)
def test_verifying_finds_what_changed_since(shelf: ModelShelf, mirror: Mirror, harm: object, detail: str) -> None:
    mirror.files["/pl.zip"] = GOOD
    fetched = shelf.fetch(VOSK, url=f"{mirror.url}/pl.zip")
    assert callable(harm)
    harm(fetched.path / "am" / "final.mdl")
    state = shelf.verify(VOSK)
    assert state.ok is False
    assert f"am/final.mdl {detail}: voicebot models fetch {VOSK}" in state.detail


def test_a_model_put_there_by_hand_has_nothing_to_compare_it_with(shelf: ModelShelf, tmp_path: Path) -> None:
    (tmp_path / "models" / VOSK / "am").mkdir(parents=True)
    state = shelf.verify(VOSK)
    assert (state.ok, SUMS in state.detail or "no sum" in state.detail) == (None, True)


def test_the_embedded_model_is_put_together_and_verified(whisper_folder: Path, tmp_path: Path) -> None:
    shelf = ModelShelf(tmp_path, whisper_folder.parent)
    assert shelf.fetch("whisper-base").path == whisper_folder
    state = shelf.verify("whisper-base")
    assert (state.ok, state.sha256) == (True, WHISPER_BASE.sha256)


def test_the_embedded_voice_is_verified(shelf: ModelShelf) -> None:
    assert shelf.verify("piper-en_US-joe-medium").ok is True


def test_the_list_names_every_model_and_whether_it_is_here(shelf: ModelShelf) -> None:
    states = {state.spec.name: state.detail for state in shelf.states()}
    assert list(states) == [spec.name for spec in MODELS]
    assert states[VOSK] == "not here"
    assert states["piper-en_US-joe-medium"] == "here"
    assert states["whisper-base"] == "in its packages", "put together at the first start: nothing is to be fetched"
    assert shelf.verify(VOSK).detail == f"not here: voicebot models fetch {VOSK}"


def test_no_network_is_an_error_with_the_way_round(shelf: ModelShelf) -> None:
    with pytest.raises(ModelError, match=r"cannot be reached .* give its address with --url"):
        shelf.fetch(VOSK, url="http://127.0.0.1:9/pl.zip")


@pytest.mark.parametrize("url", ["not a url", "ftp://example.com/pl.zip", "http://"])
def test_a_bad_address_is_an_error(shelf: ModelShelf, url: str) -> None:
    with pytest.raises(ModelError):
        shelf.fetch(VOSK, url=url)


def test_a_file_the_server_lacks_is_an_error(shelf: ModelShelf, mirror: Mirror) -> None:
    with pytest.raises(ModelError, match="answered 404: check the address"):
        shelf.fetch(VOSK, url=f"{mirror.url}/gone.zip")


def test_a_folder_that_cannot_be_written_is_an_error(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["/pl.zip"] = GOOD
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="cannot be written"):
        ModelShelf(tmp_path / "models", tmp_path).fetch(VOSK, url=f"{mirror.url}/pl.zip")


@pytest.mark.parametrize(("name", "why"), [("vosk-model-tlh", "known are whisper-base"), ("piper-pl", "give one with --url")])
def test_what_cannot_be_fetched_says_why(shelf: ModelShelf, name: str, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        shelf.fetch(name)
