"""The transparency log: one append-only Merkle log (RFC 6962) per network, in C2SP formats."""
