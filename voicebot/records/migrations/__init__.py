"""How the tables came to be, step by step (alembic). A step that was ever released is never changed; a new one is added."""
