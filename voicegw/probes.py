"""What a load balancer asks: is the process alive, and is it ready for new calls?"""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from voicegw import __version__
from voicegw.errors import StoreError
from voicegw.turns.ports import CallStore

STORE_SECONDS: Final = 2.0


class Probes:
    """`/healthz` and `/readyz`, open to all: they tell nothing of any call."""

    def __init__(self, store: CallStore, is_accepting: Callable[[], bool]) -> None:
        self._store = store
        self._is_accepting = is_accepting

    def routes(self) -> list[BaseRoute]:
        """Both."""
        return [
            Route("/healthz", self._health, methods=["GET"]),
            Route("/readyz", self._readiness, methods=["GET"]),
        ]

    async def _health(self, _request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "version": __version__})

    _health.guard = "public"  # type: ignore[attr-defined]

    async def _readiness(self, _request: Request) -> JSONResponse:
        """Ready while new calls are taken and the store answers."""
        reasons = [] if self._is_accepting() else ["stopping"]
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._store.load_call("readiness")
        except (StoreError, TimeoutError):
            reasons.append("store")
        return JSONResponse({"ready": not reasons, "waiting_for": reasons}, status_code=503 if reasons else 200)

    _readiness.guard = "public"  # type: ignore[attr-defined]
