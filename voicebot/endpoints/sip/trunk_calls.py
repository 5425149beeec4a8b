"""What a trunk changes in its calls inside the stack: our address as it sees us behind NAT (Contact: RFC 3261, 8.1.1.8; SDP: RFC
4566, 5.7), and when silence ends them.
"""

from __future__ import annotations

import ctypes
import logging

from voicebot.endpoints.sip.stack import StackMessage, read_address, stack
from voicebot.endpoints.sip.trunks import Trunk

log = logging.getLogger(__name__)


def contact_at(message: StackMessage, address: str, ports: tuple[int, int]) -> None:
    """STACK'S THREAD. The answer's Contact names this IP address: the stack takes it from where the request came in. `ports` are
    those that we listen on, and prove that the place is read rightly.
    """
    place = message.address + stack().sa_struct_get_size()
    here, port = read_address(place)
    if port in ports and (":" in here) == (":" in address):
        stack().sa_set_str(place, address.encode(), port)
    else:
        log.debug("sip: the Contact of a call stays as it is: the stack received it at %s", here)


def follow_trunk(call_id: str, trunk: Trunk) -> None:
    """STACK'S THREAD. A call that is not answered yet goes by its trunk: the address in its SDP, and when silence ends it."""
    library = stack()
    call = library.uag_call_find(call_id.encode())
    stream = library.audio_strm(library.call_audio(call)) if call else None
    if not stream:
        return
    if trunk.rtp_stop_timeout_s is not None:
        library.call_enable_rtp_timeout(call, 1000 * trunk.rtp_stop_timeout_s)
    if trunk.external_address is not None:
        media = library.stream_sdpmedia(stream)
        _, port = read_address(library.sdp_media_laddr(media))
        changed = ctypes.create_string_buffer(library.sa_struct_get_size())
        if port and not library.sa_set_str(changed, trunk.external_address.encode(), port):
            library.sdp_media_set_laddr(media, changed)
