"""What an operator reads of a running server: health and metrics."""

import re

from prometheus_client.parser import text_string_to_metric_families

from tests.http.network import Served


def value(served: Served, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples with these labels."""
    families = text_string_to_metric_families(served.http.get("/metrics").text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_every_request_is_counted_and_timed_under_its_route(served: Served):
    token = served.token("trust-a")
    route = "/v1/members/{member_id}"

    def counts() -> tuple[float, float, float]:
        return (
            value(served, "sekisho_requests_total", route=route, method="GET", status="200"),
            value(served, "sekisho_requests_total", route=route, method="GET", status="404"),
            value(served, "sekisho_request_seconds_count", route=route),
        )

    before = counts()
    assert served.http.get("/v1/members/trust-a", headers=token).status_code == 200
    assert served.http.get("/v1/members/nobody-here", headers=token).status_code == 404
    grown = [after - past for past, after in zip(before, counts(), strict=True)]
    assert grown == [1, 1, 2]
    assert "nobody-here" not in served.http.get("/metrics").text


def test_the_gauges_that_alerts_ask_for_have_values(served: Served):
    text = served.http.get("/metrics").text
    for gauge in (
        "sekisho_log_size",
        "sekisho_checkpoint_age_seconds",
        "sekisho_submission_queue_length",
        'sekisho_certificate_days_left{member="trust-a"',
    ):
        assert re.search(rf"^{re.escape(gauge)}.* \d", text, re.MULTILINE), gauge


def test_it_is_live_and_ready(served: Served):
    assert served.http.get("/health/live").json() == {"status": "live"}
    assert set(served.http.get("/health/ready").json().values()) == {"ok"}
