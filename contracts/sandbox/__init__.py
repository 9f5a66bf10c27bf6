"""Runs contracts where they can harm nobody, and always with the same verdict."""
