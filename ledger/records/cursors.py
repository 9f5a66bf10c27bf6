"""Cursors of lists by id: opaque to the caller, the last id of the page before."""

import base64

from ledger.errors import RecordMalformed
from policies.errors import Fault

MAX_PAGE = 500
"""Items in one page at most."""


def page_size(limit: int) -> int:
    """Return how many items a page has for who asks for `limit`."""
    return max(1, min(limit, MAX_PAGE))


def cursor_of(last_id: str | None) -> str | None:
    """Return the cursor of what follows `last_id`; None if nothing follows."""
    return None if last_id is None else base64.urlsafe_b64encode(last_id.encode()).decode()


def id_after(cursor: str | None) -> str:
    """Return the id that a page starts after; empty for the first page.

    Raises:
        RecordMalformed: not a cursor of a list.
    """
    if not cursor:
        return ""
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode("utf-8")
    except ValueError as error:
        fault = Fault("cursor", "is not a cursor; pass what the page before gave as `next`")
        raise RecordMalformed(str(fault), (fault,)) from error
