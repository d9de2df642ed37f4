"""The queueing model agrees with published values and with simulation; the plan is consistent and documented."""

import itertools
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.capacity.inputs import DEFAULT_FILE, CapacityInputs
from loadtests.capacity.planning import answer_seconds, plan
from loadtests.capacity.queueing import QueueModel, erlang_b, erlang_c, predict, simulate
from loadtests.capacity.table import CHUNKS, USERS

ROOT = Path(__file__).parents[3]
INPUTS = CapacityInputs.read()


@pytest.mark.parametrize(
    ("servers", "offered", "blocked"), [(1, 1.0, 0.5), (2, 1.0, 0.2), (10, 5.0, 0.01838), (20, 12.03, 0.01)]
)
def test_erlang_b_agrees_with_published_tables(servers, offered, blocked):
    assert erlang_b(servers, offered) == pytest.approx(blocked, rel=2e-3)


@pytest.mark.parametrize(("servers", "offered", "waits"), [(1, 0.7, 0.7), (2, 1.0, 1 / 3), (10, 8.0, 0.4092)])
def test_erlang_c_agrees_with_published_tables(servers, offered, waits):
    assert erlang_c(servers, offered) == pytest.approx(waits, rel=1e-3)


@pytest.mark.parametrize("load", [0.1, 0.5, 0.9])
def test_one_server_with_unlimited_room_agrees_with_pollaczek_and_khinchine(load):
    for variation in (0.0, 1.0, 3.0):
        queue = QueueModel(servers=1, waiting=100_000, service=2.0, variation=variation)
        exact = load * queue.service * (1 + variation) / 2 / (1 - load)
        assert predict(queue, load / queue.service).wait == pytest.approx(exact)


@pytest.mark.parametrize(("servers", "load"), [(2, 0.5), (8, 0.9), (64, 0.95)])
def test_many_servers_with_unlimited_room_agree_with_erlang_c(servers, load):
    queue = QueueModel(servers=servers, waiting=100_000, service=1.5)
    prediction, waits = predict(queue, load * queue.capacity), erlang_c(servers, load * servers)
    assert prediction.delayed == pytest.approx(waits)
    assert prediction.wait == pytest.approx(waits * queue.service / (servers * (1 - load)))


@pytest.mark.parametrize("variation", [0.0, 0.5, 4.0])
def test_without_a_waiting_room_the_distribution_of_service_times_does_not_matter(variation):
    queue = QueueModel(servers=6, waiting=0, service=1.0, variation=variation)
    assert predict(queue, 5.0).refused == pytest.approx(erlang_b(6, 5.0))
    assert predict(queue, 5.0).wait == 0


def test_one_server_with_nine_places_agrees_with_m_m_1_k():
    load = 0.8
    known = (1 - load) * load**10 / (1 - load**11)
    assert predict(QueueModel(servers=1, waiting=9, service=1.0), load).refused == pytest.approx(known)


def test_overload_is_refused_and_the_queue_stays_bounded():
    queue = QueueModel(servers=4, waiting=8, service=1.0, variation=0.1)
    prediction = predict(queue, 100 * queue.capacity)
    assert prediction.refused == pytest.approx(0.99, abs=1e-3)
    assert prediction.in_flight == pytest.approx(12, rel=0.01)


def test_the_formula_is_continuous_at_full_load():
    queue = QueueModel(servers=4, waiting=8, service=1.0)
    below, at, above = (predict(queue, rate).wait for rate in (3.999, 4.0, 4.001))
    assert below < at < above


