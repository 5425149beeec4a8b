"""The main job, for real: the service on loopback, and a scripted caller in another process that places SIP calls into it."""
