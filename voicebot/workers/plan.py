"""What each of several processes of calls gets of the machine: a SIP port and a share of the RTP ports."""

from __future__ import annotations

from pydantic import Secret

from voicebot.config.settings import Settings
from voicebot.endpoints.asterisk.settings import port_of_worker
from voicebot.errors import ConfigError

PORT_STEP = 2
"""Between the SIP ports of two workers: the stack listens for TLS on the port above its own."""


def worker_settings(settings: Settings, state_url: str) -> list[Settings]:
    """The settings of `settings.workers` processes that share a state server, a database and `data_dir`, and are told apart by
    their ports. Limits count for each. Raises ConfigError when the ports do not suffice.
    """
    count, sip = settings.workers, settings.sip
    last = sip.port + PORT_STEP * (count - 1)
    if sip.port and last > 65534:
        raise ConfigError(f"workers: {count} workers have SIP ports from {sip.port} to {last}; set sip.port to a lower one")
    low, high = sip.rtp_ports
    share = (high - low) // count
    needed = (4 if settings.bridges else 2) * settings.limits.max_calls
    if share <= needed:
        raise ConfigError(
            f"workers: each of {count} workers has {share} of the RTP ports {low}-{high}, and its {settings.limits.max_calls} "
            f"calls need more than {needed}. Set sip.rtp_ports to a wider range, or limits.max_calls or workers to less."
        )
    return [
        settings.model_copy(
            update={
                "workers": 1,
                "state": settings.state.model_copy(update={"redis_url": Secret(state_url)}),
                "sip": sip.model_copy(
                    update={
                        "port": sip.port + PORT_STEP * each if sip.port else 0,
                        "rtp_ports": (low + each * share, low + (each + 1) * share - 1),
                    }
                ),
                "asterisk": settings.asterisk.of_worker(each),
                "carriers": settings.carriers.model_copy(update={"port": port_of_worker(settings.carriers.port, each)}),
                "health": settings.health.model_copy(update={"host": "127.0.0.1", "port": 0}),
            }
        )
        for each in range(count)
    ]
