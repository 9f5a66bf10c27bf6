from pathlib import Path

import pytest

from governance.errors import SettingsInvalid
from governance.settings import Settings, as_environment, load_settings


def test_nothing_set_gives_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert load_settings({}) == Settings()


def test_the_environment_wins_over_the_file(tmp_path: Path):
    file = tmp_path / "sekisho.toml"
    file.write_text('port = 1\nnetwork = "st.example"\n')
    settings = load_settings(
        {"SEKISHO_PORT": "2", "SEKISHO_TRUSTED_PROXIES": "::1,10.0.0.0/8"}, config=file
    )
    assert (settings.port, settings.network) == (2, "st.example")
    assert settings.trusted_proxies == ("::1", "10.0.0.0/8")


def test_every_fault_is_reported_at_once(tmp_path: Path):
    file = tmp_path / "sekisho.toml"
    file.write_text('prot = 1\nworkers = "many"\n')
    with pytest.raises(SettingsInvalid) as caught:
        load_settings({"SEKISHO_LOG_LEVEL": "loud", "SEKISHO_COLOUR": "x"}, config=file)
    assert {fault.where for fault in caught.value.faults} == {
        "prot", "workers", "log_level", "SEKISHO_COLOUR",
    }  # fmt: skip


def test_a_file_that_is_not_toml_is_a_fault(tmp_path: Path):
    file = tmp_path / "sekisho.toml"
    file.write_text("port: 1")
    with pytest.raises(SettingsInvalid, match="faults"):
        load_settings({}, config=file)


def test_a_child_process_reads_the_same_settings():
    settings = Settings(data_dir=Path("d"), workers=3, trusted_proxies=("::1",), public_log=False)
    assert load_settings(as_environment(settings)) == settings
