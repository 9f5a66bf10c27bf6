"""Names of the ledger's own HTTP headers: both sides of the wire read them here."""

LOG_INDEX_HEADER = "Sekisho-Log-Index"
"""Header of a query: the log index of the newest entry that the caller has seen."""
