"""Who may send a call's media: everybody else's RTP and RTCP is dropped by the kernel, before it can be noise or a key.

A call's sockets first hear its media networks (`media_sources`). The first RTP packet that comes from there decides: from then on
only its sender (address and port) and its SSRC are heard, and of RTCP its address (latching, RFC 7362, 5). A re-INVITE opens the
media networks again. So does silence: after a second a new SSRC of the same sender is taken, after ten another sender. Only
packets before such a decision cost a call into Python; all later ones are the kernel's work.

Who was first need not be the caller: a packet from where the call's SDP wants ours (address and port) wins over another sender.
Watching for it means looking at every packet, so it is done for half a second after the decision, and again when the kernel has
dropped something, a second later at the earliest. A caller behind a NAT, whose SDP names an address that never sends, is heard by
latching alone.

With SRTP the first packet proves nothing: whoever is within the media networks may have sent it without the key. Of a sender
whose packets the stack has all thrown away for a second nothing is taken for ten: the caller's next packet decides anew.

Calls with ICE are left alone: they ask every sender for a password (RFC 8445).
"""

from __future__ import annotations

import ctypes
import logging
import struct
import time
from collections.abc import Callable

from baresip import Event

from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.sip.media_filter import borrowed
from voicebot.endpoints.sip.media_heard import Media, Sender, has_srtp, is_rtp, signalled
from voicebot.endpoints.sip.media_sources import MediaSources
from voicebot.endpoints.sip.peers import attach, dropped
from voicebot.endpoints.sip.stack import (
    TIMER_BYTES,
    Buffer,
    OnDatagram,
    OnEvent,
    OnTimer,
    SocketWatch,
    calls,
    media_sockets,
    read_address,
    stack,
)

log = logging.getLogger(__name__)

LOOK_EVERY_MS = 250
WATCH_S = 0.5
"""So long every packet is looked at, for one from where the SDP wants ours."""
WATCH_AGAIN_S = 1.0
"""And not again before so long: watching is work in Python for each packet."""
NEW_SSRC_S = 1.0
"""A sender that has been silent for so long may go on with another SSRC."""
NEW_SENDER_S = 10.0
"""A call whose sender has been silent for so long may be sent to by another."""
NO_KEY_S = 10.0
"""With SRTP, a sender none of whose packets the stack could read is not taken again for so long."""
_BEFORE_OTHERS = -1000  # the helper's layer: before SRTP
_DECIDING = (Event.CALL_INCOMING, Event.CALL_REMOTE_SDP, Event.CALL_LOCAL_SDP)
_LOG_EVERY_S = 5.0
_WHY_EXCEPT = "a media socket could not be guarded"


