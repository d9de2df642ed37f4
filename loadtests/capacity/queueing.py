"""A queueing model of the service's gate: n requests run, m wait, and further ones are refused.

The formulas are those of M/M/c/K. Service times that are not exponential are corrected as Allen and Cunneen do (Allen,
Probability, Statistics, and Queueing Theory, 2nd ed., 1990, section 5.3.6): the queue is (1 + v)/2 times as long, where
v is the squared coefficient of variation of the service time. The waiting room is therefore modelled as 2/(1 + v) times
as large. The result is exact for exponential service times, and for any service times if the waiting room has no places
(Erlang's B). It has the right limits for small and for excessive load. Between them, the simulation shows its error.
"""

import heapq
import math
import random
import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueModel:
    """A gate with `servers` places to run and `waiting` places to wait.

    `service` is the mean service time in seconds and `variation` its squared coefficient of variation.
    """

    servers: int
    waiting: int
    service: float
    variation: float = 1.0

    @property
    def capacity(self) -> float:
        """The highest possible rate, in requests per second."""
        return self.servers / self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePrediction:
    """The steady state at one arrival rate."""

    refused: float
    """Share of all requests."""
    delayed: float
    """Share of the admitted requests that wait."""
    wait: float
    """Mean seconds of all admitted requests, also of those that do not wait."""
    in_flight: float
    """Mean number of running and waiting requests."""


def erlang_b(servers: int, offered: float) -> float:
    """Return the share refused without a waiting room. `offered` is arrival rate x mean service time."""
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = offered * blocked / (count + offered * blocked)
    return blocked


def erlang_c(servers: int, offered: float) -> float:
    """Return the share that waits in an unlimited waiting room. It is 1 if the queue grows without bound."""
    load = offered / servers
    if load >= 1:
        return 1.0
    blocked = erlang_b(servers, offered)
    return blocked / (1 - load * (1 - blocked))


def predict(queue: QueueModel, rate: float) -> QueuePrediction:
    """Return the steady state for Poisson arrivals at `rate` requests per second."""
    load, correction = rate * queue.service / queue.servers, (1 + queue.variation) / 2
    if math.isclose(load, 1.0, rel_tol=1e-6):
        load = 1 - 1e-6  # At 1 the sums below are 0/0. They are continuous there.
    room = queue.waiting / correction
    # Probabilities of the states with all servers busy, relative to the one in which no request waits.
    queued = load * (1 - load**room) / (1 - load)
    length = load * (1 - (room + 1) * load**room + room * load ** (room + 1)) / (1 - load) ** 2
    # Erlang's B is the probability of that state among the states in which no request waits.
    full = erlang_b(queue.servers, load * queue.servers)
    unit = full / (1 + full * queued)
    refused = unit * load**room
    admitted_rate = rate * (1 - refused)
    wait = correction * unit * length / admitted_rate
    return QueuePrediction(
        refused=refused,
        delayed=unit * (1 + queued - load**room) / (1 - refused),
        wait=wait,
        in_flight=admitted_rate * (wait + queue.service),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSimulation:
    """The outcome of a simulation."""

    refused: float
    waits: list[float]
    """Seconds that each admitted request waited, in the order of arrival."""

    @property
    def wait(self) -> float:
        return statistics.fmean(self.waits)


def simulate(
    queue: QueueModel, rate: float, *, requests: int, seed: int, service: Callable[[random.Random], float]
) -> QueueSimulation:
    """Simulate Poisson arrivals, first come first served. `service` draws the seconds of one request."""
    random_source = random.Random(f"gate:{seed}")
    free_at = [0.0] * queue.servers  # A heap of the times at which the servers become free.
    start_times: deque[float] = deque()  # Of the waiting requests; each is known as soon as the request arrives.
    now, refused = 0.0, 0
    waits: list[float] = []
    for _ in range(requests):
        now += random_source.expovariate(rate)
        while start_times and start_times[0] <= now:
            start_times.popleft()
        if free_at[0] > now and len(start_times) >= queue.waiting:
            refused += 1
            continue
        if free_at[0] > now:
            start_times.append(free_at[0])
        waits.append(max(0.0, free_at[0] - now))
        heapq.heapreplace(free_at, max(now, free_at[0]) + service(random_source))
    return QueueSimulation(refused=refused / requests, waits=waits)
