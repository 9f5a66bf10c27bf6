"""What `sekisho doctor` finds, compared with how things are."""

import datetime as dt
from pathlib import Path

import pytest

from governance.client.folder import MemberFile, MemberFolder
from governance.doctor import _certificates, examine_folder
from governance.settings import Settings
from tests.membership.consortium import Consortium, new_database, sealed_store

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def consortium(tmp_path: Path) -> Consortium:
    return Consortium(new_database(tmp_path), sealed_store(tmp_path), at=NOW)


def findings(consortium: Consortium, days: float) -> dict[str, bool]:
    settings = Settings(database_url=consortium.engine.url.render_as_string(hide_password=False))
    at = consortium.at + dt.timedelta(days=days)
    return {found.check: found.good for found in _certificates(settings, at)}


def test_a_server_tells_what_expires(consortium: Consortium) -> None:
    consortium.join("trust-a")
    assert findings(consortium, 1) == {"certificates": True, "issuing authority": True}
    assert findings(consortium, 21) == {"certificates": False, "issuing authority": True}
    assert findings(consortium, 4 * 365)["issuing authority"] is False
    consortium.engine.dispose()


def test_a_database_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "nothing")
    assert [found.good for found in _certificates(settings, NOW)] == [False]


def test_a_folder_tells_of_no_certificate_and_of_no_server(tmp_path: Path) -> None:
    member = MemberFile("trust-a", "st.example", "http://127.0.0.1:9", "Trust A")
    folder = MemberFolder.create(tmp_path / "trust-a", member)
    found = {finding.check: finding for finding in examine_folder(folder, NOW)}
    assert found["node key"].good
    assert not found["certificate"].good
    assert "member status" in found["certificate"].advice
    assert not found["server"].good


def test_a_key_that_does_not_open_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEKISHO_PASSPHRASE", "as it was")
    member = MemberFile("trust-a", "st.example", "http://127.0.0.1:9", "Trust A")
    folder = MemberFolder.create(tmp_path / "trust-a", member)
    monkeypatch.setenv("SEKISHO_PASSPHRASE", "another")
    found = {finding.check: finding for finding in examine_folder(folder, NOW)}
    assert not found["node key"].good
    assert "SEKISHO_PASSPHRASE" in found["node key"].advice
