"""`voicebot sip check`: what works between us and a trunk or PBX, what does not, and what to do about it."""
