"""Running it for years: databases and their roles, replicas, backups and restores."""
