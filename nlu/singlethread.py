"""One BLAS thread: the products here are small, and threads that wait for each other cost more than they bring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Within, numpy's and scipy's BLAS use one thread each (scipy's is loaded here: a limit reaches only what is loaded)."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
