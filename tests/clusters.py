"""Real clusters of this machine, as tests start them; skipped where the engine is not installed."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import pytest


def dask_cluster(workers: int) -> Any:
    """Return a Dask cluster of processes of one thread each, to be closed."""
    return pytest.importorskip("distributed", reason="the extra dask is not installed").LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        host="127.0.0.1",
    )


@contextlib.contextmanager
def ray_cluster(workers: int) -> Iterator[None]:
    """Start Ray with some workers, and stop it."""
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    ray.init(
        num_cpus=workers,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=100_000_000,
    )
    try:
        yield
    finally:
        ray.shutdown()
