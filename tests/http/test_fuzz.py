"""Requests made from the API's own description: no server error, every answer as described."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.http.network import Served

QUICK = 4
"""Requests for each operation in the normal run: some 500 in all."""

THOROUGH = 160
"""Requests for each operation in the long run: more than 20,000 in all."""

CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
schemathesis.serializer.alias(
    ["application/pkcs10", "application/ocsp-request", "application/wasm"],
    "application/octet-stream",
)
MEMBERS = ["", "platform", "trust-a", "custody-a", "entrusted-a", "auditor"]
BUSY = 503


def fuzz(served: Served, examples: int) -> Counter[str]:
    """Send `examples` requests to each operation; return what was wrong, and how often."""
    document = served.http.get("/schema/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    wrong: Counter[str] = Counter()
    for result in schema.get_all_operations():
        _fuzz_operation(served, result.ok(), examples, wrong)
    return wrong


def _fuzz_operation(served: Served, operation: Any, examples: int, wrong: Counter[str]) -> None:
    @settings(
        max_examples=examples,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
        database=None,
    )
    @given(case=operation.as_strategy(), member=st.sampled_from(MEMBERS))
    def send(case: Any, member: str) -> None:
        headers = served.token(member) if member else {}
        response = case.call(base_url=served.settings.url, headers=headers, timeout=60)
        if response.status_code >= 500 and response.status_code != BUSY:
            wrong[f"{operation.label}: {response.status_code}: {case.as_curl_command()}"] += 1
            return
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                message = str(failure).replace("\n", " ")[:600]
                wrong[f"{operation.label}: {response.status_code}: {message}"] += 1

    send()


def test_no_server_error_and_answers_as_described(served: Served) -> None:
    wrong = fuzz(served, QUICK)
    assert not wrong, "\n".join(sorted(wrong))


@pytest.mark.slow
def test_twenty_thousand_requests(served: Served) -> None:
    wrong = fuzz(served, THOROUGH)
    assert not wrong, "\n".join(sorted(wrong))
