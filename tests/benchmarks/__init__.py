"""What is measured: a module here with `run() -> dict` is a benchmark of that name."""