@pytest.mark.parametrize("variation", [0.05, 1.0])
@pytest.mark.parametrize("load", [0.5, 0.85, 1.0, 1.3])
def test_formula_and_simulation_agree(variation, load):
    queue = QueueModel(servers=4, waiting=8, service=0.5, variation=variation)
    spread = math.sqrt(math.log(1 + variation))
    middle = math.log(queue.service) - spread**2 / 2

    def draw(random_source):
        return (
            random_source.expovariate(1 / queue.service)
            if variation == 1
            else random_source.lognormvariate(middle, spread)
        )

    prediction = predict(queue, load * queue.capacity)
    simulation = simulate(queue, load * queue.capacity, requests=100_000, seed=3, service=draw)
    # Exact for exponential times. For others, the error is about a twentieth of the time per place in the queue.
    assert prediction.refused == pytest.approx(simulation.refused, abs=0.006)
    assert prediction.wait == pytest.approx(simulation.wait, abs=0.01 if variation == 1 else 0.05)


def test_refusals_waits_and_requests_in_flight_grow_with_the_load():
    queue = QueueModel(servers=8, waiting=16, service=1.0, variation=0.3)
    predictions = [predict(queue, rate / 10) for rate in range(1, 200)]
    for before, after in itertools.pairwise(predictions):
        assert after.refused >= before.refused
        assert after.wait >= before.wait
        assert after.in_flight >= before.in_flight


def test_more_users_and_more_chunks_never_need_fewer_resources():
    users, chunks = (2, 10, 100, 1_000, 10_000, 100_000), (10**5, 10**6, 10**7, 10**8, 10**9)
    for pair in itertools.pairwise(users):
        few, many = (plan(count, 10**6, INPUTS) for count in pair)
        assert many.replicas >= few.replicas
        assert many.gpus >= few.gpus
        assert many.cost <= few.cost
    for pair in itertools.pairwise(chunks):
        small, large = (plan(100, size, INPUTS) for size in pair)
        assert large.nodes.count * large.nodes.gib >= small.nodes.count * small.nodes.gib
        assert large.embedding_core_hours > small.embedding_core_hours
        assert large.cost >= small.cost


@pytest.mark.parametrize("users", USERS)
@pytest.mark.parametrize("chunks", CHUNKS)
def test_memory_cores_and_slots_of_a_plan_suffice(users, chunks):
    made = plan(users, chunks, INPUTS)
    if made.nodes.count:
        assert made.nodes.memory_gib <= made.nodes.count * made.nodes.gib * INPUTS.store.usable
    assert made.rate * answer_seconds(INPUTS) <= made.replicas * INPUTS.service.utilization
    assert made.refused < 0.001
    assert made.slots * made.replicas >= made.gpus * INPUTS.model.slots


def test_longer_answers_need_more_replicas():
    longer = replace(INPUTS, model=replace(INPUTS.model, answer_tokens=2 * INPUTS.model.answer_tokens))
    assert plan(10_000, 10**6, longer).replicas > 1.5 * plan(10_000, 10**6, INPUTS).replicas


def test_the_cost_is_proportional_to_the_prices():
    dearer = replace(INPUTS, prices=replace(INPUTS.prices, core=2 * INPUTS.prices.core, gpu=2 * INPUTS.prices.gpu))
    assert plan(100, 10**6, dearer).cost == pytest.approx(2 * plan(100, 10**6, INPUTS).cost)


@pytest.mark.parametrize("damage", [("[prices]", "[costs]"), ("core = ", "kernel = "), ("[gpu]", "[gpu")])
@pytest.mark.slow
def test_malformed_inputs_are_rejected_with_the_file_name(tmp_path, damage):
    (tmp_path / "ours.toml").write_text(DEFAULT_FILE.read_text().replace(*damage))
    run = subprocess.run(
        [sys.executable, "-m", "loadtests.capacity", "--inputs", str(tmp_path / "ours.toml")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert run.returncode == 2
    assert "ours.toml" in run.stderr


@pytest.mark.parametrize("number", ["0", "-5", "5k", "1,,2"])
@pytest.mark.slow
def test_a_number_that_is_not_positive_is_rejected(number):
    command = [sys.executable, "-m", "loadtests.capacity", f"--users={number}"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 2
    assert f"argument --users: {number!r} is not a comma-separated list of positive whole numbers" in run.stderr
