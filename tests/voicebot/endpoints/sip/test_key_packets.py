"""One press is one key, whichever of its packets arrive, in whatever order, how often (RFC 4733)."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from voicebot.endpoints.sip.key_packets import KeyEvents, event_place


def packet(event: int, timestamp: int, *, end: bool = False, duration: int = 400, head: int = 0x80, more: bytes = b"") -> bytes:
    rtp = struct.pack("!BBHII", head, 126, 1, timestamp & 0xFFFFFFFF, 7) + more
    return rtp + struct.pack("!BBH", event, end << 7 | 10, duration)


def taken(events: KeyEvents, each: bytes, now: float = 0.0) -> str | None:
    at = event_place(each)
    return events.take(each, at, now) if at is not None else None


def keys(*packets: bytes) -> list[str]:
    events = KeyEvents()
    return [key for each in packets if (key := taken(events, each)) is not None]


@given(
    st.lists(st.sampled_from("0123456789*#"), min_size=1, max_size=8).flatmap(
        lambda pressed: st.tuples(
            st.just(pressed), st.tuples(*[st.sets(st.sampled_from(range(4)), min_size=1) for _ in pressed]), st.randoms()
        )
    )
)
def test_whatever_is_left_of_a_press_tells_of_it_once(case: tuple[list[str], tuple[set[int], ...], object]) -> None:
    """As a browser sends it: one packet at the beginning (0), three at the end."""
    pressed, arrived, random = case
    sent = []
    for number, (key, left) in enumerate(zip(pressed, arrived, strict=True)):
        code = "0123456789*#".index(key)
        sent.append([packet(code, 8000 * number, end=each > 0) for each in sorted(left)])
    for packets in sent:
        random.shuffle(packets)  # type: ignore[attr-defined]
    late = [each for packets in sent for each in packets]  # all of them once more, after everything
    assert keys(*(each for packets in sent for each in packets), *late) == pressed


def test_a_press_that_lasts_longer_than_a_segment_is_one() -> None:
    held = packet(1, 1000, duration=0xFFFF)
    assert keys(held, packet(1, 1000 + 0xFFFF, duration=400), packet(1, 1000 + 0xFFFF, end=True)) == ["1"]
    assert keys(held, packet(1, 90000)) == ["1", "1"]


def test_what_stands_before_the_event_is_passed_over_and_what_is_no_key_is_none() -> None:
    extension = struct.pack("!HHI", 0xBEDE, 1, 0x10FF0000)
    assert keys(packet(5, 1, head=0x90, more=extension)) == ["5"]
    assert keys(packet(5, 1, head=0x92, more=bytes(8) + extension)) == ["5"]
    assert keys(packet(12, 1), packet(16, 2), packet(255, 3)) == []
    for length in range(12, 24):
        assert event_place(packet(5, 1, head=0x9F, more=extension)[:length]) is None


def test_a_gateway_that_gives_each_packet_its_own_time_presses_once() -> None:
    first, second = ([packet(5, begun + 160 * n, end=n > 4, duration=160 * n) for n in range(8)] for begun in (1000, 9000))
    assert keys(*first) == ["5"]
    assert keys(*first, *second) == ["5", "5"]


def test_the_packets_behind_the_one_that_the_stack_told_of_are_no_other_press() -> None:
    """It has taken the first packet itself."""
    events = KeyEvents()
    events.told("1", 10.0)
    assert taken(events, packet(1, 8000, duration=320), 10.02) is None
    assert taken(events, packet(1, 8000, end=True, duration=640), 10.1) is None
    assert taken(events, packet(1, 9600, duration=160), 10.2) == "1", "pressed again"
    events.told("2", 20.0)
    assert taken(events, packet(2, 88000, end=True, duration=8000), 21.0) is None, "a browser tells nothing in between"
    events.told("3", 30.0)  # nothing else of it arrived
    assert taken(events, packet(3, 176000, duration=400), 31.0) == "3"
    events.told("4", 40.0)
    assert taken(events, packet(5, 248000), 40.01) == "5"
