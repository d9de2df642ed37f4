"""The queueing model against known values and against simulation, the plan against sense, the paper against both."""

import itertools
import math
import re
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.capacity import CHUNKS, USERS, to_table
from loadtests.inputs import SHIPPED, Inputs
from loadtests.planning import answer_seconds, plan
from loadtests.queueing import Gate, erlang_b, erlang_c, predict, simulate
from research.capacity.checking import check

ROOT = Path(__file__).parents[3]
INPUTS = Inputs.read()


@pytest.mark.parametrize(
    ("servers", "offered", "blocked"), [(1, 1.0, 0.5), (2, 1.0, 0.2), (10, 5.0, 0.01838), (20, 12.03, 0.01)]
)
def test_erlangs_b_is_that_of_the_tables(servers, offered, blocked):
    assert erlang_b(servers, offered) == pytest.approx(blocked, rel=2e-3)


@pytest.mark.parametrize(("servers", "offered", "waits"), [(1, 0.7, 0.7), (2, 1.0, 1 / 3), (10, 8.0, 0.4092)])
def test_erlangs_c_is_that_of_the_tables(servers, offered, waits):
    assert erlang_c(servers, offered) == pytest.approx(waits, rel=1e-3)


@pytest.mark.parametrize("load", [0.1, 0.5, 0.9])
def test_one_server_and_room_for_everybody_is_pollaczek_and_khinchines(load):
    for variation in (0.0, 1.0, 3.0):
        gate = Gate(servers=1, waiting=100_000, service=2.0, variation=variation)
        exact = load * gate.service * (1 + variation) / 2 / (1 - load)
        assert predict(gate, load / gate.service).wait == pytest.approx(exact)


@pytest.mark.parametrize(("servers", "load"), [(2, 0.5), (8, 0.9), (64, 0.95)])
def test_many_servers_and_room_for_everybody_wait_as_erlangs_c_says(servers, load):
    gate = Gate(servers=servers, waiting=100_000, service=1.5)
    said, waits = predict(gate, load * gate.capacity), erlang_c(servers, load * servers)
    assert said.delayed == pytest.approx(waits)
    assert said.wait == pytest.approx(waits * gate.service / (servers * (1 - load)))


@pytest.mark.parametrize("variation", [0.0, 0.5, 4.0])
def test_without_a_waiting_room_the_form_of_service_times_does_not_matter(variation):
    gate = Gate(servers=6, waiting=0, service=1.0, variation=variation)
    assert predict(gate, 5.0).refused == pytest.approx(erlang_b(6, 5.0))
    assert predict(gate, 5.0).wait == 0


def test_one_server_with_room_for_nine_is_the_m_m_1_k_of_the_books():
    load = 0.8
    known = (1 - load) * load**10 / (1 - load**11)
    assert predict(Gate(servers=1, waiting=9, service=1.0), load).refused == pytest.approx(known)


def test_what_is_too_much_is_refused_and_nobody_waits_for_ever():
    gate = Gate(servers=4, waiting=8, service=1.0, variation=0.1)
    said = predict(gate, 100 * gate.capacity)
    assert said.refused == pytest.approx(0.99, abs=1e-3)
    assert said.in_flight == pytest.approx(12, rel=0.01)


def test_at_exactly_full_load_the_formula_has_no_hole():
    gate = Gate(servers=4, waiting=8, service=1.0)
    below, at, above = (predict(gate, rate).wait for rate in (3.999, 4.0, 4.001))
    assert below < at < above


@pytest.mark.parametrize("variation", [0.05, 1.0])
@pytest.mark.parametrize("load", [0.5, 0.85, 1.0, 1.3])
def test_formula_and_simulation_agree(variation, load):
    gate = Gate(servers=4, waiting=8, service=0.5, variation=variation)
    spread = math.sqrt(math.log(1 + variation))
    middle = math.log(gate.service) - spread**2 / 2

    def draw(chance):
        return chance.expovariate(1 / gate.service) if variation == 1 else chance.lognormvariate(middle, spread)

    said = predict(gate, load * gate.capacity)
    seen = simulate(gate, load * gate.capacity, requests=100_000, seed=3, service=draw)
    # Exact for exponential times; else of the order of a twentieth of what a place in the queue costs.
    assert said.refused == pytest.approx(seen.refused, abs=0.006)
    assert said.wait == pytest.approx(seen.wait, abs=0.01 if variation == 1 else 0.05)


def test_more_load_never_means_less_of_anything():
    gate = Gate(servers=8, waiting=16, service=1.0, variation=0.3)
    said = [predict(gate, rate / 10) for rate in range(1, 200)]
    for before, after in itertools.pairwise(said):
        assert after.refused >= before.refused
        assert after.wait >= before.wait
        assert after.in_flight >= before.in_flight


