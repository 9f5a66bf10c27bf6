"""Programs that mean harm, in five families. Each is tried at module level and inside `verify`.

`{canary}` in a program stands for the path of a file that must not appear.
"""

from tests.sandbox.hostile import cpu, introspection, memory, parsing, recursion

FAMILIES: dict[str, dict[str, str]] = {
    "introspection": introspection.PROGRAMS,
    "cpu": cpu.PROGRAMS,
    "memory": memory.PROGRAMS,
    "recursion": recursion.PROGRAMS,
    "parsing": parsing.PROGRAMS,
}


def at_module_level(program: str) -> str:
    """The program runs while the contract is loaded."""
    return f"{program}\ndef verify(tx):\n    return None\n"


def inside_verify(program: str) -> str:
    """The program runs while a transaction is judged."""
    body = "".join(f"    {line}\n" for line in program.splitlines())
    return f"def verify(tx):\n{body}    return None\n"
