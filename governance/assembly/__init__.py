"""Puts the process together: keys, founding, effects of decisions, background work."""
