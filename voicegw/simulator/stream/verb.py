"""Runs `<Connect><Stream>`: opens the gateway's WebSocket, streams, and goes on with what follows when it ends.

The vendor: the server that closes ends it, and `action`, "else next verb, else hangup". "No reconnection." "Call end ⇒
`stop` then Twilio closes WS", and a live call's update does the same.
"""

import asyncio
from dataclasses import dataclass

from twiml import Connect, Stream
from voicegw.simulator.call_context import CallContext, GoTo
from voicegw.simulator.documents import Document
from voicegw.simulator.legs import new_sid
from voicegw.simulator.stream.opening import NotOpenedError, Opening, read_stream, sign
from voicegw.simulator.stream.records import Streamed, StreamEnd
from voicegw.simulator.stream.session import StreamSession
from voicegw.simulator.stream.web_socket import Socket, SocketRefusedError, SocketRequest
from voicegw.simulator.stream.wire import MessageWriter
from voicegw.simulator.timeline import LostBecause, StreamBegan
from voicegw.simulator.webhooks import Webhook

BROKEN_PIPE = 31903


async def run_stream(context: CallContext, document: Document, verb: Connect, stream: Stream) -> GoTo | None:
    """Stream until either side ends it; leads to the action, or to the next verb."""
    after = None
    if verb.action is not None:
        after = context.action(document, verb.action, verb.method, "connect", {})
    rules = context.rules.stream
    streaming = _Streaming(context, document.url, context.journal.now_seconds(), new_sid("MZ", context.random))
    try:
        with context.line.deaf(LostBecause.STREAM_OPENING):
            opening = read_stream(stream, rules)
            for code, text in opening.warnings:
                context.journal.warn(code, text, document.url)
            await asyncio.sleep(rules.connect_seconds)
            headers = (("x-twilio-signature", sign(opening.url, context.auth_token, rules)),)
            request = SocketRequest(url=opening.url, headers=headers, within_seconds=rules.handshake_seconds)
            socket = await context.web.open_socket(request)
    except (NotOpenedError, SocketRefusedError) as exc:
        streaming.refuse(stream, exc)
        return after
    try:
        await streaming.run(opening, socket)
    except asyncio.CancelledError:
        context.at_hangup = after
        raise
    return after


@dataclass(slots=True)
class _Streaming:
    """One `<Stream>` from its verb to its record."""

    context: CallContext
    document_url: str
    at_seconds: float
    stream_sid: str

    def refuse(self, stream: Stream, why: NotOpenedError | SocketRefusedError) -> None:
        """Write down that there was no stream."""
        journal = self.context.journal
        journal.warn(why.code, str(why), self.document_url)
        journal.keep(self._record(stream.url or "", "refused"))
        callback = stream.status_callback or ""
        if callback.startswith(("http://", "https://")):
            method = (stream.status_callback_method or "POST").upper()
            self._tell(callback, method, stream.name or "", {"StreamEvent": "stream-error", "StreamError": str(why)})

    async def run(self, opening: Opening, socket: Socket) -> None:
        """Stream, take leave where that is the carrier's part, and write it all down."""
        context, line = self.context, self.context.line
        leg, rules = context.leg, context.rules.stream
        writer = MessageWriter(stream_sid=self.stream_sid, call_sid=leg.call_sid, account_sid=leg.account_sid)
        session = StreamSession(line, socket, writer, rules, context.random)
        began_at = context.journal.now_seconds()
        context.journal.tell(StreamBegan(at_seconds=began_at, url=opening.url))
        self._call_back(opening, {"StreamEvent": "stream-started"})
        ended_by: StreamEnd = "rules"
        try:
            with line.streaming(session, session):
                ended_by = await session.run(opening.parameters)
        except asyncio.CancelledError:
            ended_by = "caller" if line.hung_up.is_set() else "update"
            raise
        finally:
            record = self._record(opening.url, ended_by, began_at)
            context.errands.start(self._finish(session, record))
            self._call_back(opening, _event_of(ended_by))
            if ended_by == "broken":
                context.journal.warn(BROKEN_PIPE, "the gateway's connection broke without a close", self.document_url)

    async def _finish(self, session: StreamSession, record: Streamed) -> None:
        """What is done behind the call's back: `stop`, the close, and making out the last words."""
        if record.ended_by in ("caller", "update"):
            await session.leave()
        await session.understood()
        record = session.report(record)
        # The vendor warns "once per Stream" of each.
        for breach in {breach.code: breach for breach in reversed(record.breaches)}.values():
            self.context.journal.warn(breach.code, breach.text, self.document_url)
        self.context.journal.keep(record)

    def _record(self, url: str, ended_by: StreamEnd, began_at: float | None = None) -> Streamed:
        return Streamed(
            at_seconds=self.at_seconds,
            seconds=round(self.context.journal.now_seconds() - self.at_seconds, 6),
            url=url,
            stream_sid=self.stream_sid,
            ended_by=ended_by,
            began_at_seconds=began_at,
        )

    def _call_back(self, opening: Opening, event: dict[str, str]) -> None:
        if opening.status_callback:
            self._tell(opening.status_callback, opening.status_method, opening.name, event)

    def _tell(self, url: str, method: str, name: str, event: dict[str, str]) -> None:
        """A status callback: "StreamName (defaults to StreamSid), Timestamp (ISO 8601)"."""
        leg = self.context.leg
        params = {
            "AccountSid": leg.account_sid,
            "CallSid": leg.call_sid,
            "StreamSid": self.stream_sid,
            "StreamName": name or self.stream_sid,
            "Timestamp": self.context.wall_clock().isoformat(),
            **event,
        }
        self.context.sender.notify(Webhook(url=url, purpose="stream-status", standard=params, method=method))


def _event_of(ended_by: StreamEnd) -> dict[str, str]:
    if ended_by in ("broken", "rules"):
        return {"StreamEvent": "stream-error", "StreamError": "the connection broke"}
    return {"StreamEvent": "stream-stopped"}
