"""`sekisho member …` and `sekisho doctor` against the real server, as a shell runs them."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from governance.client import governing
from governance.client.folder import MemberFolder
from governance.client.joining import APPLICATION_FILE
from governance.decisions.actions import RecoverKey
from governance.membership.members import Role
from tests.http.joining import Newcomer, approve, decide, new_key
from tests.http.network import Served
from tests.http.shell import Run


@pytest.fixture
def newcomer(served: Served, tmp_path: Path) -> Iterator[Newcomer]:
    made = Newcomer(served, tmp_path)
    yield made
    made.close()


@pytest.fixture
def home(newcomer: Newcomer) -> Path:
    """The folder of a custodian that has joined."""
    return newcomer.pin().join().folder.path


@pytest.fixture
def chair(served: Served) -> Path:
    return served.chair.own_folder().path


def done(result: tuple[int, str, str]) -> str:
    code, said, complaint = result
    assert (code, complaint) == (0, ""), said + complaint
    return said


def answered(result: tuple[int, str, str]) -> Any:
    return json.loads(done(result))


def serial(folder: Path) -> int:
    return x509.load_pem_x509_certificate((folder / "node.crt").read_bytes()).serial_number


def test_a_partner_joins_with_commands_alone(
    run: Run, served: Served, chair: Path, tmp_path: Path
) -> None:
    """Keys, application, the administrator's list, the vote, the certificate, the members."""
    place = tmp_path / "fund-c"
    url = served.settings.url
    made = done(
        run("member", "keys", "--folder", place, "--id", "fund-c", "--legal-name", "Fund C",
            "--role", "fundraiser", "--server", url)
    )  # fmt: skip
    assert "fingerprint" in made
    apply = ("member", "apply", "--folder", place, "--role", "fundraiser", "--sponsor", "trust-b")
    assert "applied" in done(run(*apply))
    assert run(*apply)[0] == 1, "once is enough"
    waiting = answered(run("member", "applications", "--folder", chair, "--json"))
    assert "fund-c" in {line["member_id"] for line in waiting}
    assert answered(run("member", "status", "--folder", place, "--json"))["state"] == "applied"
    proposal = next(
        line["id"]
        for line in governing.open_proposals(served.chair)
        if "fund-c" in json.dumps(served.chair.get(f"/v1/proposals/{line['id']}"))
    )
    assert approve(served, proposal) == "approved"
    assert "certificate" in done(run("member", "status", "--folder", place, "--wait", "30"))
    members = answered(run("member", "list", "--folder", place, "--json"))
    assert "fund-c" in {member["member_id"] for member in members}
    shown = answered(run("member", "show", "fund-c", "--folder", chair, "--json"))
    assert shown["member"]["sponsor_id"] == "trust-b"
    assert [entry["event"]["type"] for entry in shown["history"]] == ["admitted"]


def test_an_application_is_withdrawn(run: Run, newcomer: Newcomer) -> None:
    answer = newcomer.apply()
    identifier = answer.json()["application_id"]
    (newcomer.folder.path / APPLICATION_FILE).write_text(identifier)
    assert "withdrawn" in done(run("member", "withdraw", "--folder", newcomer.folder.path))
    assert run("member", "withdraw", "--folder", newcomer.folder.path)[0] == 1


def test_map_is_verified_and_never_goes_back(run: Run, home: Path) -> None:
    shown = answered(run("member", "map", "--folder", home, "--json"))
    members = {member["member_id"] for member in shown["map"]["members"]}
    assert {"platform", "trust-a", MemberFolder(home).member.member_id} <= members
    assert "verified" in done(run("member", "map", "--folder", home))


def test_a_map_of_another_root_is_refused(run: Run, home: Path, served: Served) -> None:
    anchors = json.loads((home / "anchors.json").read_bytes())
    key, name = new_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root CA 1")])
    own = x509.load_pem_x509_certificate(anchors["root_certificate"].encode())
    forged = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(own.not_valid_before_utc)
        .not_valid_after(own.not_valid_after_utc)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    anchors["root_certificate"] = forged.decode()
    (home / "anchors.json").write_text(json.dumps(anchors))
    (home / "root.crt").write_bytes(forged)
    code, _, complaint = run("member", "map", "--folder", home)
    assert code == 1
    assert "does not verify" in complaint
    code, _, complaint = run("member", "renew", "--folder", home)
    assert code == 1
    assert "pinned" in complaint


