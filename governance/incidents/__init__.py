"""What went wrong, who answers for it, by when? A signed time line for each incident."""
