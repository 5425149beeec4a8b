"""The customer directory as configured, and the sample directory for trying things out."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files

import structlog

from caller_id.customers_csv import read_customers
from caller_id.directory import Customer
from caller_id.sqlite_directory import SqliteDirectory
from voicebot.config.settings import Settings

log = structlog.get_logger(__name__)


def customer_directory(settings: Settings) -> SqliteDirectory | None:
    """The directory as configured, its CSV imported; None when there is none. Rows that cannot be read are logged by line."""
    if settings.customers.csv is None and settings.customers.sqlite is None:
        return None
    directory = SqliteDirectory(settings.customers.sqlite or settings.state.data_dir / "customers.db")
    if settings.customers.csv is not None:
        for problem in directory.import_csv(settings.customers.csv).problems:
            log.warning("customer not imported", code="caller_id.csv", why=str(problem))
    return directory


class SampleCustomers:
    """The customers of `examples/customers.csv`, in memory: whom `voicebot talk` knows where no directory is configured."""

    def __init__(self) -> None:
        with as_file(files("voicebot") / "samples" / "customers.csv") as path:
            rows, _ = read_customers(path)
        self._by_number: dict[str, list[Customer]] = {}
        for row in rows:
            customer = Customer(row.segment, row.language, row.tenure_years, row.customer_ref or None)
            self._by_number.setdefault(row.number, []).append(customer)

    def look_up(self, number: str) -> Sequence[Customer]:
        """See `CustomerDirectory`."""
        return self._by_number.get(number, ())
