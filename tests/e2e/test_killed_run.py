"""SIGKILL, SIGINT and SIGTERM in every node: one command continues, with the same result.

The seed chooses the moments. A killed run must leave nothing that somebody has to clean
up, and the student that the last command trains must be the one of a run that nothing
disturbed.
"""

import json
import logging
import os
import pathlib
import random
import signal
import time

import pytest
from runs import Place

from tfx_distill.components.pusher import versions
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.inspection import gc, summaries
from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.trainer.export import saved_model_files

pytestmark = pytest.mark.slow
logger = logging.getLogger(__name__)

SEED = 20
KILLS_PER_NODE = 5
STOPS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The result of a run that nothing disturbed."""
    return json.loads(Place(tmp_path_factory.mktemp("undisturbed")).run().stdout)


def _signalled(place, number, node, after_s):
    """Runs the pipeline and sends a signal in a node; returns the ended process."""
    with place.started() as process:
        process.wait_for(f"] {node} ...")
        time.sleep(after_s)
        if os.path.exists(f"/proc/{process.pid}"):
            os.kill(process.pid, number)
        return process.ended()


def _config(place):
    sets = [f"pipeline.root={place.folder}"]
    return load_config("smoke", sets)


def _digest(folder):
    return saved_model_files.content_digest(str(folder))


def _require_whole_versions(place, digest):
    serving = versions.at(str(place.serving_dir))
    for number in serving.numbers():
        assert _digest(serving.folder(number)) == digest


def _states(place):
    graph = read_only_store.open_store(_config(place)).everything()
    runs = sorted(graph.runs.values(), key=lambda run: -run.id)
    return [summary.state for summary in summaries.summarize(graph, runs)]


def test_whatever_kills_a_run_the_next_one_continues(undisturbed, tmp_path):
    place, chance = Place(tmp_path), random.Random(SEED)
    digest, killed = _digest(undisturbed["pushed"]), 0
    for node, result in undisturbed["nodes"].items():
        for _ in range(KILLS_PER_NODE):
            after_s = chance.uniform(0, 1.2 * result["seconds"])
            ended = _signalled(place, signal.SIGKILL, node, after_s)
            killed += ended.returncode == -signal.SIGKILL
            assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
            _require_whole_versions(place, digest)
    last = json.loads(place.run().stdout)
    assert _digest(last["student"]["path"]) == _digest(last["pushed"]) == digest
    assert place.versions() == [os.path.basename(last["pushed"])]
    assert set(_states(place)) <= {"COMPLETE", "FAILED"}
    _require_no_rest(place)
    logger.info("%d runs killed", killed)
    assert killed > 0.8 * KILLS_PER_NODE * len(undisturbed["nodes"])


def _require_no_rest(place):
    """After `gc`, there is nothing but what ML Metadata knows as whole."""
    config = _config(place)
    gc.delete(config, keep=1)
    graph = read_only_store.open_store(config).everything()
    live = {a.uri for a in graph.artifacts.values() if a.state == "LIVE"}
    outputs = config.artifacts_dir.glob("*/[!.]*/*")
    assert {str(path) for path in outputs} <= live
    hidden = [p for p in pathlib.Path(config.serving_dir).iterdir() if p.is_dir()]
    assert [path.name for path in hidden] == place.versions()


def test_a_run_that_is_stopped_says_so_and_the_next_one_continues(
    undisturbed, tmp_path
):
    place, chance = Place(tmp_path), random.Random(SEED)
    digest, stopped = _digest(undisturbed["pushed"]), 0
    for index, (node, result) in enumerate(undisturbed["nodes"].items()):
        after_s = chance.uniform(0, result["seconds"])
        ended = _signalled(place, STOPS[index % 2], node, after_s)
        assert ended.returncode in (0, 1), ended.stderr
        stopped += ended.returncode
        if ended.returncode:
            name = STOPS[index % 2].name
            assert f"\nStopped by {name}. Nothing was pushed; the same" in ended.stderr
            assert _states(place)[0] == "STOPPED"
            assert place.versions() == []
    last = json.loads(place.run().stdout)
    assert _digest(last["student"]["path"]) == digest
    assert _states(place).count("STOPPED") == stopped >= len(undisturbed["nodes"]) / 2
    _require_no_rest(place)
