"""What all verbs of one leg work with: its line, its webhooks, the rules, and where to go next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from urllib.parse import urljoin, urlsplit

from voicegw.simulator.callees import Callee
from voicegw.simulator.documents import Document
from voicegw.simulator.errands import Errands
from voicegw.simulator.journal import Journal
from voicegw.simulator.legs import Leg
from voicegw.simulator.line import Line
from voicegw.simulator.rules import CarrierRules
from voicegw.simulator.web import WebClient
from voicegw.simulator.webhooks import WebhookSender


@dataclass(frozen=True, slots=True, kw_only=True)
class GoTo:
    """Ask this URL for the next document."""

    url: str
    purpose: str
    method: str = "POST"
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """The leg ends; see `report.EndReason`."""

    reason: str


Next = GoTo | End | None
"""What a verb leads to; None for the verb after it."""


@dataclass(slots=True, kw_only=True)
class CallContext:
    """One leg under the control of TwiML. `at_hangup`: what is still asked for if the person hangs up in this verb."""

    leg: Leg
    line: Line
    journal: Journal
    sender: WebhookSender
    web: WebClient
    rules: CarrierRules
    random: Random
    wall_clock: Callable[[], datetime]
    callees: Mapping[str, Callee]
    default_callee: Callee
    auth_token: str = ""
    errands: Errands = field(default_factory=Errands)
    own_hosts: set[str] = field(default_factory=set)
    at_hangup: GoTo | None = None

    def action(
        self, document: Document, action: str | None, method: str | None, purpose: str, extra: Mapping[str, str]
    ) -> GoTo:
        """Where a verb's `action` leads: "current doc URL, POST" unless it says otherwise; may be relative."""
        url = self.absolute(document, action or "")
        return GoTo(url=url, purpose=purpose, method=(method or "POST").upper(), extra=extra)

    def absolute(self, document: Document, url: str) -> str:
        """A URL of a document, "absolute or relative" to the document's own."""
        return urljoin(document.url, url.strip())

    def is_own(self, url: str) -> bool:
        """True if a URL is on a host that has served this call's documents."""
        return urlsplit(url).netloc in self.own_hosts
