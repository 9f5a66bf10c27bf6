"""Which key may speak, for many calls a second."""

import datetime as dt
import time

from sqlalchemy.engine import Engine

from governance.membership.store import CertifiedKey, certified_key
from ledger.database import reading

KEY_CACHE_SECONDS = 0.5
"""How long a looked-up key is believed: a revocation acts within a second in every process."""

KEY_CACHE_SIZE = 10_000
"""Keys that are kept; beyond that the cache starts anew."""


class KeyCache:
    """`certified_key` for many calls a second; believes an answer for half a second."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._found: dict[str, tuple[float, CertifiedKey | None]] = {}

    def certified_key(self, key_id: str, at: dt.datetime) -> CertifiedKey | None:
        """Return what `certified_key` returned at most half a second ago."""
        now = time.monotonic()
        kept = self._found.get(key_id)
        if kept is None or now - kept[0] > KEY_CACHE_SECONDS:
            with reading(self._engine) as session:
                kept = (now, certified_key(session, key_id, at))
            if len(self._found) >= KEY_CACHE_SIZE:
                self._found = {}
            self._found[key_id] = kept
        found = kept[1]
        return found if found is not None and at < found.not_after else None
