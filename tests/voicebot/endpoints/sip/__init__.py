"""The telephone edge, tested on the wire: raw SIP and RTP from this process, and the scripted caller from another."""
