"""The customer directory as configured, and the sample directory for trying things out."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib.resources import as_file, files

import structlog

from caller_id.customer_database import leave_wal, status_of
from caller_id.customer_import import import_customers, sha256_of
from caller_id.customer_rows import CustomerRow, RowProblem, read_customers
from caller_id.directory import Customer, DirectoryError
from caller_id.phone_numbers import parse_number
from caller_id.sqlite_directory import SqliteDirectory
from voicebot.config.settings import Settings
from voicebot.identity.crm import CrmDirectory
from voicebot.pace import Pace

log = structlog.get_logger(__name__)

_LOGGED = 20
"""Rows of a file that are named in the log; the rest is counted."""


def customer_directory(settings: Settings) -> SqliteDirectory:
    """The directory of the service; it sees later imports by itself. A directory that cannot be used is logged: calls go on
    without hints.
    """
    path = settings.customers_file
    try:
        leave_wal(path)
        import_configured(settings)
        status_of(path)
    except (DirectoryError, sqlite3.Error) as error:
        log.error("customer directory cannot be used", code=DirectoryError.code, why=str(error))
    return SqliteDirectory(path)


def import_configured(settings: Settings) -> None:
    """Import the file that the configuration names, when it has changed since; rows that cannot be read are logged by line.

    Blocks: a minute for a million rows. Safe to call again in a running service. Raises DirectoryError.
    """
    source, path = settings.customers.csv, settings.customers_file
    if source is None:
        return
    known = _known(settings)
    if sha256_of(source) in known:
        return
    shown: list[RowProblem] = []
    pace = Pace(lambda done, of: log.info("customers are being imported", done=done, of=of))
    report = import_customers(
        source,
        path,
        most_lost=settings.customers.most_lost,
        on_problem=lambda problem: shown.append(problem) if len(shown) < _LOGGED else None,
        progress=lambda _, share: pace(int(share * 100), 100),
    )
    for problem in shown:
        log.warning("customer not imported", code="caller_id.csv", why=str(problem))
    if not report.done:
        raise DirectoryError(
            f"{source}: not imported: {'; '.join(report.objections)}. The old customers are still in place. "
            f"Look at it: voicebot customers import --dry-run {source}; to import it all the same: --force."
        )
    log.info(
        "customers imported",
        numbers=report.now.numbers,
        refused=report.refused,
        shared=report.now.shared,
        resumed_after=report.resumed_after,
    )


def _known(settings: Settings) -> tuple[str, ...]:
    """The files that are not imported again: the one in force, and one that was taken back for it."""
    try:
        status = status_of(settings.customers_file)
    except DirectoryError:
        return ()
    return (status.sha256, status.taken_back_sha256) if status is not None else ()


async def lookup(settings: Settings, number: str) -> tuple[Customer, ...]:
    """Every customer that the directory, or the CRM, has for a number in any usual form. Raises DirectoryError."""
    e164 = parse_number(number).e164
    if e164 is None:
        raise DirectoryError("that is no telephone number. Write it like +48600100200.")
    if settings.customers.crm is not None:
        crm = CrmDirectory(settings.customers.crm)
        try:
            return await crm.look_up(e164)
        finally:
            await crm.close()
    with closing(SqliteDirectory(settings.customers_file)) as directory:
        return directory.find(e164)


class SampleCustomers:
    """The customers of `examples/customers.csv`, in memory: whom `voicebot talk` knows where no directory is configured."""

    def __init__(self) -> None:
        with as_file(files("voicebot") / "samples" / "customers.csv") as path:
            rows = [row for row in read_customers(path) if isinstance(row, CustomerRow)]
        self._by_number: dict[str, list[Customer]] = {}
        for row in rows:
            customer = Customer(row.segment, row.language, row.tenure_years, row.customer_ref or None)
            self._by_number.setdefault(row.number, []).append(customer)

    def find(self, number: str) -> Sequence[Customer]:
        """Every customer with this E.164 number."""
        return self._by_number.get(number, ())
