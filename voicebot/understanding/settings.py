"""What an operator sets about understanding: the section `nlu` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, Secret, SecretStr, StringConstraints, model_validator

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]


class NluSettings(BaseModel):
    """Understanding. With backend rasa the in-process model answers for languages without a server, and where it is too slow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: Literal["local", "rasa"] = "local"
    pack: Path | None = None
    """The folder of training data (none: the default pack)."""
    cache_dir: Path | None = None
    """Keeps trained models."""
    semantic: bool | None = None
    """Sentence embeddings: true demands them, false leaves them out, none takes them when their package is installed."""
    rasa_url: Secret[HttpUrl] | None = None
    """A Rasa server for all languages. It may hold a password, so it is never shown."""
    rasa_urls: Mapping[Language, Secret[HttpUrl]] = {}
    """Servers for a language of their own."""
    rasa_token: SecretStr | None = None
    rasa_timeout_s: Annotated[float, Field(gt=0, le=5)] = 0.15

    @model_validator(mode="after")
    def _rasa_needs_a_url(self) -> NluSettings:
        if self.backend == "rasa" and self.rasa_url is None and not self.rasa_urls:
            raise ValueError("backend rasa needs rasa_url; write it like http://127.0.0.1:5005")
        return self

    def rasa_url_for(self, language: str) -> str | None:
        """Where the Rasa server of a language is, if there is one."""
        url = self.rasa_urls.get(language, self.rasa_url)
        return str(url.get_secret_value()) if url is not None else None
