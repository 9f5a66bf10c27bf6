"""A server that was down until every certificate had expired starts again, and lets people in."""

import datetime as dt
from pathlib import Path

import pytest

from governance.assembly import founding, lockout, network
from governance.assembly.keys import open_keys
from governance.assembly.services import governance_services
from governance.decisions.voting import Status
from governance.errors import NetworkUnfounded
from governance.identity import store as identity
from governance.identity.authority import resume
from governance.membership import renewals
from governance.membership.statements import RECOVERY, Recovery
from governance.settings import Settings
from ledger.database import connect, reading, writing
from ledger.keys import SoftwareSigner, key_id
from ledger.statements import Statement, sign_statement
from tests.membership.consortium import csr, new_key
from tests.serving import server_settings

SILENCE = dt.timedelta(days=45)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A network that was founded 45 days ago and has not run since."""
    settings = server_settings(tmp_path / "data")
    then = dt.datetime.now(dt.UTC) - SILENCE
    with monkeypatch.context() as past:
        past.setattr(founding, "utc_now", lambda: then)
        founding.create_network(settings, lambda _: None)
    return settings


def test_it_starts_again(settings: Settings) -> None:
    with pytest.raises(NetworkUnfounded):
        network.open_network(settings)
    founding.create_network(settings, lambda _: None)
    with network.open_network(settings) as opened, reading(opened.database) as session:
        at = dt.datetime.now(dt.UTC)
        good = {row.node for row in identity.valid_certificates(session, at)}
    assert good == {"notary", "service"}


def test_its_administrator_comes_back(settings: Settings) -> None:
    founding.create_network(settings, lambda _: None)
    engine = connect(settings.database)
    new, at = new_key(), dt.datetime.now(dt.UTC)
    try:
        services = governance_services(settings, open_keys(settings), engine)
        services.observe()
        body = Recovery(settings.platform_member, "admin", csr(new))
        said = Statement(
            "a" * 32, settings.network, settings.platform_member, at, at + SILENCE / 45, body
        )
        raw = sign_statement(RECOVERY, said, SoftwareSigner(new))
        with writing(engine) as session:
            asked = renewals.request_recovery(
                session, services.authority, renewals.open_recovery(raw), at
            )
        assert asked == key_id(new.public_key())
        other = key_id(new_key().public_key())
        assert lockout.recover_administrator(settings, other, "nobody asked") is Status.VOID
        assert lockout.recover_administrator(settings, asked, "expired") is Status.APPROVED
        resume(engine, services.authority, dt.datetime.now(dt.UTC))
        with reading(engine) as session:
            found = identity.valid_by_key(session, asked, dt.datetime.now(dt.UTC))
            assert found is not None
            assert found.member_id == settings.platform_member
    finally:
        engine.dispose()
