"""Calls of the bank's app and web pages (WebRTC). Two halves, in two processes, that speak SIP to each other on this machine.

The web process guards the app's offer (`offer`) and sends it as an INVITE to our own stack (`dialog`; who may call is decided by
`voicebot.identity.web_calls`). In the calls' process the stack's second account takes it (`endpoint`, `leg`): ICE, DTLS-SRTP and
Opus are the stack's, and the call is a leg like any other, but no REFER sends it elsewhere: it is bridged. What the ticket said
travels by the state server (`session`), what is shown during the call by the relay.
"""
