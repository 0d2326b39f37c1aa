"""Whole runs with Beam's job service and its workers in processes of their own."""

import json
import logging
import os
import random
import time

import beam_engine
import disturbed
import pytest
from runs import Place

logger = logging.getLogger(__name__)

SEED = 21
NODES = ("TfdsExampleGen", "StatisticsGen", "TeacherLogits", "Evaluator")
TOLD = {
    "worker": "a worker process of Beam ended before its work was done.",
    "service": "a call ended as UNAVAILABLE: ",
}
# So that Beam's workers run the teacher.
LARGE = "pipeline.images_in_memory_mb=0"


@pytest.fixture
def engine(tmp_path):
    with beam_engine.running(tmp_path) as servers:
        yield servers


def _killed(place, engine, node, victim, after_s):
    """A run of which something is killed while a node has a worker."""
    with place.started(*engine.settings, LARGE) as process:
        process.wait_for(f"] {node} ...")
        engine.wait_for_worker(time.time())
        time.sleep(after_s)
        getattr(engine, f"kill_{victim}")()
        return process.ended()


def _require_told(ended, node, victim):
    """One line says what failed, and that nothing was pushed."""
    assert ended.returncode == 1, ended.stderr
    said = ended.stderr.splitlines()[-1]
    assert said.startswith(f"Error: {node} failed: {TOLD[victim]}"), said
    assert said.endswith("Nothing was pushed.")


@pytest.mark.e2e
def test_an_engine_that_lost_a_worker_makes_what_this_process_makes(engine, tmp_path):
    place = Place(tmp_path / "runs")
    ended = _killed(place, engine, "TeacherLogits", "worker", after_s=1)
    _require_told(ended, "TeacherLogits", "worker")
    process = place.run_anew(*engine.settings, LARGE)
    assert process.returncode == 0, process.stderr
    # Where Beam ran is not what a node is.
    here = json.loads(place.run(LARGE).stdout)
    assert all(node["cached"] for node in here["nodes"].values())


@pytest.mark.slow
def test_whatever_of_the_engine_is_killed_the_next_run_continues(engine, tmp_path):
    place, chance = Place(tmp_path / "runs"), random.Random(SEED)
    for node in NODES:
        for victim in TOLD:
            after_s = chance.uniform(0, 5)
            ended = _killed(place, engine, node, victim, after_s)
            logger.info(
                "%s, %s, %.1f s: %s", node, victim, after_s, ended.stderr[-300:]
            )
            _require_told(ended, node, victim)
            assert not place.versions()
    last = json.loads(place.run(*engine.settings, LARGE).stdout)
    expected = json.loads(Place(tmp_path / "other").run(LARGE).stdout)
    disturbed.require_continued(place, last, disturbed.digest(expected["pushed"]))


@pytest.mark.engine
def test_somebodys_engine_makes_what_this_process_makes(tmp_path):
    if not (endpoint := os.environ.get("DISTILL_JOB_ENDPOINT")):
        pytest.skip("DISTILL_JOB_ENDPOINT names no job service of Beam (HOST:PORT)")
    settings = ["beam.runner=portable", f"beam.job_endpoint={endpoint}"]
    if pool := os.environ.get("DISTILL_WORKER_POOL"):
        settings.append(f"beam.worker_pool={pool}")
    ran = [
        json.loads(Place(tmp_path / name).run(*given, LARGE).stdout)
        for name, given in (("there", settings), ("here", []))
    ]
    there, here = (disturbed.digest(one["pushed"]) for one in ran)
    assert there == here
