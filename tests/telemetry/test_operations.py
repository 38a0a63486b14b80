"""Dashboard, alerts and the page about them name metrics and labels that exist, and each alert says what to do."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from voicegw.telemetry.instruments import Counts, Histogram
from voicegw.telemetry.labels import BREAKER_STATES, DELIVERY_OUTCOMES
from voicegw.telemetry.metrics import CallMetrics
from voicegw.telemetry.readings import Readings

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations"
PAGE = (OPERATIONS / "README.md").read_text(encoding="utf-8")
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((OPERATIONS / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
BOARD: dict[str, Any] = json.loads((OPERATIONS / "grafana-dashboard.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]
# Prometheus makes `up` of each scrape, and gives every series where it was scraped.
FROM_PROMETHEUS = {"up"}
LABELS_OF_TARGETS = {"job", "instance"}
KEYWORDS = {"and", "or", "unless", "offset", "bool", "by", "on", "without", "ignoring", "group_left", "group_right"}


def metric_names(metrics: CallMetrics) -> dict[str, set[str]]:
    """The name of every series there can be, and the names of its labels."""
    suffixes = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}
    labels_of = {
        instrument.name.removesuffix("_total"): set(instrument.label_names)
        for instrument in vars(metrics._counted).values()
        if isinstance(instrument, Counts | Histogram)  # where nothing is counted yet, no sample tells them
    }
    found = {}
    for family in metrics.registry.collect():
        labels = labels_of.get(family.name, set()) | {label for sample in family.samples for label in sample.labels}
        for suffix in suffixes.get(family.type, ("",)):
            found[family.name + suffix] = labels - {"le"} | ({"le"} if suffix == "_bucket" else set())
    return found


def every_reading() -> Readings:
    return Readings(
        **{name: lambda: 0.0 for name in Readings.__dataclass_fields__ if name not in {"breakers", "event_deliveries"}},
        breakers=lambda: {"p/main": "closed"},
        event_deliveries=dict,
    )


KNOWN = metric_names(CallMetrics(every_reading()))


def names_in(expression: str) -> set[str]:
    """The metrics that a PromQL expression names."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]', " ", expression)
    bare = re.sub(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"(?<![\w.])([a-zA-Z_:][\w:]*)(\s*\()?", bare)
    return {word for word, call in words if not call and word not in KEYWORDS}


def selectors_in(expression: str) -> Iterator[tuple[str, str, str]]:
    """Each metric with a label that it is selected by, and the value or pattern."""
    for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", expression):
        for label, value in re.findall(r'(\w+)\s*[=!]~?\s*"([^"]*)"', matchers):
            yield name, label, value


def test_names_are_found_in_promql() -> None:
    expression = 'sum by (le) (rate(a_bucket{x="b_total"}[5m])) / on () group_left () c offset 1w > 1e3 and vector(0)'
    assert names_in(expression) - {"1w"} == {"a_bucket", "c"}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_that_is_asked_for_exists(expression) -> None:
    names = names_in(expression)
    assert names
    assert names <= KNOWN.keys() | FROM_PROMETHEUS
    for name, label, _ in selectors_in(expression):
        assert label in KNOWN.get(name, set()) | LABELS_OF_TARGETS
    grouped = {label.strip() for labels in re.findall(r"\bby \(([^)]*)\)", expression) for label in labels.split(",")}
    assert grouped <= set().union(*(KNOWN.get(name, set()) for name in names)) | LABELS_OF_TARGETS


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_states_and_outcomes_that_are_asked_for_exist(expression) -> None:
    for name, label, value in selectors_in(expression):
        words = set(value.split("|"))
        if name == "voicegw_agent_breaker_state" and label == "state":
            assert words <= set(BREAKER_STATES)
        if name == "voicegw_event_deliveries_total" and label == "outcome":
            assert words <= set(DELIVERY_OUTCOMES)


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_what_is_wrong_what_it_means_and_what_to_do(rule) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    for name in ("summary", "description", "runbook"):
        assert len(rule["annotations"][name]) > 20
    assert len({*rule["annotations"].values()}) == 3


def test_the_page_lists_every_alert_with_its_severity_and_no_other() -> None:
    rows = dict(re.findall(r"(?m)^\| `(Voicegw\w+)` \| (\w+) \|", PAGE))
    assert rows == {rule["alert"]: rule["labels"]["severity"] for rule in RULES}


def test_the_page_lists_every_metric_and_no_other() -> None:
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in KNOWN if name.startswith("voicegw_")}
    assert set(re.findall(r"`(voicegw_\w+)`", PAGE)) == families


def test_panels_that_a_runbook_sends_to_are_on_the_dashboard() -> None:
    titles = {panel["title"] for panel in PANELS}
    texts = [PAGE, *(rule["annotations"]["runbook"] for rule in RULES)]
    sent_to = {title for text in texts for title in re.findall(r'panel "([^"]+)"', text)}
    assert sent_to
    assert sent_to <= titles


def test_the_dashboard_asks_for_its_data_source() -> None:
    variables = {variable["name"]: variable["type"] for variable in BOARD["templating"]["list"]}
    assert variables == {"datasource": "datasource", "instance": "query"}
    sources = [panel["datasource"]["uid"] for panel in PANELS]
    sources += [target["datasource"]["uid"] for panel in PANELS for target in panel["targets"]]
    assert set(sources) == {"${datasource}"}


def test_panels_have_places_of_their_own_and_say_what_they_show() -> None:
    places = set()
    for panel in PANELS:
        assert panel["description"]
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not cells & places, panel["title"]
        places |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (of Prometheus) is not installed")
@pytest.mark.parametrize("tests", ["alerts_test.yml", "alerts_of_a_week_test.yml"])
def test_alerts_fire_when_they_should_and_not_otherwise(tests) -> None:
    ran = subprocess.run(
        ["promtool", "test", "rules", Path(__file__).with_name(tests)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