class MediaGate:
    """Guards the audio of every call from `start` until `stop`; all work is done on the stack's thread.

    `turned_away` counts datagrams dropped.
    """

    def __init__(self, sources: Callable[[str], MediaSources], offered_by: Callable[[], str]) -> None:
        """`sources` tells by the INVITE's sender, `offered_by` who sent the INVITE that is being read."""
        self._sources = sources
        self._offered_by = offered_by
        self._media: dict[int, Media] = {}
        self._by_socket: dict[int, Media] = {}
        self._gone = 0
        self._next_line = 0.0
        # the stack keeps these: they must live as long as it does
        self._timer = ctypes.create_string_buffer(TIMER_BYTES)
        self._on_event, self._on_timer = OnEvent(self._event), OnTimer(self._look)
        self._on_datagram = OnDatagram(self._datagram)

    @property
    def turned_away(self) -> int:
        """Of strangers, and of wrong SSRCs."""
        return self._gone + sum(media.turned_away for media in tuple(self._media.values()))

    def start(self) -> None:
        """STACK'S THREAD. Begin. Raises EndpointError."""
        if error := stack().bevent_register(self._on_event, None):
            raise EndpointError(f"the SIP stack does not tell its events: error {error}")
        self._look_again()

    def stop(self) -> None:
        """STACK'S THREAD. Stop; calls that are left keep the filters they have."""
        stack().tmr_cancel(self._timer)
        stack().bevent_unregister(self._on_event)
        for media in tuple(self._media.values()):
            self._leave(media)

    def _look_again(self) -> None:
        stack().tmr_start_dbg(self._timer, LOOK_EVERY_MS, self._on_timer, None, b"media", 0)

    def _event(self, number: int, event: int, _: object) -> None:
        try:
            if number in _DECIDING:
                self._trust_anew(stack().bevent_get_call(event))
                self._open(stack().bevent_get_call(event))
            elif number == Event.CALL_CLOSED and (media := self._media.get(stack().bevent_get_call(event) or 0)):
                self._leave(media)
        except Exception:  # an exception must not get into the stack
            log.exception(_WHY_EXCEPT)

    def _open(self, call: int | None) -> None:
        """Hear the call's media networks: it is new, or has been renegotiated."""
        if not call:
            return
        media = self._media.get(call) or self._new(call)
        if media is None:
            return
        media.signalled = signalled(call)
        media.allowed = media.sources.with_address(media.signalled[0])
        if media.signalled[0] and not media.is_allowed(media.signalled[0]):
            self._note_elsewhere(media)
        media.sender, media.ssrc, media.silent_looks, media.watched_looks = ("", 0), None, 0, 0
        self._filter(media)
        self._look_at_packets(media)

    def _new(self, call: int) -> Media | None:
        library = stack()
        rtp, rtcp = media_sockets(call)
        if not rtp or library.account_medianat(library.call_account(call)):
            return None
        sender = "" if library.call_is_outgoing(call) else self._offered_by()
        media = Media(call, rtp, rtcp, self._sources(sender))
        self._media[call] = self._by_socket[rtp] = media
        return media

    def _look_at_packets(self, media: Media) -> None:
        if media.watch is not None:
            return
        media.watch = SocketWatch.begin(media.rtp, _BEFORE_OTHERS, self._on_datagram)
        if media.watch is None:
            log.error("%s: it cannot be latched", _WHY_EXCEPT)

    def _datagram(self, source: int, buffer: int, socket: int) -> bool:
        """Whether the datagram is dropped. The first RTP packet of one who may send decides who is heard."""
        try:
            media = self._by_socket.get(socket)
            if media is None or media.watch is None:
                return False
            sender = read_address(source)
            packet = Buffer.from_address(buffer).left
            if not media.may_send(sender):
                return True  # it came before the filter was there
            if not is_rtp(packet):
                return False
            if time.monotonic() < media.keyless.get(sender, 0.0):
                return True
            (ssrc,) = struct.unpack_from("!I", packet, 8)
            if (sender, ssrc) != (media.sender, media.ssrc):
                self._take(media, sender, ssrc)
        except Exception:
            log.exception(_WHY_EXCEPT)
        return False

    def _take(self, media: Media, sender: Sender, ssrc: int) -> None:
        """From now on they are heard, and the signalled sender in their place if that one sends."""
        media.sender, media.ssrc, media.silent_looks, media.packets_before = sender, ssrc, 0, media.packets
        if media.is_in_anothers_place:
            self._watch(media)
        else:
            self._watch_no_more(media)

    def _watch(self, media: Media) -> None:
        self._look_at_packets(media)
        # without a watch two would be heard at once
        media.watched_looks = round(WATCH_S * 1000 / LOOK_EVERY_MS) if media.watch is not None else 0
        self._filter(media)

    def _watch_no_more(self, media: Media) -> None:
        media.watched_looks, media.looks_to_watch = 0, round(WATCH_AGAIN_S * 1000 / LOOK_EVERY_MS)
        self._filter(media)
        self._ignore_packets(media)

    def _look(self, _: object) -> None:
        """The timer: who has fallen silent, and which calls are over."""
        try:
            there = set(calls(lambda call: call in self._media))
            for call, media in tuple(self._media.items()):
                if call in there:
                    self._look_at(media)
                else:
                    self._leave(media)
        except Exception:
            log.exception("media cannot be watched")
        finally:
            self._look_again()

    def _look_at(self, media: Media) -> None:
        library = stack()
        before = media.turned_away
        with borrowed(library.udp_sock_fd(media.rtp)) as sock:
            media.turned_away = dropped(sock)
        packets = library.stream_metric_get_rx_n_packets(library.audio_strm(library.call_audio(media.call)))
        media.silent_looks = 0 if packets != media.packets else media.silent_looks + 1
        media.packets = packets
        if signalled(media.call) != media.signalled:  # an answer in the ACK is told by no event
            self._open(media.call)
        elif media.sender[0] and media.silent_looks == round(NEW_SSRC_S * 1000 / LOOK_EVERY_MS):
            self._after_a_second(media)
        elif media.sender[0] and media.silent_looks == round(NEW_SENDER_S * 1000 / LOOK_EVERY_MS):
            self._open(media.call)
        elif media.is_in_anothers_place and media.ssrc is not None:
            self._look_for_signalled(media, turned_away=media.turned_away != before)

    def _look_for_signalled(self, media: Media, *, turned_away: bool) -> None:
        """Watch for them a while, and again when somebody was turned away: it may have been they."""
        if media.watched_looks:
            media.watched_looks -= 1
            if not media.watched_looks:
                self._watch_no_more(media)
        elif media.looks_to_watch:
            media.looks_to_watch -= 1
        elif turned_away:
            self._watch(media)

    def _after_a_second(self, media: Media) -> None:
        """The sender is silent, or was never read: another SSRC of theirs is taken, or nothing more of them."""
        if self._unread(media):
            self._distrust(media)
        else:
            media.ssrc = None
            self._filter(media)
            self._look_at_packets(media)

    def _unread(self, media: Media) -> bool:
        """Whether the call has SRTP, and the stack could read nothing of the sender that was taken."""
        return media.packets == media.packets_before and has_srtp(media.call)

    def _trust_anew(self, call: int | None) -> None:
        """The call is renegotiated: what could not be read before may be read now."""
        if (media := self._media.get(call or 0)) is not None:
            media.keyless.clear()

    def _distrust(self, media: Media) -> None:
        """Take nothing of this sender for a while; whoever sends next decides anew."""
        now = time.monotonic()
        media.keyless = {each: until for each, until in media.keyless.items() if until > now}
        media.keyless[media.sender] = now + NO_KEY_S
        self._open(media.call)

    def _leave(self, media: Media) -> None:
        self._gone += media.turned_away
        self._media.pop(media.call, None)
        self._by_socket.pop(media.rtp, None)
        self._ignore_packets(media)

    def _ignore_packets(self, media: Media) -> None:
        if media.watch is not None:
            watch, media.watch = media.watch, None
            watch.end()

    def _note_elsewhere(self, media: Media) -> None:
        now = time.monotonic()
        if now >= self._next_line:
            self._next_line = now + _LOG_EVERY_S
            log.warning(
                "sip: a call's SDP names %s for its media, which is not in its trunk's media_peers: only they are heard",
                media.signalled[0],
            )

    def _filter(self, media: Media) -> None:
        rtp, rtcp = media.filters()
        for sock, program in ((media.rtp, rtp), (media.rtcp, rtcp)):
            if sock and (program is rtp or sock != media.rtp):
                with borrowed(stack().udp_sock_fd(sock)) as guarded:
                    attach(guarded, program)
