"""`/metrics` for Prometheus: who may read it, and that it is what Prometheus reads."""

from collections.abc import Callable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from voicegw.calllog.tokens import Scope


async def test_metrics_take_a_token_of_their_own_scope(site: Any) -> None:
    scrapes = await site.tokens.add("prometheus", [Scope.METRICS])
    reads = await site.tokens.add("reader", [Scope.CALLS_READ])
    assert (await site.get("/metrics", token="")).status_code == 401
    assert (await site.get("/metrics", token=reads)).status_code == 403
    answer = await site.get("/metrics", token=scrapes)
    assert answer.status_code == 200
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"voicegw_live_calls", "voicegw_call_log_queued_entries"} <= families


async def test_open_metrics_are_for_everyone(open_site: Callable[..., Any]) -> None:
    site = await open_site(open_metrics=True)
    answer = await site.get("/metrics", token="")
    assert answer.status_code == 200
    assert "voicegw_live_calls " in answer.text
