"""A fresh SoftHSM 2 token; says plainly what is missing where it is not installed."""

import os
import shutil
import subprocess
from pathlib import Path

LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
)
PIN = "123456"
MISSING = "SoftHSM 2 is not installed: apt-get install softhsm2"


def library() -> str | None:
    """The PKCS#11 library, or None if SoftHSM 2 is not installed."""
    if shutil.which("softhsm2-util") is None:
        return None
    return next((path for path in LIBRARIES if Path(path).exists()), None)


def configure(folder: Path) -> None:
    """Point SoftHSM of this process to `folder`: it reads its configuration once."""
    tokens = folder / "tokens"
    tokens.mkdir(parents=True, exist_ok=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(configuration)


def new_token(label: str) -> None:
    """Make a token."""
    command = ["softhsm2-util", "--init-token", "--free", "--label", label]
    subprocess.run(
        [*command, "--so-pin", "12345678", "--pin", PIN], check=True, capture_output=True
    )
