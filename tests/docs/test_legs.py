"""The pages of Asterisk and of the carriers name every setting of theirs, with its default where the page shows one."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from tests.docs.tables import DOCS
from voicebot.ami.settings import AmiSettings
from voicebot.endpoints.asterisk.settings import AriSettings, AsteriskSettings, DialplanSettings, MediaSettings
from voicebot.endpoints.carriers.settings import CarriersSettings, GenesysSettings, TelnyxSettings, TwilioSettings
from voicebot.endpoints.leg import TransferTarget
from voicebot.endpoints.streams.variables import variables_of

PAGES: dict[str, tuple[type[BaseModel], ...]] = {
    "asterisk": (AsteriskSettings, AmiSettings, AriSettings, MediaSettings, DialplanSettings),
    "twilio": (TwilioSettings, CarriersSettings),
    "telnyx": (TelnyxSettings,),
    "genesys": (GenesysSettings,),
}


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_is_on_its_page(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    for model in PAGES[page]:
        missing = [name for name in model.model_fields if not re.search(rf"\b{name}\b", text)]
        assert not missing, f"docs/{page}.md does not name {missing} of {model.__name__}"


@pytest.mark.parametrize("page", ["asterisk", "genesys"])
def test_every_variable_is_on_the_page(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    for name in variables_of(TransferTarget("cards")):
        assert f"`{name}`" in text
