"""How is anything changed here? Proposals, votes, and decisions that anyone can recompute."""
