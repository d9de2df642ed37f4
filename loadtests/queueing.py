"""What a Gate does to requests: n run, m wait, one more is refused. By formula, and by simulation.

The formulas are those of M/M/c/K, corrected for service times that are not exponential in the manner of Allen and
Cunneen (Allen, Probability, Statistics, and Queueing Theory, 2nd ed., 1990, section 5.3.6): a queue is (1 + v)/2 as
long, v being the squared coefficient of variation of the service time. The waiting room is therefore taken to be
2/(1 + v) as large. Exact for exponential service times, and for a room of nobody whatever the times (Erlang's B);
the right ends where the load is small or far too large; in between as good as the simulation says.
"""

import heapq
import math
import random
import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """`servers` at once, each `service` seconds on average with the squared coefficient of variation `variation`."""

    servers: int
    waiting: int
    service: float
    variation: float = 1.0

    @property
    def capacity(self) -> float:
        """Requests a second that it cannot exceed."""
        return self.servers / self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """What becomes of requests at one rate of arrivals."""

    refused: float
    """Share of all."""
    delayed: float
    """Share of those let in that wait at all."""
    wait: float
    """Mean seconds of those let in, those that do not wait included."""
    in_flight: float
    """Running and waiting, on average."""


def erlang_b(servers: int, offered: float) -> float:
    """The share refused where nobody may wait; `offered` is arrivals a second times seconds of service."""
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = offered * blocked / (count + offered * blocked)
    return blocked


def erlang_c(servers: int, offered: float) -> float:
    """The share that waits where everybody may; 1 where the queue grows for ever."""
    load = offered / servers
    if load >= 1:
        return 1.0
    blocked = erlang_b(servers, offered)
    return blocked / (1 - load * (1 - blocked))


def predict(gate: Gate, rate: float) -> Predicted:
    """In the steady state, for Poisson arrivals."""
    load, shrink = rate * gate.service / gate.servers, (1 + gate.variation) / 2
    if math.isclose(load, 1.0, rel_tol=1e-6):
        load = 1 - 1e-6  # Where the sums below are 0/0; they are continuous there.
    room = gate.waiting / shrink
    # Of states with all servers busy, in units of the one in which nobody waits.
    queued = load * (1 - load**room) / (1 - load)
    length = load * (1 - (room + 1) * load**room + room * load ** (room + 1)) / (1 - load) ** 2
    # Erlang's B is the share of that state among those in which nobody waits.
    full = erlang_b(gate.servers, load * gate.servers)
    unit = full / (1 + full * queued)
    refused = unit * load**room
    let_in = rate * (1 - refused)
    waits = shrink * unit * length / let_in
    return Predicted(
        refused=refused,
        delayed=unit * (1 + queued - load**room) / (1 - refused),
        wait=waits,
        in_flight=let_in * (waits + gate.service),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What became of each request, in the order of arrival."""

    refused: float
    waits: list[float]
    """Of those let in."""

    @property
    def wait(self) -> float:
        return statistics.fmean(self.waits)


def simulate(
    gate: Gate, rate: float, *, requests: int, seed: int, service: Callable[[random.Random], float]
) -> Simulated:
    """Request by request: Poisson arrivals, first come first served; `service` draws the seconds of one."""
    chance = random.Random(f"gate:{seed}")
    free = [0.0] * gate.servers  # A heap of when each server is free again.
    begins: deque[float] = deque()  # When each of those that wait will begin: it is known as soon as they come.
    now, refused = 0.0, 0
    waits: list[float] = []
    for _ in range(requests):
        now += chance.expovariate(rate)
        while begins and begins[0] <= now:
            begins.popleft()
        if free[0] > now and len(begins) >= gate.waiting:
            refused += 1
            continue
        if free[0] > now:
            begins.append(free[0])
        waits.append(max(0.0, free[0] - now))
        heapq.heapreplace(free, max(now, free[0]) + service(chance))
    return Simulated(refused=refused / requests, waits=waits)
