"""Settings: defaults, then a TOML file, then the environment; every fault reported at once.

A setting `name` is read from the key `name` of the file and from `SEKISHO_NAME`. The file is the
one that `SEKISHO_CONFIG` names, or `sekisho.toml` in the working directory if there is one.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_type_hints

import msgspec

from governance.errors import SettingsInvalid
from policies.errors import Fault

PREFIX = "SEKISHO_"
NOT_SETTINGS = frozenset({"cache", "config", "home", "inner_port", "passphrase", "peers"})
"""Variables that say where things are, and are no settings of a server."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one process runs.

    Args:
        data_dir: folder of everything that this process keeps.
        database_url: `sqlite:///…` or `postgresql+psycopg://…`; empty for a file in `data_dir`.
        replica_url: a read replica for queries; empty for none.
        pool_size: database connections that a process keeps; as many again while it is busy.
        statement_timeout: seconds after which PostgreSQL ends a statement.
        lock_timeout: seconds that a statement waits for a lock on PostgreSQL.
        network: name of the business network, a host name of its own, such as `st.example`.
        platform_member: member id of the platform administrator, made on the first start.
        platform_legal_name: its legal name.
        host: address to listen on.
        port: port to listen on; 0 for a free one.
        public_url: how clients reach this server; empty for `http(s)://host:port`.
        workers: API processes.
        verification_workers: sandbox processes for each API process; 0 for one per core.
        registration_window: seconds by which a transfer's registered_at may lie before the clock;
            a network that loads history needs years, one that runs needs minutes. It becomes a
            network parameter on the first start.
        master_key_file: the key that wraps all others; empty for a file in `data_dir`.
        pkcs11_module: path of a PKCS#11 library for the keys of the authority; empty for files.
        pkcs11_token: label of the token there.
        pkcs11_pin_file: file that holds the token's PIN.
        pkcs11_master: whether a key in the token seals the master key's file, and in a member's
            folder what seals its keys: copied files are then worth nothing without the token.
        tls_certificate: PEM file of the server's certificate chain; empty for plain HTTP.
        tls_key: PEM file of its key.
        tls_client_ca: PEM file of the authority whose client certificates are demanded, such as
            the network's root; tokens are then bound to the client's certificate.
        tls_client_optional: whether who shows no client certificate may still reach what needs no
            token: applications, enrolment, revocation lists; tokens are for certificates alone.
        trusted_proxies: addresses whose `Client-Cert` header (RFC 9440) is believed.
        witnesses: who cosigns checkpoints: `URL|verifier key` each; how many of them must is a
            network parameter.
        rate_limit: requests a second that one member may make, on average over ten seconds.
        max_body: bytes of the largest request body, bulk uploads excepted.
        public_log: whether the log's tiles are served without a token.
        node_silence: minutes without a sign of life after which a node with an address of its own
            counts as unreachable; longer than the ten of a token, 0 to watch no nodes.
        log_level: the least level that is logged.
        log_format: `json` for machines, `text` for people.
    """

    data_dir: Path = Path("sekisho-data")
    database_url: str = ""
    replica_url: str = ""
    pool_size: int = 20
    statement_timeout: int = 60
    lock_timeout: int = 30
    network: str = "sekisho.example"
    platform_member: str = "platform"
    platform_legal_name: str = "Platform Administrator"
    host: str = "127.0.0.1"
    port: int = 8480
    public_url: str = ""
    workers: int = 1
    verification_workers: int = 0
    registration_window: int = 900
    master_key_file: str = ""
    pkcs11_module: str = ""
    pkcs11_token: str = ""
    pkcs11_pin_file: str = ""
    pkcs11_master: bool = False
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    tls_client_optional: bool = False
    trusted_proxies: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    rate_limit: int = 2000
    max_body: int = 4 << 20
    public_log: bool = True
    node_silence: int = 0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "text"

    @property
    def database(self) -> str:
        """The URL of the primary database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'ledger.sqlite'}"

    @property
    def url(self) -> str:
        """The URL at which clients reach this server."""
        scheme = "https" if self.tls_certificate else "http"
        return self.public_url or f"{scheme}://{self.host}:{self.port}"

    @property
    def keys_dir(self) -> Path:
        """The folder of sealed keys."""
        return self.data_dir / "keys"

    @property
    def master_key(self) -> Path:
        """The file of the master key."""
        return Path(self.master_key_file) if self.master_key_file else self.keys_dir / "master.key"


def load_settings(
    environment: Mapping[str, str] | None = None, *, config: Path | None = None
) -> Settings:
    """Return the settings.

    Args:
        environment: variables; the process's own if omitted.
        config: the TOML file; otherwise as the module describes.

    Raises:
        SettingsInvalid: with every fault: an unknown name, a value out of its type.
    """
    environment = os.environ if environment is None else environment
    faults: list[Fault] = []
    values = _from_file(_config_path(environment, config), faults)
    values |= _from_environment(environment, faults)
    hints = get_type_hints(Settings)
    known = {}
    for name, value in values.items():
        if name not in hints:
            faults.append(Fault(name, "no such setting; see docs/reference/settings.md"))
            continue
        try:
            known[name] = msgspec.convert(value, hints[name], strict=False, dec_hook=_decode)
        except msgspec.ValidationError as error:
            faults.append(Fault(name, f"{value!r}: {error}"))
    if faults:
        raise SettingsInvalid("the settings have faults", tuple(faults))
    return Settings(**known)


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the variables from which a child process reads the same settings."""
    pairs = ((name, getattr(settings, name)) for name in settings.__struct_fields__)
    return {
        PREFIX + name.upper(): ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in pairs
    }


def _config_path(environment: Mapping[str, str], given: Path | None) -> Path | None:
    if given is not None:
        return given
    named = environment.get(PREFIX + "CONFIG")
    if named:
        return Path(named)
    here = Path("sekisho.toml")
    return here if here.exists() else None


def _from_file(path: Path | None, faults: list[Fault]) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        faults.append(Fault(str(path), f"cannot be read as TOML: {error}"))
        return {}


def _from_environment(environment: Mapping[str, str], faults: list[Fault]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    hints = get_type_hints(Settings)
    for variable, text in environment.items():
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        if name not in hints:
            faults.append(Fault(variable, "no such setting; see docs/reference/settings.md"))
        elif hints[name] is bool:
            values[name] = text.lower() in {"1", "true", "yes", "on"}
        elif hints[name] == tuple[str, ...]:
            values[name] = tuple(part for part in text.split(",") if part)
        else:
            values[name] = text
    return values


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise msgspec.ValidationError(f"expected {kind.__name__}")
