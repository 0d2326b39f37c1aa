"""A clock that was set back by a year: numbers still grow, the newest is the newest."""

import glob
import json
import pathlib
import subprocess

import pytest
from runs import Place

pytestmark = pytest.mark.slow

LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"
BACK = {"FAKETIME": "-365d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A place, and the results of a run there and of one a year before it."""
    found = glob.glob(LIBRARY)
    if not found:
        pytest.skip("there is no libfaketime (Debian: apt-get install libfaketime)")
    place = Place(tmp_path_factory.mktemp("clock"))
    results = [json.loads(place.run().stdout)]
    place.environment |= {"LD_PRELOAD": found[0], **BACK}
    process = place.run_anew("distillation.temperature=2")
    assert process.returncode == 0, process.stderr
    return place, [*results, json.loads(process.stdout)]


def _said(place, name, *options):
    words = [*place.command(name=name), *options]
    done = subprocess.run(words, env=place.environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def _version(result):
    return int(pathlib.Path(result["pushed"]).name)


def test_the_version_is_higher_though_the_run_is_older(runs):
    _, (first, second) = runs
    assert second["run_id"][:4] < first["run_id"][:4]
    assert _version(second) == _version(first) + 1


def test_the_newest_run_is_the_last_one(runs):
    place, (_, second) = runs
    listed = json.loads(_said(place, "runs", "--json"))
    assert listed[0]["run"] == second["run_id"]
    assert second["run_id"] in _said(place, "explain")
    assert second["run_id"] in _said(place, "report")
    assert second["run_id"] not in _said(place, "gc", "--keep", "1")


def test_what_was_made_before_is_still_taken_from_the_cache(runs):
    _, (first, second) = runs
    assert not any(node["cached"] for node in first["nodes"].values())
    assert second["nodes"]["Teacher"]["cached"]
    assert not second["nodes"]["DistillationTrainer"]["cached"]


def test_a_rollback_has_the_highest_number_and_a_later_run_is_the_newest(runs):
    place, (first, second) = runs
    done = json.loads(_said(place, "rollback", "--reason", "it errs", "--json"))
    assert done["rolled_back_to"] == _version(first)
    assert done["version"] == _version(second) + 1
    del place.environment["LD_PRELOAD"]  # the clock is set right
    last = json.loads(place.run().stdout)
    assert last["nodes"]["DistillationTrainer"]["cached"]
    assert json.loads(_said(place, "runs", "--json"))[0]["run"] == last["run_id"]
