"""The demo: the service on loopback, and the softphone in another process that places real SIP calls to it. Imports no cli."""
