"""Who is in the network, in which state, with which roles and nodes, and since when."""
