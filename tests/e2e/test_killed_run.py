"""SIGKILL, SIGINT and SIGTERM in every node: one command continues, with the same result.

The seed chooses the moments. A killed run must leave nothing that somebody has to clean
up, and the student that the last command trains must be the one of a run that nothing
disturbed.
"""

import json
import logging
import os
import random
import signal
import time

import disturbed
import pytest
from runs import Place

pytestmark = pytest.mark.slow
logger = logging.getLogger(__name__)

SEED = 20
KILLS_PER_NODE = 5
STOPS = (signal.SIGINT, signal.SIGTERM)


def _signalled(place, number, node, after_s):
    """Runs the pipeline and sends a signal in a node; returns the ended process."""
    with place.started() as process:
        process.wait_for(f"] {node} ...")
        time.sleep(after_s)
        if os.path.exists(f"/proc/{process.pid}"):
            os.kill(process.pid, number)
        return process.ended()


def test_whatever_kills_a_run_the_next_one_continues(undisturbed, tmp_path):
    place, chance = Place(tmp_path), random.Random(SEED)
    digest, killed = disturbed.digest(undisturbed["pushed"]), 0
    for node, result in undisturbed["nodes"].items():
        for _ in range(KILLS_PER_NODE):
            after_s = chance.uniform(0, 1.2 * result["seconds"])
            ended = _signalled(place, signal.SIGKILL, node, after_s)
            killed += ended.returncode == -signal.SIGKILL
            assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
            disturbed.require_whole_versions(place, digest)
    disturbed.require_continued(place, json.loads(place.run().stdout), digest)
    assert set(disturbed.states(place)) <= {"COMPLETE", "FAILED"}
    logger.info("%d runs killed", killed)
    assert killed > 0.8 * KILLS_PER_NODE * len(undisturbed["nodes"])


def test_a_run_that_is_stopped_says_so_and_the_next_one_continues(
    undisturbed, tmp_path
):
    place, chance = Place(tmp_path), random.Random(SEED)
    digest, stopped = disturbed.digest(undisturbed["pushed"]), 0
    for index, (node, result) in enumerate(undisturbed["nodes"].items()):
        after_s = chance.uniform(0, result["seconds"])
        ended = _signalled(place, STOPS[index % 2], node, after_s)
        assert ended.returncode in (0, 1), ended.stderr
        stopped += ended.returncode
        if ended.returncode:
            name = STOPS[index % 2].name
            assert f"\nStopped by {name}. Nothing was pushed; the same" in ended.stderr
            assert disturbed.states(place)[0] == "STOPPED"
            assert place.versions() == []
    last = json.loads(place.run().stdout)
    states = disturbed.states(place)
    disturbed.require_continued(place, last, digest)
    assert states.count("STOPPED") == stopped >= len(undisturbed["nodes"]) / 2