def test_groups_are_for_their_members(run: Run, home: Path, chair: Path, tmp_path: Path) -> None:
    group = f"group-{tmp_path.name[-12:].strip('-_').lower().replace('_', '-')}"
    mine = MemberFolder(home).member.member_id
    words = ("--title", "Settlement", "--member", mine, "--member", "trust-a")
    done(run("member", "change-group", group, *words, "--folder", chair))
    seen = {g["id"]: g for g in answered(run("member", "groups", "--folder", home, "--json"))}
    assert [member["member_id"] for member in seen[group]["members"]] == sorted([mine, "trust-a"])
    done(run("member", "change-group", group, *words[:-2], "--folder", chair))
    assert "Settlement" in done(run("member", "groups", "--folder", home))
    done(run("member", "change-group", group, "--title", "Settlement", "--folder", chair))
    left = {g["id"] for g in answered(run("member", "groups", "--folder", home, "--json"))}
    assert group not in left
    assert run("member", "change-group", group, *words, "--folder", home)[0] == 1


def test_nodes_come_and_go(run: Run, home: Path, tmp_path: Path) -> None:
    place = tmp_path / "desk"
    assert "saved" in done(run("member", "add-node", "desk", place, "--folder", home))
    own = answered(run("member", "list", "--folder", place, "--json"))
    assert own, "the new client speaks for the member"
    assert run("member", "add-node", "desk", tmp_path / "again", "--folder", home)[0] == 1
    assert "removed" in done(run("member", "remove-node", "desk", "--yes", "--folder", home))
    code, _, complaint = run("member", "list", "--folder", place)
    assert code == 1
    assert "unauthenticated" in complaint


