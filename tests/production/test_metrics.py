"""The dashboard and the alerts ask for metrics that exist, with labels that they have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from governance import observation

DOCS = Path(__file__).parents[2] / "docs" / "operations"
LABELS_OF_ALL = {"le"}
METRIC = re.compile(r"sekisho_[a-z_]+")
LABELS = re.compile(r"\b(?:by|without) \(([^)]*)\)|\{([^}]*)\}")


def expressions() -> Iterator[str]:
    yield from re.findall(r"^ +expr: (.*)$", (DOCS / "alerts.yml").read_text(), re.MULTILINE)
    dashboard = json.loads((DOCS / "grafana.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def labels_in(expression: str) -> set[str]:
    named = set()
    for grouped, selected in LABELS.findall(expression):
        named |= {label.strip() for label in grouped.split(",") if label.strip()}
        named |= {re.split(r"[!=]", part)[0].strip() for part in selected.split(",") if part}
    return named


def known() -> dict[str, set[str]]:
    metrics = [m for m in vars(observation).values() if isinstance(m, MetricWrapperBase)]
    return {
        name: set(metric._labelnames)
        for metric in metrics
        for name in REGISTRY._collector_to_names[metric]
    }


def test_there_are_expressions():
    assert len(list(expressions())) > 10


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_expression_names_what_exists(expression: str):
    metrics = known()
    named = METRIC.findall(expression)
    assert named
    assert set(named) <= metrics.keys()
    labels = set().union(*(metrics[name] for name in named)) | LABELS_OF_ALL
    assert labels_in(expression) <= labels
