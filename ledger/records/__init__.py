"""What one company keeps for itself, off the ledger: its records, encrypted and erasable."""
