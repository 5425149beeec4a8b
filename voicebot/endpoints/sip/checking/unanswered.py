"""Why a test call was not answered. The stack's own words do not tell a far end that is not there from one that rings, sends the
call elsewhere, or answers another one: what came over the wire does.
"""

from __future__ import annotations

from collections.abc import Sequence

from voicebot.endpoints.errors import DialFailed
from voicebot.endpoints.sip.checking.findings import Finding, Notes
from voicebot.endpoints.sip.trace import SipMessage, header_values

_TODO = {
    401: "it asks for a password: let this machine's address in without, or register",
    403: "it does not let us call that number: allow it for this trunk",
    404: "it does not know the number: name another with --to",
    407: "it asks for a password: let this machine's address in without, or register",
    486: "the number is busy: name another with --to",
    488: "no codec or media encryption in common: compare sip.codecs and sip.media_encryption with its own",
}
_REACHABLE = "see that the address is right, and that it lets this machine in"


def unanswered(notes: Notes, to: str, ring_s: float, error: DialFailed, heard: Sequence[tuple[str, SipMessage]]) -> Finding:
    """`to` was called for `ring_s` at most; `heard` are the messages of the stack's trace."""
    answers = [(record, said) for record, said in heard if said.received and said.method == "INVITE" and said.status]
    last, status = (answers[-1][0], answers[-1][1].status) if answers else ("", 0)
    what, todo = _seen(last, status, ring_s, error)
    return notes.failed("test call", f"{to} was not answered: {what}", todo)


def _seen(last: str, status: int, ring_s: float, error: DialFailed) -> tuple[str, str]:
    """What happened, and what to do, by the last response."""
    late, why = error.reason == "timeout", " ".join(str(error).split())
    match status // 100:
        case 0 if late:
            return f"nothing came back within {ring_s:.0f} s", f"{_REACHABLE}, and that no firewall lies between"
        case 1 if late and status < 180:
            return (
                f"{status}, and nothing more within {ring_s:.0f} s",
                "it has the call and finds nobody for it: look at its route to that number",
            )
        case 1 if late:
            return f"it rang for {ring_s:.0f} s", "name another number with --to"
        case 2:
            return (
                f"it said {status}, but {'for no call of ours' if late else why}",
                "its answer must have our Via, Call-ID and tag, and audio that we have: look at what lies between, and its SDP",
            )
        case 3:
            where = header_values(last.partition("\n")[2]).get("contact", "an address that it does not name")
            return f"{status}, it sends the call to {where}", "nobody follows that: name it with --to, if it is the bank's"
        case _:
            return why, _TODO.get(error.status, _REACHABLE)
