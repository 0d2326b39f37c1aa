"""The stub refuses what KFP's OpenAPI description does not allow."""

import json
import urllib.error
import urllib.request

import kfp_stub
import pytest

RUN = {"display_name": "a", "runtime_config": {"parameters": {}}}


@pytest.mark.parametrize(
    ("method", "target", "body", "reason"),
    [
        ("GET", "/apis/v2beta1/run", None, "not in the description"),
        ("DELETE", "/apis/v2beta1/runs", None, "not in the description"),
        ("GET", "/apis/v2beta1/runs?pagesize=1", None, "query"),
        ("POST", "/apis/v2beta1/runs", {**RUN, "name": "b"}, "has {'name'}"),
        ("POST", "/apis/v2beta1/runs", {**RUN, "display_name": 1}, "not str"),
        ("POST", "/apis/v2beta1/runs", {**RUN, "state": "DONE"}, "state is 'DONE'"),
        ("POST", "/apis/v2beta1/runs", {**RUN, "runtime_config": []}, "no object"),
        (
            "POST",
            "/apis/v2beta1/recurringruns",
            {"trigger": {"cron_schedule": {"cron": "@daily", "start_time": "today"}}},
            "start_time",
        ),
    ],
)
def test_a_wrong_request_is_noticed(method, target, body, reason):
    with kfp_stub.running() as running:
        request = urllib.request.Request(
            running.url + target,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request)
        error.value.close()
    (wrong,) = running.stub.wrong
    assert reason in wrong
