"""The version of the tables: brought up to date by alembic's steps in `migrations/`, refused when it is newer than the code."""

from __future__ import annotations

import logging
import threading
from functools import cache
from weakref import WeakSet

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from voicebot.errors import RecordsError
from voicebot.records.ahead import make_ahead

_log = structlog.get_logger(__name__)
logging.getLogger("alembic").setLevel(logging.WARNING)  # we say in one line what it says in four

_ONE_AT_A_TIME = threading.Lock()  # alembic's environment is one of the whole process
_READY: WeakSet[Engine] = WeakSet()
_UPGRADE_LOCK = 7_604_113_228  # any number that nothing else in the database locks


def current(connection: Connection) -> str | None:
    """The version of the tables in this database; None before the first. Raises RecordsError when this code does not know it."""
    version = MigrationContext.configure(connection).get_current_revision()
    if version is not None and version not in _known():
        raise RecordsError(
            f"this database was written by a newer voicebot: its tables have version {version}, this one knows them up to "
            f"{newest()}. Run the newer voicebot, or restore a backup that was made before it."
        )
    return version


def newest() -> str:
    """The version that this code makes."""
    return str(_scripts().get_current_head())


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Bring the tables up to date, all steps or none; the version before and after. Several processes may do it at once. Indexes
    of a step that would take long on a full database are made before it.

    Raises RecordsError when they are newer than this code, and what SQLAlchemy raises.
    """
    with engine.connect() as connection, connection.begin():
        before = current(connection)
        if before == newest():
            return before, before
    _make_indexes(engine, before)
    with _ONE_AT_A_TIME, engine.connect() as connection, connection.begin():
        _wait_for_others(connection)
        before = current(connection)
        if before == newest():
            return before, before
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    _log.info("the tables of the records are up to date", before=before or "none", version=newest())
    return before, newest()


def ready(engine: Engine) -> None:
    """Bring the tables up to date once for each engine; costs nothing afterwards. Raises as `upgrade` does."""
    if engine not in _READY:
        upgrade(engine)
        _READY.add(engine)


def _make_indexes(engine: Engine, before: str | None) -> None:
    """Those of steps that say from which version on they can be made ahead."""
    for step in _scripts().iterate_revisions("head", before or "base"):
        ahead_from = getattr(step.module, "AHEAD_FROM", None)
        if ahead_from is not None and before is not None and before >= ahead_from:
            make_ahead(engine, {name: step.module.on(name, engine.dialect.name) for name in step.module.INDEXES})


def _wait_for_others(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # else the driver begins with the first row written: after the tables
    elif connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "voicebot.records:migrations")
    return config


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _known() -> set[str]:
    return {each.revision for each in _scripts().walk_revisions()}
