"""What a contract version may judge depends on where it is in its life, and the answer says so."""

import msgspec
import pytest
from sqlalchemy.engine import Engine

from ledger import errors as e
from ledger.components import Contract
from ledger.standing import Standing
from ledger.verification import ContractVersion
from tests.ledger.network import CONTRACT, TestNetwork, standard

FIRST = ContractVersion(CONTRACT.name, CONTRACT.version, CONTRACT.digest)
LATER = msgspec.structs.replace(FIRST, version="9.0.0", digest="sha256:" + "9" * 64)


@pytest.fixture
def network(engine: Engine):
    network = standard(engine)
    network.do("trust-a", "BR001", "", "INV001", 100)
    yield network
    network.submissions.close()


def under(network: TestNetwork, version: ContractVersion, creator: str, *what: object) -> bytes:
    """Return a signed transaction under `version`; the wallet forgets it."""
    composer = network.composer(creator)
    composer._contract = Contract(version.name, version.version, version.digest)
    return composer.execute(network.wallet, network.instruction(*what)).data


@pytest.mark.parametrize(
    ("standing", "error", "said"),
    [
        (Standing.UNKNOWN, e.ContractUnknown, "no .* with digest sha256:"),
        (Standing.NOT_YET, e.ContractNotYetActive, "not active yet"),
        (Standing.FROZEN, e.ContractFrozen, "is frozen"),
        (Standing.RETIRED, e.ContractRetired, "is retired"),
    ],
)
def test_each_standing_has_a_problem_of_its_own(
    network: TestNetwork, standing: Standing, error: type[Exception], said: str
):
    data = under(network, FIRST, "custody-a", "BR001", "INV001", "INV003", 30)
    network.contracts.standings[FIRST] = standing
    with pytest.raises(error, match=said):
        network.submit("custody-a", data)
    network.contracts.standings[FIRST] = Standing.IN_FORCE
    network.submit("custody-a", data)


def test_a_deprecated_version_moves_and_ends_its_own_tokens(network: TestNetwork):
    network.contracts.standings |= {FIRST: Standing.DEPRECATED, LATER: Standing.IN_FORCE}
    network.submit("custody-a", under(network, FIRST, "custody-a", "BR001", "INV001", "INV003", 30))
    network.submit("trust-a", under(network, FIRST, "trust-a", "BR001", "INV003", "", 10))


def test_a_deprecated_version_makes_nothing_new(network: TestNetwork):
    network.contracts.standings |= {FIRST: Standing.DEPRECATED, LATER: Standing.IN_FORCE}
    issue = under(network, FIRST, "trust-a", "BR001", "", "INV003", 30)
    with pytest.raises(e.ContractDeprecated, match="no BR001 is made by it"):
        network.submit("trust-a", issue)


def test_a_deprecated_version_leaves_the_tokens_of_others_alone(network: TestNetwork):
    """What came under a stricter version does not go back under the rules of an earlier one."""
    network.contracts.standings |= {FIRST: Standing.DEPRECATED, LATER: Standing.IN_FORCE}
    network.submit("custody-a", under(network, LATER, "custody-a", "BR001", "INV001", "INV003", 30))
    back = under(network, FIRST, "direct-a", "BR001", "INV003", "INV001", 30)
    with pytest.raises(e.ContractDeprecated, match=r"made under 9\.0\.0"):
        network.submit("direct-a", back)
