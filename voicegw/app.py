"""The composition root: the only place that builds clients, stores and routes, and where adapters meet.

`create_gateway` gives a `Gateway`; its `asgi` is the application that a server runs. Everything that differs between
a real process and a test (store, transport, clocks) can be handed in.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import structlog
from fastapi import FastAPI
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from voicegw import __version__
from voicegw.api import problems
from voicegw.api.application import api_routes
from voicegw.api.scraping import metrics_route
from voicegw.call.entries import Journal, NoJournal
from voicegw.call.inputs import CallParties
from voicegw.call.moves import Line
from voicegw.call.profile import Mode, NumberProfile
from voicegw.calllog.tokens import Tokens
from voicegw.config import Settings, needs_restart
from voicegw.errors import StoreError
from voicegw.live.ports import Realtime, Speech
from voicegw.operations import Operations
from voicegw.probes import Probes
from voicegw.prompts.prepare import PromptPreparer
from voicegw.signing import account_of, token_secrets, webhook_verifier
from voicegw.speech_setup import speech_of
from voicegw.store.sqlite import SqliteStore
from voicegw.stream_mode import StreamMode, realtime_of
from voicegw.turns.conversation import Conversations
from voicegw.turns.ports import CallStore, CarrierControl
from voicegw.twilio.answers import TwimlPerformer
from voicegw.twilio.live_calls import LiveCalls
from voicegw.twilio.requests import RequestReader
from voicegw.twilio.served_audio import ServedAudio
from voicegw.twilio.stream_tokens import StreamTokens
from voicegw.twilio.webhooks import Webhooks
from voicegw.voiceflow.agent import VoiceflowAgent
from voicegw.voiceflow.client import AgentSettings, VoiceflowClient
from voicegw.voiceflow.transport import AgentTransport, AiohttpTransport

CLEAR_UP_EVERY_SECONDS = 60.0
STOP_GRACE_SECONDS = 25.0
# A call and what belongs to it is remembered this long after it last did something: longer than any call rests
LIVE_STATE_SECONDS = 26 * 3600.0

_log = structlog.get_logger(__name__)


class Gateway:
    """One gateway process: its settings, its calls and its ASGI application."""

    def __init__(  # noqa: PLR0913 (all that differs between a process and a test)
        self,
        settings: Settings,
        *,
        store: CallStore,
        transport: AgentTransport,
        wall: Callable[[], float] = time.time,
        routes: Sequence[BaseRoute] = (),
        journal: Journal | None = None,
        operations: Operations | None = None,
        control: CarrierControl | None = None,
        speech: Speech | None = None,
        realtime: Realtime | None = None,
    ) -> None:
        self._settings = settings
        self._operations = operations
        journal = operations.journal if operations is not None else journal or NoJournal()
        self._store = store
        self._transport = transport
        self._wall = wall
        self._clients: dict[tuple[str, str, str], VoiceflowClient] = {}
        self._agent = VoiceflowAgent(self._client_for, journal=journal)
        self._preparer = PromptPreparer()
        self._probing: asyncio.Task[None] | None = None
        self._accepting = False
        self._control = control or LiveCalls(lambda: account_of(self._settings), settings.public_url)
        audio = ServedAudio(store, self._preparer, settings.public_url, journal)
        tokens = StreamTokens(token_secrets(settings))
        self.conversations = Conversations(
            agent=self._agent,
            store=store,
            performer=TwimlPerformer(settings.public_url, audio, tokens, wall),
            line_for=lambda parties: self.line_for(parties) or Line(NumberProfile()),
            clock=asyncio.get_running_loop().time,
            wall=wall,
            journal=journal,
            control=self._control,
        )
        self._reader = RequestReader(webhook_verifier(settings), settings.twilio.account_sid)
        webhooks = self._webhooks(journal)
        self._realtime = realtime if speech is not None else None
        self.streams = self._stream_mode(speech, tokens) if speech is not None else None
        # for a server that can carry media streams without ASGI
        self.media_sockets = self.streams.sockets if self.streams is not None else None
        streams = self.streams.routes() if self.streams is not None else []
        others = [*self._operators_routes(operations), *routes, *Probes(store, lambda: self._accepting).routes()]
        self.asgi = self._application([*webhooks.routes(), *streams, *others])

    async def start(self) -> None:
        """Open what must be open before the first call: store and connections to the agents. Raises `StoreError`."""
        if isinstance(self._store, SqliteStore):
            await self._store.open()
        if self._operations is not None:
            await self._operations.start()
        await asyncio.gather(*(self._agent.warm(profile) for profile in self._settings.numbers))
        if self.streams is not None:
            self.streams.start(self._settings)
        self._probing = asyncio.create_task(self._agent.keep_probing(), name="probe-agents")
        self._accepting = True

    async def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """Take no new calls, let turns finish for at most `grace_seconds`, close what was opened."""
        self._accepting = False
        await self.conversations.close(grace_seconds)
        if self.streams is not None:
            await self.streams.close()
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
        if isinstance(self._transport, AiohttpTransport):
            await self._transport.close()
        if isinstance(self._control, LiveCalls):
            await self._control.close()
        self._preparer.close()
        await self._store.close()
        if self._operations is not None:  # last: the end of every call is still told
            await self._operations.stop()

    def reload(self, settings: Settings) -> tuple[str, ...]:
        """Take on new settings for new calls; live calls keep theirs. Returns what needs a restart instead."""
        waiting = needs_restart(self._settings, settings)
        kept = {name: getattr(self._settings, name) for name in waiting if "." not in name}
        self._settings = settings.model_copy(update=kept)
        self._reader.trust(webhook_verifier(self._settings), self._settings.twilio.account_sid)
        if self.streams is not None:
            self.streams.trust(self._settings)
        self._clients.clear()
        self._agent.forget_faults()
        if self._operations is not None:
            self._operations.reload(self._settings)
        speechless = settings.speaks and self.streams is None  # recognisers and voices are loaded at start
        return (*waiting, "mode") if speechless else waiting

    def line_for(self, parties: CallParties) -> Line | None:
        """The called number's line as set now; None if that number is not served."""
        profile = self._settings.profile_for(parties.called_number)
        if profile is None:
            return None
        if self.streams is None and profile.mode is Mode.STREAM:  # until the restart that `reload` asks for
            profile = profile.model_copy(update={"mode": Mode.GATHER})
        own_numbers = self._settings.own_numbers | {parties.called_number}
        return Line(profile, own_numbers, realtime=self._realtime is not None)

    def _webhooks(self, journal: Journal) -> Webhooks:
        return Webhooks(
            conversations=self.conversations,
            store=self._store,
            reader=self._reader,
            line_for=self.line_for,
            user_id_for=self._user_id_for,
            has_room=self._has_room,
            public_url=self._settings.public_url,
            journal=journal,
        )

    def _stream_mode(self, speech: Speech, tokens: StreamTokens) -> StreamMode:
        return StreamMode(
            self._settings,
            self.conversations,
            speech=speech,
            realtime=self._realtime,
            tokens=tokens,
            wall=self._wall,
        )

    def _operators_routes(self, operations: Operations | None) -> list[BaseRoute]:
        """The API and the metrics, of a gateway that runs anything beside its calls."""
        if operations is None:
            return [*api_routes(self.conversations, None, None)]
        operations.watch(live_calls=lambda: self.conversations.live_calls, breakers=self._agent.breaker_states)
        tokens = Tokens(operations.engine, self._wall) if operations.engine is not None else None
        metrics = metrics_route(operations.metrics.render, tokens, open_to_all=self._settings.open_metrics)
        return [*api_routes(self.conversations, operations.reader, tokens), metrics]

    def _client_for(self, profile: NumberProfile) -> VoiceflowClient:
        voiceflow = self._settings.voiceflow
        project = profile.project_id or voiceflow.project_id
        environment = profile.environment or voiceflow.environment
        key = (project, environment, profile.timezone)
        if key not in self._clients:
            settings = AgentSettings(
                api_key=voiceflow.key_for(project),
                project_id=project,
                environment=environment or None,
                base_url=voiceflow.base_url,
                streaming=voiceflow.streaming,
                timezone=profile.timezone or None,
            )
            self._clients[key] = VoiceflowClient(settings, self._transport)
        return self._clients[key]

    async def _user_id_for(self, call_sid: str, parties: CallParties, profile: NumberProfile) -> str:
        """The agent's name for the caller. Withheld callers never share one; nor do two live calls of one caller."""
        if profile.user_id == "call" or not parties.caller_number:
            return call_sid
        user_id = parties.caller_number
        if profile.user_id == "hash":
            key = self._settings.voiceflow.key_for(profile.project_id).get_secret_value()
            user_id = hmac.new(key.encode(), user_id.encode(), hashlib.sha256).hexdigest()
        with suppress(StoreError):  # without the store nobody can tell: the call's own name is always free
            if await self._store.claim_name(user_id, call_sid):
                return user_id
        return f"{user_id}-{call_sid}"

    async def _has_room(self) -> bool:
        return self._accepting and self.conversations.live_calls < self._settings.max_live_calls

    def _application(self, routes: Sequence[BaseRoute]) -> FastAPI:
        application = _Application(
            title="voicegw",
            version=__version__,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,  # such a redirect would be built from `Host`, which any client can write
            lifespan=self._lifespan,
        )
        problems.install(application)
        application.router.routes.extend(routes)
        return application

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """From start to stop, with what is cleared up now and then. Raises `StoreError` where it cannot start."""
        clearing: asyncio.Task[None] | None = None
        try:
            await self.start()
            clearing = asyncio.create_task(self._clear_up(), name="clear-up")
            yield
        finally:
            if clearing is not None:
                clearing.cancel()
                await asyncio.gather(clearing, return_exceptions=True)
            await self.stop()

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        async with self.running():
            yield

    async def _clear_up(self) -> None:
        while True:
            await asyncio.sleep(CLEAR_UP_EVERY_SECONDS)
            try:
                await self._store.purge()
                await self.conversations.reap()
            except StoreError as error:
                _log.warning("clearing up failed", code=error.code, reason=str(error))


class _Application(FastAPI):
    """FastAPI for whatever else is served; Twilio's webhooks, which bring their own guards and errors, go straight to
    their routes, for its layers of middleware cost a tenth of a turn."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["path"].startswith("/twilio/"):
            await self.router(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_gateway(settings: Settings, *, routes: Sequence[BaseRoute] = ()) -> Gateway:
    """A gateway as it runs for real: live calls in SQLite, the agent over pooled connections, what happens kept.

    Must be called inside a running event loop. Raises `SettingsError` where a number speaks through us and speech is
    not installed.
    """
    speech, realtime = speech_of(settings), realtime_of(settings)  # first: nothing is open yet if they are refused
    store = SqliteStore(settings.live_store_path, wall=time.time, lifetime_seconds=LIVE_STATE_SECONDS)
    operations = Operations(settings, clock=asyncio.get_running_loop().time)
    return Gateway(
        settings,
        store=store,
        transport=AiohttpTransport(),
        routes=routes,
        operations=operations,
        speech=speech,
        realtime=realtime,
    )