def test_more_users_and_more_chunks_never_take_less():
    users, chunks = (2, 10, 100, 1_000, 10_000, 100_000), (10**5, 10**6, 10**7, 10**8, 10**9)
    for more in itertools.pairwise(users):
        few, many = (plan(asking, 10**6, INPUTS) for asking in more)
        assert many.replicas >= few.replicas
        assert many.gpus >= few.gpus
        assert many.cost <= few.cost
    for more in itertools.pairwise(chunks):
        small, large = (plan(100, size, INPUTS) for size in more)
        assert large.nodes.count * large.nodes.gib >= small.nodes.count * small.nodes.gib
        assert large.embedding_core_hours > small.embedding_core_hours
        assert large.cost >= small.cost


@pytest.mark.parametrize("users", USERS)
@pytest.mark.parametrize("chunks", CHUNKS)
def test_what_is_kept_in_memory_fits_and_cores_and_slots_suffice(users, chunks):
    made = plan(users, chunks, INPUTS)
    if made.nodes.count:
        assert made.nodes.memory_gib <= made.nodes.count * made.nodes.gib * INPUTS.store.usable
    assert made.rate * answer_seconds(INPUTS) <= made.replicas * INPUTS.service.utilization
    assert made.refused < 0.001
    assert made.slots * made.replicas >= made.gpus * INPUTS.model.slots


def milliseconds_of(tokens: int) -> float:
    return answer_seconds(replace(INPUTS, model=replace(INPUTS.model, answer_tokens=tokens))) * 1000


def test_an_answer_takes_of_the_processor_what_was_measured_of_its_length():
    """In one piece, in 64 with 16 streams from the least to the most, and by length in turn: docs/measurements/load.md."""
    measured = (ROOT / "docs" / "measurements" / "load.md").read_text()
    assert milliseconds_of(1) == pytest.approx(float(re.search(r"in one piece takes (\d+) ms", measured)[1]), abs=1)
    [(least, most)] = re.findall(r"^\| 16 \|.* ([\d.]+) / [\d.]+ / ([\d.]+) ms \|$", measured, re.MULTILINE)
    assert float(least) <= milliseconds_of(64) <= float(most)
    in_turn = re.findall(r"^\| (\d+) \| \d+ \| [\d, ]+ \| ([\d., ]+) ms \| ([\d.]+) ms \|$", measured, re.MULTILINE)
    assert [int(tokens) for tokens, _, _ in in_turn] == [1, 8, 64, 200]
    for tokens, rounds, planned in in_turn:
        assert milliseconds_of(int(tokens)) == pytest.approx(float(planned), abs=0.1)
        assert float(planned) == pytest.approx(statistics.mean(map(float, rounds.split(", "))), rel=0.15)


def test_longer_answers_take_more_replicas():
    longer = replace(INPUTS, model=replace(INPUTS.model, answer_tokens=2 * INPUTS.model.answer_tokens))
    assert plan(10_000, 10**6, longer).replicas > 1.5 * plan(10_000, 10**6, INPUTS).replicas


def test_prices_are_inputs():
    dearer = replace(INPUTS, prices=replace(INPUTS.prices, core=2 * INPUTS.prices.core, gpu=2 * INPUTS.prices.gpu))
    assert plan(100, 10**6, dearer).cost == pytest.approx(2 * plan(100, 10**6, INPUTS).cost)


@pytest.mark.parametrize("damage", [("[prices]", "[costs]"), ("core = ", "kernel = "), ("[gpu]", "[gpu")])
@pytest.mark.slow
def test_inputs_of_another_form_are_refused_by_name(tmp_path, damage):
    (tmp_path / "ours.toml").write_text(SHIPPED.read_text().replace(*damage))
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
def test_a_number_that_nobody_can_plan_for_is_said_in_a_sentence(number):
    command = [sys.executable, "-m", "loadtests.capacity", f"--users={number}"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 2
    assert f"argument --users: {number!r} is not one or more whole numbers from 1 up" in run.stderr


def test_the_papers_table_is_the_programs():
    assert to_table(INPUTS) in (ROOT / "docs" / "measurements" / "capacity.md").read_text(), (
        "Print it anew: python -m loadtests.capacity"
    )


@pytest.mark.slow
async def test_a_check_sees_ample_and_overload_of_the_real_service(tmp_path, onnx_models):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "models").symlink_to(onnx_models)
    (tmp_path / "documents").mkdir()
    page = "# Pump\n\n## Seals\n\nUse seals of type S-17.\n\n## Oil\n\nUse oil of grade ISO 46.\n"
    (tmp_path / "documents" / "pump.md").write_text(page)
    alone, rows = await check(tmp_path / "documents", tmp_path, rounds=1, seconds=8, alone_seconds=6)
    assert 0.3 < alone.held < 3
    ample, _, overload = rows
    assert ample.failed == overload.failed == 0
    assert overload.predicted_refused > ample.predicted_refused
    assert overload.wait > ample.wait
    assert (tmp_path / "queueing.svg").read_text().startswith("<svg")
