"""A client's command starts quickly: it loads no database, no server, no sandbox."""

import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "litestar", "wasmtime", "casbin", "alembic", "granian", "z3")


@pytest.mark.parametrize("command", [["proposal", "list"], ["incident"]])
def test_a_clients_command_loads_nothing_of_a_server(command: list[str]):
    program = (
        "import sys\n"
        "from governance.cli import main\n"
        f"sys.argv = ['sekisho', *{command!r}, '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('loaded:', *(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "loaded:"
