"""The load bench's own arithmetic, and one small step of it with real calls."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bench.load import sipp
from bench.load.bot import Resources
from bench.load.model import Machine, OneCall, sizing, sizing_table
from bench.load.rtp import KEYS_TYPE, Gaps, _stops, _worst, caller_rtp
from bench.load.steps import Row, judged
from bench.load.tables import busy, knee, row_table, write
from bench.soak import Soaked, judge, kinds, told
from voicebot.endpoints.sip.tracing.pcap import capture_file, udp_frame


def row(calls: int, **changes: object) -> Row:
    good = Row(calls, 4, calls, 0, 4, 9, 0, calls, calls, Gaps([25.0] * calls), 2.0, {"service": 0.2}, 0.02, 20, 25, 0.5)
    return judged(replace(good, **changes))  # type: ignore[arg-type]


def test_the_caller_s_rtp_is_one_stream_with_its_keys(tmp_path: Path) -> None:
    (tmp_path / "caller.pcap").write_bytes(caller_rtp(2.0, [(0.5, "7"), (1.0, "*")]))
    content = (tmp_path / "caller.pcap").read_bytes()
    sequences, events, at = [], [], 24
    while at < len(content):
        length = struct.unpack_from("=I", content, at + 8)[0]
        rtp = content[at + 16 + 42 : at + 16 + length]
        kind, sequence = rtp[1] & 0x7F, int.from_bytes(rtp[2:4])
        sequences.append(sequence)
        if kind == 101:
            events.append((rtp[12], rtp[13] >> 7))
        at += 16 + length
    assert sequences == list(range(len(sequences)))
    assert len(sequences) == 100
    assert events == [(7, 0)] * 3 + [(7, 1)] * 3 + [(10, 0)] * 3 + [(10, 1)] * 3


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
def test_other_programs_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "caller.pcap"
    file.write_bytes(caller_rtp(0.2, []))
    read = subprocess.run(["/usr/bin/tcpdump", "-n", "-r", str(file)], capture_output=True, text=True, check=True).stdout
    assert read.count("UDP, length 172") == 10


def test_the_worst_gap_of_each_stream_is_found() -> None:
    def packet(at: float, ssrc: int, kind: int = 8) -> tuple[float, bytes]:
        payload = struct.pack("!BBHII", 0x80, kind, 1, 1, ssrc) + bytes(160)
        return at, udp_frame(("127.0.0.1", 25000), ("127.0.0.1", 40000), payload)

    even = [packet(0.02 * number, 1) for number in range(100)]
    torn = [packet(0.02 * number + (0.2 if number > 50 else 0), 2) for number in range(100)]
    reports = [packet(0.02 * number, 3, kind=72) for number in range(100)]  # RTCP is no stream
    worst = sorted(_worst(capture_file([*even, *torn, *reports])))
    assert worst == pytest.approx([20, 220], abs=1)


def test_how_long_the_bot_is_heard_after_a_key_and_after_a_word() -> None:
    loud, quiet, key, other = b"\x2a" * 160, b"\xd5" * 160, bytes((7, 10, 0, 160)), bytes((1, 10, 0, 160))

    def call(port: int, asked_at: float, heard_until: float, over_it: bytes, kind: int) -> list[tuple[float, bytes]]:
        frames = []
        for number in range(50):
            at = number * 0.02
            bot = struct.pack("!BBHII", 0x80, 8, number, number * 160, port) + (loud if at < heard_until else quiet)
            sent = over_it if at >= asked_at else quiet
            head = struct.pack(
                "!BBHII", 0x80, kind if at >= asked_at else 8, number, 160 if kind == KEYS_TYPE else number * 160, 1
            )
            frames.append((at, udp_frame(("127.0.0.1", 22000), ("127.0.0.1", port), bot)))
            frames.append((at + 0.001, udp_frame(("127.0.0.1", port), ("127.0.0.1", 22000), head + sent)))
        return [(began + at, frame) for at, frame in frames]

    began = 1.0
    older = [(0.1, udp_frame(("127.0.0.1", 47000), ("127.0.0.1", 22002), struct.pack("!BBHII", 0x80, 8, 1, 1, 1) + loud))]
    frames = older + call(40000, 0.2, 0.26, key, KEYS_TYPE) + call(40002, 0.4, 0.52, loud, 8) + call(47000, 0.4, 0.6, loud, 8)
    frames += call(40004, 0.2, 0.66, other, KEYS_TYPE)  # the bot's next words follow at once
    stops = _stops(capture_file(sorted(frames)), (22000, 23999), "78")
    assert stops.key_ms == pytest.approx([59], abs=1)
    assert stops.speech_ms == pytest.approx([119, 199], abs=1)


def test_a_step_that_lost_something_is_above_the_knee() -> None:
    rows = [row(10), row(20), row(40, keys=39), row(60, answer_p95_ms=900.0)]
    assert [each.good for each in rows] == [True, True, False, False]
    assert knee(rows, "calls at once") == "20 calls at once held up; at 40: 1 keys lost."
    assert "39 of 40" in row_table(rows, "calls at once")
    assert row(100, gaps=Gaps([70.0, 70.0] + [20.0] * 98)).troubles == ["2 calls with a gap over 60 ms"]


def test_a_busy_machine_is_told_of() -> None:
    assert busy([0.1, 0.4]) == ""
    assert "load up to 900" in busy([0.1, 900.0])


def test_a_table_is_put_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- measured: held -->\nold\n<!-- end -->\nb\n<!-- measured: rate -->\n<!-- end -->\n")
    write("held", "new", page)
    assert page.read_text() == "a\n<!-- measured: held -->\nnew\n<!-- end -->\nb\n<!-- measured: rate -->\n<!-- end -->\n"
    with pytest.raises(ValueError, match="no mark"):
        write("other", "x", page)


def test_the_page_of_capacity_has_a_place_for_each_table() -> None:
    page = Path("docs/capacity.md").read_text(encoding="utf-8")
    for name in ("held", "rate", "speaking", "sizing", "soak"):
        assert f"<!-- measured: {name} -->" in page


def test_the_model_follows_its_formulas() -> None:
    call = OneCall(cores=0.01, utterance_s=0.5, utterances=2, redis=30, rows=25, seconds=50)
    found = sizing(10_000, call, Machine(cores=16, filled=0.5, process_calls=50, idle_redis=4, busy_hours=10))
    assert found.new_per_s == 200
    assert (found.media_cores, found.recogniser_cores) == (100, 200)
    assert found.machines == 38  # 300 cores of 8 each
    assert found.processes == 200
    assert found.redis_per_s == 200 * 30 + 200 * 4
    assert found.rows_per_day == 200 * 25 * 36_000
    assert "recogniser" in found.gives_first
    assert "10,000" in sizing_table([found])


def resources(at: float, **changes: float) -> Resources:
    held = Resources(at, 400.0, 50, 120, 10, 5, 5)
    return replace(held, **changes)  # type: ignore[arg-type]


def soaked(**last: float) -> Soaked:
    before = resources(0, ports=0, slots=0, legs=0)
    during = [resources(number) for number in range(80)]
    rests = [replace(before, at=50.0), replace(before, at=100.0, **last)]  # type: ignore[arg-type]
    return Soaked(5000, 30, before, during, rests, {"handed_over": 1}, {"cancelled": 1})


@pytest.mark.parametrize(("megabytes", "flat"), [(400.0, True), (405.0, True), (440.0, False)])
def test_growth_is_told_from_noise(megabytes: float, flat: bool) -> None:
    grew = "memory at rest grew from 400 to 440 MB with the second half of the calls"
    assert judge(soaked(rss_mb=megabytes)) == ([] if flat else [grew])


def test_what_stays_after_the_last_call_is_told() -> None:
    left = soaked()
    left.rests[-1] = replace(left.rests[-1], slots=1)
    assert judge(left) == ["slots: 1 more after the last call than before the first"]
    left.troubles = judge(left)
    assert "NOT flat" in told(left)
    assert "Flat" in told(soaked())


def test_every_kind_of_call_is_a_scenario_that_xml_can_hold() -> None:
    import xml.etree.ElementTree as ElementTree

    for steps in kinds("/a.pcap", "/b.pcap").values():
        found = ElementTree.fromstring(f"<scenario>{steps}</scenario>")
        assert found.find("send") is not None
    assert sipp.Placed(answer_ms=[1, 2, 3, 100]).answer_at(0.95) == 100
