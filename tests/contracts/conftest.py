from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.archives import read_folder
from contracts.gates.subjects import Machines
from contracts.packages import Package, make_package
from contracts.sandbox.runtime import Runtime, obtain
from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set, shipped_text

SHIPPED = Path(__file__).parents[2] / "contracts" / "shipped"


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    return obtain()


@pytest.fixture(scope="session")
def machines(runtime: Runtime) -> Iterator[Machines]:
    made = Machines()
    yield made
    made.close()


@pytest.fixture(scope="session")
def package() -> Package:
    return make_package(read_folder(SHIPPED / "beneficial_right"))


@pytest.fixture(scope="session")
def rules() -> CompiledRules:
    return compile_rules(parse_rule_set(shipped_text()))
