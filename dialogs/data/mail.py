"""How mails are answered and what they need: `mail.yml`, which a bundle may leave out."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from dialogs.data.flow import Name
from dialogs.data.source import Spec

FILE = "mail.yml"
PREFIX = "mail."
"""What the ids of the texts begin with that acknowledge mails; no step says them."""


class Need(StrEnum):
    """Something that people need to deal with a matter, and that can be seen in a mail."""

    PHONE = "phone"
    """A telephone number to call back on."""
    AMOUNT = "amount"
    DATE = "date"
    """A day, or when it happened."""
    ACCOUNT = "account"
    """An account's number."""


class Acknowledgements(Spec):
    """Approved texts that are sent back, by their names. None: nothing is proposed."""

    received: Name | None = None
    emergency: Name | None = None
    """When the matter is an emergency; None: as for any other."""


class Soon(Spec):
    """Mails that are read before others though no emergency."""

    matters: tuple[Name, ...] = ()
    situations: tuple[str, ...] = ()
    """Values of the entity `situation`, like bereavement."""


class MailRules(Spec):
    """`mail.yml`."""

    acknowledge: Acknowledgements = Acknowledgements()
    soon: Soon = Soon()
    needs: Mapping[str, tuple[Need, ...]] = {}
    """By the matter."""