def test_a_node_enrols_with_a_token_once(
    run: Run, served: Served, home: Path, tmp_path: Path
) -> None:
    done(run("member", "add-node", "est", tmp_path / "est", "--folder", home))
    given = answered(run("member", "enrolment-token", "est", "--folder", home, "--json"))
    assert given["user"].endswith("/est")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "est")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    der = request.sign(new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    answers = [
        served.http.post(
            "/.well-known/est/simpleenroll",
            content=base64.b64encode(der),
            auth=(given["user"], given["token"]),
            headers={"Content-Type": "application/pkcs10"},
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 401]
    assert answers[1].headers["www-authenticate"].startswith("Basic ")
    assert run("member", "enrolment-token", "nothing", "--folder", home)[0] == 1


def test_invitations(run: Run, chair: Path, newcomer: Newcomer) -> None:
    name = newcomer.folder.member.legal_name
    words = ("--legal-name", name, "--role", "custodian")
    given = answered(run("member", "invite", *words, "--folder", chair, "--json"))
    assert len(given["token"]) == 32
    other = answered(run("member", "invite", *words, "--folder", chair, "--json"))
    assert "taken back" in done(run("member", "revoke-invitation", other["id"], "--folder", chair))
    assert run("member", "revoke-invitation", other["id"], "--folder", chair)[0] == 1
    applied = run(
        "member", "apply", "--folder", newcomer.folder.path, "--role", "custodian",
        "--invitation", given["token"],
    )  # fmt: skip
    assert "applied" in done(applied)
    listed = answered(run("member", "invitations", "--folder", chair, "--json"))
    states = {line["id"]: line["state"] for line in listed}
    assert (states[given["id"]], states[other["id"]]) == ("used", "revoked")
    assert all(line["token"] == "" for line in listed)


def test_renew_and_rotate(run: Run, home: Path) -> None:
    first, key = serial(home), MemberFolder(home).key_id
    assert "not due yet" in done(run("member", "renew", "--if-due", "--folder", home))
    assert "renewed" in done(run("member", "renew", "--folder", home))
    second = serial(home)
    assert second != first
    assert MemberFolder(home).key_id == key
    done(run("member", "renew", "--rotate", "--folder", home))
    assert MemberFolder(home).key_id != key
    assert done(run("member", "list", "--folder", home))


def test_a_rotation_whose_answer_was_lost_is_finished(run: Run, home: Path, tmp_path: Path) -> None:
    """The folder is put back to how it was when the statement was sent."""
    before = shutil.copytree(home, tmp_path / "before")
    done(run("member", "renew", "--rotate", "--folder", home))
    shutil.copy(home / "node.key", before / "node.next.key")
    assert run("member", "list", "--folder", before)[0] == 1, "the old key was replaced"
    done(run("member", "renew", "--folder", before))
    assert MemberFolder(before).key_id == MemberFolder(home).key_id
    assert serial(before) == serial(home)
    assert not (before / "node.next.key").exists()
    assert done(run("member", "list", "--folder", before))


def test_a_rotation_that_never_arrived_is_made_with_the_key_that_was_kept(
    run: Run, home: Path
) -> None:
    folder, kept = MemberFolder(home), new_key()
    folder.keep_next_key(kept)
    done(run("member", "renew", "--folder", home))
    assert folder.node_key.public_key() == kept.public_key()
    assert folder.next_key is None
    assert done(run("member", "list", "--folder", home))


def test_a_lost_key_is_recovered(run: Run, served: Served, home: Path) -> None:
    member_id = MemberFolder(home).member.member_id
    (home / "node.key").unlink()
    assert run("member", "list", "--folder", home)[0] == 1
    assert "recover" in done(run("member", "recover", "--folder", home))
    assert run("member", "list", "--folder", home)[0] == 1, "asking alone gives nothing"
    wanted = MemberFolder(home).key_id
    assert (
        decide(served, RecoverKey(member_id=member_id, key_id=wanted, reason="a test"))
        == "approved"
    )
    assert "certificate" in done(run("member", "status", "--wait", "30", "--folder", home))
    assert done(run("member", "list", "--folder", home))


def test_who_leaves_is_asked_first(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert run("member", "leave", "--folder", home)[0] == 1
    assert done(run("member", "list", "--folder", home))
    assert "left" in done(run("member", "leave", "--yes", "--folder", home))
    assert run("member", "list", "--folder", home)[0] == 1


class TestDoctor:
    """Exit code 0 if all is well, 4 if something is not; each finding says what to do."""

    def findings(self, result: tuple[int, str, str]) -> dict[str, dict[str, Any]]:
        return {found["check"]: found for found in json.loads(result[1])}

    def test_a_member_who_is_well(self, run: Run, home: Path) -> None:
        result = run("doctor", "--folder", home, "--json")
        found = self.findings(result)
        assert {"clock", "node key", "certificate", "server", "storage"} <= set(found)
        assert result[0] == 0, found
        assert all(finding["advice"] == "" for finding in found.values())

    def test_a_member_whose_key_is_gone(self, run: Run, home: Path) -> None:
        (home / "node.key").unlink()
        result = run("doctor", "--folder", home, "--json")
        assert result[0] == 4
        assert not self.findings(result)["node key"]["good"]

    def test_a_member_without_a_certificate(self, run: Run, newcomer: Newcomer) -> None:
        result = run("doctor", "--folder", newcomer.folder.path, "--json")
        assert result[0] == 4
        assert "member status" in self.findings(result)["certificate"]["advice"]

    def test_a_member_that_is_suspended_or_gone(self, run: Run, home: Path) -> None:
        done(run("member", "leave", "--yes", "--folder", home))
        result = run("doctor", "--folder", home, "--json")
        assert result[0] == 4
        assert "apply" in self.findings(result)["membership"]["advice"]

    def test_a_place_that_is_no_folder(self, run: Run, tmp_path: Path) -> None:
        code, _, complaint = run("doctor", "--folder", tmp_path / "nothing")
        assert code == 1
        assert "member keys" in complaint

    def test_a_server(self, run: Run, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SEKISHO_DATA_DIR", str(served.settings.data_dir))
        monkeypatch.setenv("SEKISHO_DATABASE_URL", served.settings.database)
        monkeypatch.setenv("SEKISHO_NETWORK", served.settings.network)
        monkeypatch.setenv("SEKISHO_PLATFORM_MEMBER", served.settings.platform_member)
        result = run("doctor", "--server", "--json")
        found = self.findings(result)
        assert {"clock", "keys", "database", "log", "certificates", "secrets"} <= set(found)
        bad = {name for name, finding in found.items() if not finding["good"]}
        assert all(found[name]["advice"] for name in bad)
        assert "safe" in found["offline root"]["advice"], "nobody has put the root away yet"
        assert not found["offline root"]["grave"]
        grave = {name for name in bad if found[name]["grave"]}
        assert (result[0], grave) == (0, set()), found

    def test_a_server_whose_secrets_are_open_to_others(
        self, run: Run, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pin = tmp_path / "pin"
        pin.write_text("1234")
        pin.chmod(0o644)
        monkeypatch.setenv("SEKISHO_DATA_DIR", str(served.settings.data_dir))
        monkeypatch.setenv("SEKISHO_PKCS11_PIN_FILE", str(pin))
        result = run("doctor", "--server", "--json")
        assert result[0] == 4
        assert self.findings(result)["secrets"]["advice"] == f"chmod go= {pin}"


def test_roles_are_told_apart(run: Run, served: Served) -> None:
    """An auditor does not invite."""
    home = served.member("auditor").own_folder().path
    words = ("--legal-name", "Somebody", "--role", Role.CUSTODIAN)
    code, _, complaint = run("member", "invite", *words, "--folder", home)
    assert code == 1
    assert "denied" in complaint
