"""What holds for the whole process while models are fitted, on however many threads."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def numeric_work() -> Iterator[None]:
    """Within, numpy's and scipy's BLAS use one thread each: the products here are small, and threads that wait for each other cost
    more than they bring. A solver that is stopped early does not warn: its head is judged by its own scores.

    scipy's BLAS is loaded here: a limit reaches only what is loaded.
    """
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
        yield
