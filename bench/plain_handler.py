"""The obvious handler of the same job, to compare with: FastAPI, the vendor's validator and TwiML classes, httpx.

It answers each webhook with one turn of the agent and remembers sessions in a dictionary. It keeps no state that a
restart or a second process could use, knows no replay, barge-in, time-out or retry: what those cost is in the ratio.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, HTTPException, Request, Response
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import VoiceResponse

from bench.signed_calls import AUTH_TOKEN, PUBLIC_URL


def create_plain_handler(agent_url: str) -> FastAPI:
    """The application; `agent_url` is the origin of the agent."""
    validator = RequestValidator(AUTH_TOKEN)
    sessions: dict[str, str] = {}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(base_url=agent_url, timeout=10.0) as http:
            app.state.http = http
            yield

    app = FastAPI(lifespan=lifespan)

    async def read(request: Request) -> dict[str, str]:
        form = {name: str(value) for name, value in (await request.form()).items()}
        url = PUBLIC_URL + request.url.path
        if not validator.validate(url, form, request.headers.get("x-twilio-signature", "")):
            raise HTTPException(403)
        return form

    @app.post("/twilio/voice")
    async def voice(request: Request) -> Response:
        form = await read(request)
        started = await app.state.http.post(
            "/v4/project/bench/session", headers={"authorization": "VF.DM.bench"}, json={"userID": form["CallSid"]}
        )
        sessions[form["CallSid"]] = started.json()["sessionKey"]
        return await _interact(app.state.http, sessions[form["CallSid"]], {"type": "launch"})

    @app.post("/twilio/step")
    async def step(request: Request) -> Response:
        form = await read(request)
        said = {"type": "text", "payload": form.get("SpeechResult", "")}
        return await _interact(app.state.http, sessions[form["CallSid"]], said)

    @app.post("/twilio/status")
    async def status(request: Request) -> Response:
        form = await read(request)
        sessions.pop(form["CallSid"], None)
        return Response(str(VoiceResponse()), media_type="text/xml")

    return app


async def _interact(http: httpx.AsyncClient, session_key: str, action: dict[str, object]) -> Response:
    """One turn of the agent as TwiML."""
    answer = VoiceResponse()
    gather = answer.gather(
        input="dtmf speech",
        action=f"{PUBLIC_URL}/twilio/step",
        method="POST",
        speech_timeout="auto",
        language="en-US",
    )
    async with http.stream(
        "POST",
        "/v4/interact/stream",
        headers={"authorization": session_key},
        json={"action": action, "config": {"completionEvents": True}},
    ) as streamed:
        async for line in streamed.aiter_lines():
            if line.startswith("data: "):
                trace = json.loads(line[6:])
                if trace.get("type") in ("speak", "text"):
                    gather.say(trace["payload"]["message"], language="en-US")
                elif trace.get("type") == "no-reply":
                    gather.timeout = trace["payload"]["timeout"]
    answer.redirect(f"{PUBLIC_URL}/twilio/step", method="POST")
    return Response(str(answer), media_type="text/xml")
