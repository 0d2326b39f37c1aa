"""A disk that is full when a node starts: one line says so, and one command continues."""

import json
import logging

import disturbed
import pytest
from runs import Place

pytestmark = pytest.mark.slow
logger = logging.getLogger(__name__)


def test_in_whatever_node_the_disk_fills_the_next_run_continues(
    undisturbed, small_disk
):
    place, failed = Place(small_disk.folder), []
    digest = disturbed.digest(undisturbed["pushed"])
    for node in undisturbed["nodes"]:
        with place.started() as process:
            process.wait_for(f"] {node} ...")
            small_disk.fill()
            ended = process.ended()
        small_disk.make_room()
        disturbed.require_whole_versions(place, digest)
        if ended.returncode:
            said = ended.stderr.splitlines()[-1]
            assert f"there is no space left on the disk of {place.folder}" in said, said
            assert ended.returncode == 1
            failed.append(node)
    logger.info("%d runs failed: %s", len(failed), ", ".join(failed))
    disturbed.require_continued(place, json.loads(place.run().stdout), digest)
    assert len(failed) > len(undisturbed["nodes"]) / 2
