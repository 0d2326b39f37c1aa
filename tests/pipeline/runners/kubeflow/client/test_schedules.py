"""The commands that schedule, against a stub that accepts only valid requests."""

import json

import kfp_stub
import pytest
from kfp_stub import PIPELINE
from kfp_workflow import run_state

DEFAULTS = {"data-dir": "/data", "epochs": 3, "options": {}, "shuffled": True}


def test_schedule_sends_six_fields_and_shows_the_next_five_moments(stub, distill):
    # Far ahead, for an end in the past is refused.
    status, out, err = distill(
        "schedule", PIPELINE, "--cron", " 0 0  2 * * * ", "--param", "epochs=9",
        "--start", "2430-01-31T00:00:00Z", "--end", "2431-01-01T00:00:00+01:00",
    )  # fmt: skip
    ((schedule_id, made),) = stub.recurring.items()
    assert status == 0 and "CRON_SCHEDULE_TIMEZONE" in err
    assert out.splitlines() == [
        f"Schedule    digits  {schedule_id}",
        "Cron        0 0 2 * * *",
        "Next        Thu 2430-01-31 02:00:00 UTC",
        "            Fri 2430-02-01 02:00:00 UTC",
        "            Sat 2430-02-02 02:00:00 UTC",
        "            Sun 2430-02-03 02:00:00 UTC",
        "            Mon 2430-02-04 02:00:00 UTC",
    ]
    assert made["trigger"]["cron_schedule"] == {
        "cron": "0 0 2 * * *",
        "start_time": "2430-01-31T00:00:00Z",
        "end_time": "2430-12-31T23:00:00Z",
    }
    assert made["runtime_config"]["parameters"] == {**DEFAULTS, "epochs": 9}
    assert made["no_catchup"] is True and made["max_concurrency"] == 1
    assert made["mode"] == "ENABLE"


def test_schedule_options_reach_the_server(stub, distill):
    _, out, _ = distill(
        "schedule", PIPELINE, "--cron", "@daily", "--name", "nightly", "--catchup",
        "--max-concurrency", "3", "--service-account", "runner", "--json",
    )  # fmt: skip
    (made,) = stub.recurring.values()
    assert made["no_catchup"] is False and made["max_concurrency"] == 3
    assert made["service_account"] == "runner" and made["display_name"] == "nightly"
    assert len(json.loads(out)["next"]) == 5


def test_five_fields_never_reach_the_server(stub, distill):
    status, _, err = distill("schedule", PIPELINE, "--cron", "0 2 * * *")
    assert status == 2 and len(err.splitlines()) == 1
    assert "expected six" in err and stub.requests == []


def test_a_second_schedule_of_the_same_name_is_refused(stub, distill):
    distill("schedule", PIPELINE, "--cron", "@daily")
    status, _, err = distill("schedule", PIPELINE, "--cron", "@hourly")
    assert status == 1 and "There is a schedule 'digits' already" in err
    assert len(stub.recurring) == 1


def test_a_schedule_of_cached_sources_is_warned_of(stub, distill, tmp_path):
    cached = "      ExampleGen:\n        cachingOptions: {enableCache: true}\n"
    text = PIPELINE.read_text().replace("      ExampleGen:\n", cached, 1)
    (tmp_path / "cached.yaml").write_text(text)
    _, _, err = distill("schedule", tmp_path / "cached.yaml", "--cron", "@daily")
    assert "allows caching of ExampleGen" in err
    _, _, err = distill("schedule", PIPELINE, "--cron", "@daily", "--name", "b")
    assert "allows caching" not in err


def test_pause_resume_and_delete_by_name_and_by_id(stub, distill):
    distill("schedule", PIPELINE, "--cron", "0 0 2 * * *", "--name", "nightly")
    ((schedule_id, made),) = stub.recurring.items()
    assert distill("pause", "nightly")[0] == 0
    assert made["status"] == "DISABLED"
    _, out, _ = distill("schedules")
    assert out.split() == [
        "NAME", "STATUS", "CRON", "NEXT", "ID",
        "nightly", "DISABLED", "0", "0", "2", "*", "*", "*", schedule_id,
    ]  # fmt: skip
    assert distill("resume", schedule_id)[0] == 0
    assert made["status"] == "ENABLED"
    _, out, _ = distill("schedules", "--json")
    assert json.loads(out)["schedules"][0]["next"].endswith("T02:00:00Z")
    assert distill("delete", "nightly")[0] == 0
    assert stub.recurring == {}


def test_no_schedules_are_said_so(stub, distill):
    assert distill("schedules")[1:] == ("", "There are no schedules.\n")


def test_an_unknown_schedule_names_those_that_there_are(stub, distill):
    distill("schedule", PIPELINE, "--cron", "@daily")
    status, _, err = distill("pause", "nightly")
    assert status == 1
    assert err == "Error: There is no schedule 'nightly'. There are: digits.\n"


def test_a_name_that_two_schedules_have_needs_an_id(stub, distill):
    for name in ("a", "b"):
        distill("schedule", PIPELINE, "--cron", "@daily", "--name", name)
    for made in stub.recurring.values():
        made["display_name"] = "same"
    status, _, err = distill("delete", "same")
    assert status == 1 and all(key in err for key in stub.recurring)
    assert len(stub.recurring) == 2


