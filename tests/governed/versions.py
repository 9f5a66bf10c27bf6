"""Later versions of the network's contract, each a package folder as its author would make it."""

import json
import shutil
from pathlib import Path

from governance.demo.scenario import CONTRACT
from tests.http.network import Served

FIRST_DAY = "2025-04-07"
"""The later versions settle nothing before this day; the sample's first transfers do."""

RULE = '''
def check_settlement(command: Transfer) -> None:
    """Nothing settles before the day on which settlement began."""
    if command.settlement_date < "{day}":
        raise Rejected("E_SETTLEMENT", f"{{command.trade_id}} settles too early")

'''
ANNOUNCEMENT = f'\n[changes]\nnewly_rejected = "Nothing settles before {FIRST_DAY}."\n'


def later(served: Served, folder: Path, version: str, *, announced: bool) -> Path:
    """Write a version that refuses what settles early, and says so or does not."""
    shutil.copytree(served.settings.data_dir.parent / "contract", folder)
    manifest = folder / "contract.toml"
    text = manifest.read_text(encoding="utf-8").replace("1.0.0", version)
    manifest.write_text(text + (ANNOUNCEMENT if announced else ""), encoding="utf-8")
    source = folder / "contract.py"
    code = source.read_text(encoding="utf-8")
    code = code.replace("\ndef check_issue", RULE.format(day=FIRST_DAY) + "\ndef check_issue")
    code = code.replace(
        "        check_parties(command)\n",
        "        check_parties(command)\n        check_settlement(command)\n",
    )
    source.write_text(code, encoding="utf-8")
    example = json.loads((folder / "examples/accepted/transfer.json").read_bytes())
    for command in example["commands"]:
        command["settlement_date"] = "2025-04-06"
    (folder / "examples/rejected/E_SETTLEMENT-early.json").write_text(json.dumps(example))
    for file in folder.glob("examples/*/*.json"):
        file.write_text(file.read_text().replace('"1.0.0"', f'"{version}"'))
    return folder


def path(version: str) -> str:
    """Return where a version is read."""
    return f"/v1/contracts/{CONTRACT}/{version}"
