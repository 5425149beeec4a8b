"""Calls in numbers: how many this machine holds, and where the knee is; sipp calls with real RTP and keys."""
