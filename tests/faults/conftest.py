"""The servers of `tests/production`, for tests that break things under load."""

from tests.production.conftest import cluster

__all__ = ["cluster"]
