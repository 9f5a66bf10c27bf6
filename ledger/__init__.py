"""What happened, in what order, provably: transactions, register, queries, the log, storage."""
