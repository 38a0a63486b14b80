"""The sounds under one call: fetched when the call wants them, given to whoever mixes them, stopped when it does not.

One that cannot be had is a line in the log, and not tried again for as long as it is wanted.
"""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from voicegw.audio.mixing import BackgroundMixer, render_loop
from voicegw.call.instructions import PlayAudio
from voicegw.errors import VoicegwError
from voicegw.live.ports import PromptSource

_log = structlog.get_logger(__name__)


class Backgrounds:
    """Keeps `mixer` as the call wants it; `changed` is called when there is something new to hear."""

    def __init__(self, prompts: PromptSource, call_sid: str, changed: Callable[[], None]) -> None:
        self.mixer = BackgroundMixer()
        self._prompts = prompts
        self._call_sid = call_sid
        self._changed = changed
        self._wanted: Mapping[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def want(self, wanted: Mapping[str, str]) -> None:
        """Play these sources, by name, and nothing else."""
        if wanted == self._wanted:
            return
        before, self._wanted = self._wanted, wanted
        for name, source in before.items():
            if wanted.get(name) != source:
                self._tasks[name].cancel()
                self.mixer.stop(name)
        for name, source in wanted.items():
            if before.get(name) != source:
                self._tasks[name] = asyncio.create_task(self._play(name, source), name=f"background-{self._call_sid}")

    async def close(self) -> None:
        """Play nothing any more."""
        self.want({})
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _play(self, name: str, source: str) -> None:
        """The task's root: a call goes on without what sounds under it."""
        try:
            sound = b"".join([piece async for piece in self._prompts.load(PlayAudio(source=source))])
        except VoicegwError as error:
            _log.warning("background not played", call_sid=self._call_sid, code=error.code, reason=error.brief)
        except Exception:
            _log.exception("background crashed", call_sid=self._call_sid)
        else:
            self.mixer.start(name, render_loop(sound))
            self._changed()
