"""Who are the members, what are the rules now, and the process that serves them."""