@pytest.mark.parametrize(
    ("options", "sent", "told"),
    [
        ((), None, "left out: the first run is the next one"),
        (("--catchup",), "2020-01-01T00:00:00Z", "starts the missed runs at once"),
    ],
)
def test_a_start_in_the_past_would_start_a_run_at_once(
    stub, distill, options, sent, told
):
    _, _, err = distill(
        "schedule", PIPELINE, "--cron", "@daily", "--start", "2020-01-01T00:00:00Z",
        *options,
    )  # fmt: skip
    (made,) = stub.recurring.values()
    assert made["trigger"]["cron_schedule"].get("start_time") == sent and told in err


@pytest.mark.parametrize("root", ["s3://bucket/root?region=eu", "/data"])
def test_a_root_that_kfp_cannot_use_never_reaches_the_server(stub, distill, root):
    status, _, err = distill(
        "schedule", PIPELINE, "--cron", "@daily", "--pipeline-root", root
    )
    assert status == 2 and "ConfigMap kfp-launcher" in err and stub.requests == []


@pytest.mark.parametrize("name", ["n+1", "50% off"])
def test_a_schedule_of_any_name_is_found(stub, distill, name):
    for expected in (0, 1):  # a second one is refused
        status = distill("schedule", PIPELINE, "--cron", "@daily", "--name", name)[0]
        assert status == expected
    assert distill("delete", name)[0] == 0 and not stub.recurring


def started(stub, schedule_id, **fields):
    """A run that the schedule started: its last version with its defaults."""
    (version,) = stub.versions.values()
    reference = {key: version[key] for key in ("pipeline_id", "pipeline_version_id")}
    fields = {"recurring_run_id": schedule_id, **fields}
    made = kfp_stub.keep(
        stub.runs, "run_id", pipeline_version_reference=reference, **fields
    )
    return made["run_id"]


def test_a_schedule_says_which_run_holds_it_and_why(stub, distill):
    distill("schedule", PIPELINE, "--cron", "@daily", "--name", "nightly")
    (schedule_id,) = stub.recurring
    waits = run_state("RUNNING", {"ExampleGen": "no pod"})
    started(stub, schedule_id, display_name="nightly-1", state="SUCCEEDED")
    run_id = started(stub, schedule_id, display_name="nightly-2", **waits)
    lines = distill("schedules")[1].splitlines()
    assert "held by a run" in lines[1]
    assert [" ".join(line.split()) for line in lines[3:]] == [
        "nightly starts no run before one of these ends:",
        "nightly-2, since 2026-03-01T12:00:00Z",
        "ExampleGen waiting for a pod since 2026-03-01T12:00:04Z",
        f"kubectl describe pods -l pipeline/runid={run_id}",
        f"to end it: distill kubeflow stop {run_id}",
    ]


@pytest.mark.parametrize(
    ("options", "state"),
    [((), "SUCCEEDED"), (("--max-concurrency", "2"), "RUNNING")],
)
def test_a_schedule_that_may_start_a_run_is_not_held(stub, distill, options, state):
    distill("schedule", PIPELINE, "--cron", "@daily", *options)
    (schedule_id,) = stub.recurring
    started(stub, schedule_id, display_name="one", state=state)
    started(stub, "of another schedule", display_name="two", state="RUNNING")
    _, out, _ = distill("schedules")
    assert len(out.splitlines()) == 2 and "T00:00:00Z" in out


RUN_DEADLINE = "\n    pipelineConfig: {activeDeadlineSeconds: 3600}\n"
POD_DEADLINES = "\n".join(
    f"        exec-{node}: {{activeDeadlineSeconds: 60}}"
    for node in ("ExampleGen", "Trainer")
)


@pytest.mark.parametrize(
    ("old", "new", "is_warned"),
    [
        ("", "", True),
        ("  kubernetes:\n", f"  kubernetes:{RUN_DEADLINE}", False),
        ("executors: {}", f"executors:\n{POD_DEADLINES}", False),
    ],
)
def test_a_schedule_without_a_deadline_is_warned_of(
    stub, distill, tmp_path, old, new, is_warned
):
    stub.health = {"tag_name": "2.17.0"}
    (tmp_path / "p.yaml").write_text(PIPELINE.read_text().replace(old, new, 1))
    status, _, err = distill("schedule", tmp_path / "p.yaml", "--cron", "@daily")
    assert status == 0 and ("kubeflow.deadline_s" in err) == is_warned


def test_a_server_that_does_not_know_the_deadline_of_a_run_gets_no_file(
    stub, distill, tmp_path
):
    text = PIPELINE.read_text().replace(
        "  kubernetes:\n", f"  kubernetes:{RUN_DEADLINE}"
    )
    (tmp_path / "p.yaml").write_text(text)
    status, _, err = distill("submit", tmp_path / "p.yaml")
    assert status == 1 and "needs Kubeflow Pipelines 2.17" in err and "2.16" in err
    assert not stub.pipelines
