"""A member's side: its folder of keys, and its connection to the network."""
