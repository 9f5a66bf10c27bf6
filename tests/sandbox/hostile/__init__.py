"""Programs that mean harm, in five families. Each is tried at module level and inside `verify`.

`{canary}` in a program stands for the path of a file that must not appear.
"""

from tests.sandbox.hostile import cpu, introspection, leaving, memory, parsing, recursion, tampering

FAMILIES: dict[str, dict[str, str]] = {
    "introspection": introspection.PROGRAMS | tampering.PROGRAMS | leaving.PROGRAMS,
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


def when_poisoned(program: str, honest: str) -> str:
    """The honest contract, which runs the program for one transaction before it judges it."""
    body = "".join(f"        {line}\n" for line in program.splitlines())
    return f"""{honest}

_judge = verify


def verify(tx):
    if tx.commands[0].trade_id == "POISON":
{body}    return _judge(tx)
"""
