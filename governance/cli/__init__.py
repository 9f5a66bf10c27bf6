"""The command `sekisho`."""

import sys

import click
import msgspec

from contracts.errors import ContractError
from governance.cli import options, output
from governance.client.connection import Refused
from governance.errors import (
    EntryWrong,
    GovernanceError,
    ReceiptsWrong,
    ReplayDiffers,
    ServerUnreachable,
)
from ledger.errors import LedgerError, LogWrong, NoteInvalid, ProofInvalid, SplitViewFound
from policies.errors import Fault, PolicyError

COMMANDS = {
    "serve": "governance.cli.serve:serve",
    "demo": "governance.cli.demo:demo",
    "member": "governance.cli.member:member",
    "proposal": "governance.cli.proposal:proposal",
    "contract": "governance.cli.contract:contract",
    "ledger": "governance.cli.ledger:ledger",
    "statement": "governance.cli.statement:statement",
    "log": "governance.cli.log:log",
    "policy": "governance.cli.policy:policy",
    "governance": "governance.cli.governing:governance",
    "incident": "governance.cli.incident:incident",
    "instruction": "governance.cli.instruction:instruction",
    "records": "governance.cli.records:records",
    "witness": "governance.cli.witness:witness",
    "database": "governance.cli.database:database",
    "doctor": "governance.cli.doctor:doctor",
}


UNTRUE = (
    EntryWrong,
    LogWrong,
    NoteInvalid,
    ProofInvalid,
    ReceiptsWrong,
    ReplayDiffers,
    SplitViewFound,
)
"""What is raised when something that was to be verified does not hold."""


class LazyGroup(options.Group):
    """Loads a command's module when it is asked for, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return the command of that name."""
        target = COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, _, name = target.partition(":")
        __import__(module)
        command: click.Command = getattr(sys.modules[module], name)
        return command


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 refused; 2 bad arguments; 3 no answer; 4 verification failed.",
)
@click.version_option(package_name="sekisho")
def cli() -> None:
    """Share a ledger of digital securities between companies, safely."""


def main() -> None:
    """Run the command; print one clear error and exit with its code."""
    try:
        code = cli(standalone_mode=False)  # what a command gave to `Context.exit`, or None
    except click.ClickException as error:
        error.show()
        sys.exit(output.USAGE)
    except (click.Abort, KeyboardInterrupt):
        output.problems.print("stopped")
        sys.exit(output.REFUSED)
    except ServerUnreachable as error:
        _show(error)
        sys.exit(output.UNREACHABLE)
    except UNTRUE as error:
        _show(error, "wrong")
        sys.exit(output.UNVERIFIED)
    except (GovernanceError, ContractError, LedgerError, PolicyError) as error:
        _show(error)
        sys.exit(output.REFUSED)
    if code:
        sys.exit(code)


def _show(error: Exception, what: str = "refused") -> None:
    name = f" ({error.slug})" if isinstance(error, Refused) else ""
    output.problems.print(f"[red]{what}{name}[/red]: {output.escape(str(error))}", markup=True)
    more = 0
    if isinstance(error, Refused):
        faults = msgspec.convert(error.problem.get("faults", ()), type=tuple[Fault, ...])
        more = error.problem.get("more_faults", 0)
    else:
        faults = getattr(error, "faults", ())
    for fault in faults:
        output.problems.print(f"  {output.escape(str(fault))}", markup=True)
    if more:
        output.problems.print(f"  … and {more} more")
