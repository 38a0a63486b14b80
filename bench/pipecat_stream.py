"""The same work in pipecat: Twilio's serializer, the FastAPI transport, Silero at 8 kHz, a clip for each thing said.

Runs in a Python that has `pipecat-ai[silero,websocket]`; see `bench.stream_load`. No agent, webhook, log or state:
what the caller says is answered as soon as pipecat's own detector hears that it is over.
"""

import asyncio
import audioop
import json
import os
import sys
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import Frame, OutputAudioRawFrame, VADUserStoppedSpeakingFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport

_RATE = 8000
_CLIP_BYTES = 20_000  # 2.5 s of mulaw, as the gateway's voice has it
_PIECE_BYTES = 3200  # 200 ms of samples


class _Answerer(FrameProcessor):
    """Says the clip twice once the caller has finished."""

    def __init__(self, samples: bytes) -> None:
        super().__init__()
        self._samples = samples

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            for at in range(0, len(self._samples), _PIECE_BYTES):
                piece = self._samples[at : at + _PIECE_BYTES]
                await self.push_frame(OutputAudioRawFrame(audio=piece, sample_rate=_RATE, num_channels=1))
        await self.push_frame(frame, direction)


def _application(samples: bytes) -> FastAPI:
    app = FastAPI()

    @app.websocket("/twilio/media")
    async def media(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive_text()  # connected
        start: dict[str, Any] = json.loads(await socket.receive_text())
        serializer = TwilioFrameSerializer(
            start["streamSid"], params=TwilioFrameSerializer.InputParams(auto_hang_up=False)
        )
        transport = FastAPIWebsocketTransport(
            socket,
            FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=serializer),
        )
        detector = VADProcessor(vad_analyzer=SileroVADAnalyzer(sample_rate=_RATE))
        pipeline = Pipeline([transport.input(), detector, _Answerer(samples), transport.output()])
        params = PipelineParams(audio_in_sample_rate=_RATE, audio_out_sample_rate=_RATE)
        task = PipelineTask(pipeline, params=params, cancel_on_idle_timeout=False)
        await PipelineRunner(handle_sigint=False).run(task)

    return app


async def _serve(directory: Path) -> None:
    samples = audioop.ulaw2lin((directory / "clip.ulaw").read_bytes()[:_CLIP_BYTES] * 2, 2)
    server = uvicorn.Server(uvicorn.Config(_application(samples), host="127.0.0.1", port=0, log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn tells nobody)
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    serving.cancel()
    os._exit(0)  # its pipelines take their time to end


if __name__ == "__main__":
    os.sched_setaffinity(0, {0})
    logger.remove()
    uvloop.run(_serve(Path(sys.argv[3])))
