"""A telephone carrier in software: it places calls at a voice webhook as Twilio would, and tells what the caller heard.

It shares no code with the gateway: it reads the vendor's TwiML, signs with the vendor's SDK, and knows only URLs.

    async with AsgiWeb({"https://gateway.example": app}) as web:          # or HttpWeb(), over the network
        carrier = Carrier(web, auth_token="…")
        caller = ScriptedCaller([Hears("how can I help"), Says("the front desk"), Presses("1234#"), HangsUp()])
        callees = {"+15005550106": human(), "sip:lab@pbx.example": Callee(outcome="busy")}
        report = await carrier.place_call("https://gateway.example/twilio/voice", caller, callees=callees)
    print(report.transcript())
    assert not check_invariants(report)

- The caller: `ScriptedCaller` (steps, also from YAML by `load_script`), `PolicyCaller` (decides at each moment, for
  random calls), `InteractiveCaller` (a person types; give `on_event` to show what happens), or any `Caller`.
- Time: the carrier reads only the running loop's clock. `run_virtual(…)` runs a whole call in milliseconds.
- What it does: signed webhooks with the vendor's time-outs, retries, redirects, connection overrides and fallback URL;
  content types, sizes and errors of documents; Say, Play, Pause, Gather, Redirect, Hangup, Reject, Dial (Number, Sip,
  Client, whispers, time limits, status callbacks) and Record. `redirect_call` and `complete_call` do to a live call
  what the REST API does.
- Streams: `<Connect><Stream>` over real WebSockets or in memory, with a playout buffer, marks, `clear` and keys; what
  was heard and said to the sample, and how quickly (`find_responses`, `find_barge_ins`). `CallerSpeech` gives the
  caller a voice and ears; `Telegraph` carries text in audio, exactly; `StreamRules` has the network's mishaps.
- What it does not: other nouns of `<Connect>`, `<Start>`, `<Enqueue>`, `<Refer>`, Queue and Conference are warned of
  (code 0) and count as failed, so that the document's next step runs.
"""

from voicegw.simulator.callees import Callee, human, voicemail
from voicegw.simulator.caller import (
    CallerView,
    HangsUp,
    Hears,
    HearsQuiet,
    InteractiveCaller,
    PolicyCaller,
    Presses,
    Says,
    ScriptedCaller,
    ScriptError,
    Sounds,
    StaysSilent,
    Step,
    Waits,
)
from voicegw.simulator.carrier import Carrier
from voicegw.simulator.invariants import Evidence, Limits, Violation, check_invariants
from voicegw.simulator.phone import Caller, Phone
from voicegw.simulator.report import CallReport
from voicegw.simulator.rules import CarrierRules
from voicegw.simulator.script_file import Script, ScriptFileError, load_script
from voicegw.simulator.silence import Silence, find_silences
from voicegw.simulator.speech import CallerSpeech, Humming
from voicegw.simulator.stream.faultless import StreamLimits
from voicegw.simulator.stream.latencies import BargeIn, Response, find_barge_ins, find_responses
from voicegw.simulator.stream.recording import record_streams
from voicegw.simulator.stream.records import Streamed
from voicegw.simulator.stream.rules import StreamRules
from voicegw.simulator.stream.sound import read_wav, write_wav
from voicegw.simulator.stream.web_socket import Socket, SocketClosedError, SocketRefusedError, SocketRequest
from voicegw.simulator.telegraph import Telegraph
from voicegw.simulator.update import UpdateRefusedError
from voicegw.simulator.virtual_time import DeadlockError, VirtualTimeLoop, run_virtual
from voicegw.simulator.web import WebAnswer, WebClient, WebError, WebRequest
from voicegw.simulator.web_aiohttp import HttpWeb
from voicegw.simulator.web_asgi import AsgiWeb

__all__ = [
    "AsgiWeb",
    "BargeIn",
    "CallReport",
    "Callee",
    "Caller",
    "CallerSpeech",
    "CallerView",
    "Carrier",
    "CarrierRules",
    "DeadlockError",
    "Evidence",
    "HangsUp",
    "Hears",
    "HearsQuiet",
    "HttpWeb",
    "Humming",
    "InteractiveCaller",
    "Limits",
    "Phone",
    "PolicyCaller",
    "Presses",
    "Response",
    "Says",
    "Script",
    "ScriptError",
    "ScriptFileError",
    "ScriptedCaller",
    "Silence",
    "Socket",
    "SocketClosedError",
    "SocketRefusedError",
    "SocketRequest",
    "Sounds",
    "StaysSilent",
    "Step",
    "StreamLimits",
    "StreamRules",
    "Streamed",
    "Telegraph",
    "UpdateRefusedError",
    "Violation",
    "VirtualTimeLoop",
    "Waits",
    "WebAnswer",
    "WebClient",
    "WebError",
    "WebRequest",
    "check_invariants",
    "find_barge_ins",
    "find_responses",
    "find_silences",
    "human",
    "load_script",
    "read_wav",
    "record_streams",
    "run_virtual",
    "voicemail",
    "write_wav",
]
