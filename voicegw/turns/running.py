"""One turn that runs in this process: what the agent has answered so far, and ways to wait for more of it."""

import asyncio
from collections.abc import Callable, Sequence

from voicegw.call.instructions import Instruction, Prompt
from voicegw.turns.ports import TurnRequest
from voicegw.turns.progress import Progress, TurnOver


class _Bell:
    """Wakes whoever waits. Remembers nothing: what has happened must be seen elsewhere before one waits.

    Half the time of an `asyncio.Event` within an `asyncio.timeout`: each turn waits four times.
    """

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[bool]] = set()

    def ring(self) -> None:
        while self._waiting:
            _wake(self._waiting.pop(), True)

    async def rings_before(self, deadline: float, clock: Callable[[], float]) -> bool:
        """Wait until it rings; False if it has not by `deadline`."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        timer = loop.call_later(deadline - clock(), _wake, waiter, False)
        self._waiting.add(waiter)
        try:
            return await waiter
        finally:
            timer.cancel()
            self._waiting.discard(waiter)


def _wake(waiter: asyncio.Future[bool], rung: bool) -> None:
    if not waiter.done():
        waiter.set_result(rung)


class Arrivals:
    """What the agent has answered and nobody has taken yet; whoever takes it takes all there is."""

    def __init__(self) -> None:
        self.ended = False
        self._items: list[Instruction] = []
        self._bell = _Bell()

    def put(self, instruction: Instruction) -> None:
        """One more."""
        self._items.append(instruction)
        self._bell.ring()

    def end(self) -> None:
        """The last has come."""
        self.ended = True
        self._bell.ring()

    def take(self) -> list[Instruction]:
        """All there is."""
        items, self._items = self._items, []
        return items

    async def come_before(self, deadline: float, clock: Callable[[], float]) -> bool:
        """Wait until there is something to take, or all has come; False if that is not so by `deadline`."""
        return self.ended or bool(self._items) or await self._bell.rings_before(deadline, clock)


class RunningTurn:
    """One turn that runs here: what it has brought so far, and a way to wait for more."""

    def __init__(self, request: TurnRequest, turn: int) -> None:
        self.request = request
        self.turn = turn
        self.instructions: list[Instruction] = []
        self.over: TurnOver | None = None
        self.words_at: dict[int, float] = {}
        self.task: asyncio.Task[None] | None = None
        self.arrivals = Arrivals()
        self._bell = _Bell()

    def show(self, arrived: Sequence[Instruction], now: float, over: TurnOver | None = None) -> None:
        """More has arrived at `now`; with `over`, no more will (the first such verdict stays)."""
        for instruction in arrived:
            if isinstance(instruction, Prompt):
                self.words_at[len(self.instructions)] = now
            self.instructions.append(instruction)
        self.over = self.over or over
        self._bell.ring()

    def progress(self, taken: int) -> Progress:
        """What there is beyond the first `taken` instructions."""
        return Progress(instructions=tuple(self.instructions[taken:]), over=self.over)

    def first_words_at(self, taken: int) -> float | None:
        """When the first words not yet taken arrived."""
        return min((at for index, at in self.words_at.items() if index >= taken), default=None)

    async def changed_before(self, deadline: float, clock: Callable[[], float]) -> bool:
        """Wait for news, at most until `deadline`."""
        return self.over is not None or await self._bell.rings_before(deadline, clock)
