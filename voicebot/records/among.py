"""One condition for any number of texts: a database that is handed hundreds one by one takes longer to read them than to find
them, and more than some ten thousand it refuses.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import JSON, ColumnElement, Dialect, String, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class _Texts(TypeDecorator[list[str]]):
    """A list of texts as one parameter: an array in PostgreSQL, JSON elsewhere."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """See SQLAlchemy."""
        return dialect.type_descriptor(ARRAY(String()) if dialect.name == "postgresql" else JSON())


class _Each(FunctionElement[str]):
    """The texts of a list, a row each."""

    type = String()
    name = "each"
    inherit_cache = True


@compiles(_Each)
def _of_json(element: _Each, compiler: SQLCompiler, **more: Any) -> str:
    return f"(SELECT value FROM json_each{compiler.process(element.clause_expr, **more)})"  # noqa: S608 - a parameter's place


@compiles(_Each, "postgresql")
def _of_array(element: _Each, compiler: SQLCompiler, **more: Any) -> str:
    return f"(SELECT unnest{compiler.process(element.clause_expr, **more)})"


def among(column: Any, texts: Collection[str] | str) -> ColumnElement[bool]:
    """Whether the column of texts holds one of these; a name stands for a parameter of the statement, a list."""
    asked = bindparam(texts, type_=_Texts()) if isinstance(texts, str) else bindparam(None, list(texts), type_=_Texts())
    found: ColumnElement[bool] = column.bool_op("IN")(_Each(asked))
    return found
