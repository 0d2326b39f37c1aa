"""A run whose teacher is only a file of answers, written without TensorFlow."""

import json
import pathlib
import subprocess
import sys

import pytest
from runs import Place

pytestmark = pytest.mark.e2e

SCRIPT = pathlib.Path(__file__).with_name("voters.py")


def test_a_student_of_peoples_votes_is_pushed(tmp_path):
    place = Place(tmp_path / "runs")
    keys, answers = tmp_path / "keys.parquet", tmp_path / "votes.parquet"
    options = ("--output", str(keys))
    listed = subprocess.run([*place.command(name="data keys"), *options])
    assert listed.returncode == 0
    subprocess.run([sys.executable, SCRIPT, keys, answers], check=True)
    sets = (f"teacher.answers={answers}", "teacher.answers_kind=votes", "control=true")
    process = place.run(*sets)
    assert process.returncode == 0, process.stderr
    assert "4 views gets the answer to its original" in process.stderr
    result = json.loads(process.stdout)
    assert result["pushed"] == str(place.serving_dir / place.versions()[0])
    assert result["teacher"]["path"] == str(answers)
    assert (
        result["teacher"]["parameters"] is None and result["teacher"]["accuracy"] > 0.9
    )
    assert "Teacher" not in result["nodes"] and result["comparison"]["seeds"]
