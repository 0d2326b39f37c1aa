"""Every server error is one clear line without secrets."""

import socket
import time

import kfp_stub
import pytest
from kfp_stub import PIPELINE

SECRET = "s3cr3t-t0ken"
PAGE = "<!DOCTYPE html><html><title>Log in</title></html>"


def refused(result, *words, status=1):
    """Checks that it was one line on stderr with these words."""
    code, out, err = result
    assert (code, out) == (status, "")
    assert len(err.splitlines()) == 1, err
    assert all(word in err for word in words), err


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (kfp_stub.grpc_error(401, 16, "Unauthenticated"), ["401", "--token-file"]),
        (kfp_stub.Answer(401, PAGE, "text/html"), ["401", "--cookies-file"]),
        (kfp_stub.grpc_error(403, 7, "User 'x' is not authorized"),
         ["403", "rbac.yaml", "User 'x' is not authorized"]),
        (kfp_stub.Answer(403, "RBAC: access denied", "text/plain"),
         ["403", "RBAC: access denied"]),
        (kfp_stub.Answer(200, PAGE, "text/html"), ["web page", "--cookies-file"]),
        (kfp_stub.Answer(500, {"error": "boom"}), ["failed (500)", "boom"]),
        (kfp_stub.Answer(503, PAGE, "text/html"), ["failed (503)"]),
        (kfp_stub.Answer(200, "hello", "text/plain"), ["not a server of Kubeflow"]),
    ],
)  # fmt: skip
def test_at_the_door(stub, distill, answer, words):
    stub.answers["healthz"] = answer
    result = distill("submit", PIPELINE)
    refused(result, *words)
    assert "<" not in result[2]


def test_a_redirect_to_a_page_to_sign_in(stub, distill):
    stub.answers["/login"] = kfp_stub.Answer(200, PAGE, "text/html")
    stub.answers["healthz"] = kfp_stub.Answer(302, location="/login")
    refused(distill("schedules"), "web page", "sign in")


@pytest.mark.parametrize(
    ("health", "words"),
    [
        ({"tag_name": "2.0.5"}, ["2.0.5", "2.5 or later"]),
        ({"apiServerTagName": "2.4.1"}, ["2.4.1", "2.5 or later"]),
    ],
)
def test_servers_that_are_too_old(stub, distill, health, words):
    stub.health = health
    refused(distill("submit", PIPELINE), *words)


def test_a_server_with_the_v1_api_alone(stub, distill):
    stub.health = {"tag_name": "1.8.5"}
    stub.answers["GET /apis/v2beta1"] = kfp_stub.Answer(404, "404 page not found")
    refused(distill("submit", PIPELINE), "1.8.5 with only the v1 API", "2.5 or later")


def test_another_server(stub, distill):
    stub.answers["GET /apis"] = kfp_stub.Answer(404, "not here")
    refused(distill("submit", PIPELINE), "not a server of Kubeflow", "/apis/v2beta1")


@pytest.mark.parametrize("tag", ["unknown", "2.17.0", "v2.5.0", "2.18.0-rc.1", ""])
def test_versions_that_are_taken(stub, distill, tag):
    stub.health["tag_name"] = tag
    assert distill("schedules")[0] == 0


def test_nobody_listens(distill):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    refused(distill("submit", PIPELINE, "--host", host), host, "connection refused")


def test_nobody_answers(distill, monkeypatch):
    monkeypatch.setattr(
        "tfx_distill.pipeline.runners.kubeflow.client.server_connection.CONNECT_TIMEOUT_S",
        0.2,
    )
    monkeypatch.setattr(
        "tfx_distill.pipeline.runners.kubeflow.client.server_connection.READ_TIMEOUT_S",
        0.2,
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"http://127.0.0.1:{silent.getsockname()[1]}"
        before = time.monotonic()
        refused(distill("schedules", "--host", host), "no answer in time")
    assert time.monotonic() - before < 5


def test_no_such_host(distill):
    host = "https://kubeflow.invalid"
    refused(distill("schedules", "--host", host), "no such host name", "--host")


def test_no_host_and_no_cluster(distill):
    refused(distill("schedules"), "KF_PIPELINES_ENDPOINT", status=2)


@pytest.mark.parametrize("host", ["ftp://x", "https://", "https://me:pw@x"])
def test_hosts_that_are_none(distill, host):
    refused(distill("schedules", "--host", host), "--host", status=2)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("POST /apis/v2beta1/pipelines/upload", "Invalid pipeline name: Digits"),
        ("POST /apis/v2beta1/experiments", "Invalid input error: experiment name"),
        ("POST /apis/v2beta1/runs", "Invalid spec: task Trainer"),
    ],
)
def test_what_the_server_refuses_in_its_words(stub, distill, path, message):
    stub.answers[path] = kfp_stub.Answer(400, {"error_message": message})
    code, out, err = distill("submit", PIPELINE)
    assert (code, out) == (1, "")
    assert "rejected by" in err
    assert err.splitlines()[-1].endswith(f"(400). The server says: {message}")


def test_an_unknown_run(stub, distill):
    for command in ("status", "logs"):
        refused(distill(command, "no-such-run"), "find the run no-such-run", "404")


def test_an_unknown_schedule_id(stub, distill):
    unknown = "0f0e0d0c-0000-4000-8000-000000000000"
    refused(distill("delete", unknown), unknown, "404")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("just words", ["not a compiled pipeline", "distill kubeflow compile"]),
        ("{a: [", ["not valid YAML"]),
        ("{pipelineSpec: {}}", ["Vertex AI"]),
        (PIPELINE.read_text().replace("2.1.0", "2.0.0"), ["2.0.0", "2.1.0"]),
        (PIPELINE.read_text().replace("name: digits", "name: My_Digits"),
         ["My_Digits", "lowercase letters"]),
        (PIPELINE.read_text().replace("example/tfx-distill:1", "''"),
         ["exec-ExampleGen", "--image"]),
        (PIPELINE.read_text().replace("defaultValue: /data", "description: d"),
         ["no default for data-dir", "--param data-dir=VALUE"]),
    ],
)  # fmt: skip
def test_files_that_no_server_would_take(stub, distill, tmp_path, text, words):
    (tmp_path / "pipeline.yaml").write_text(text)
    refused(distill("submit", tmp_path / "pipeline.yaml"), *words, status=2)
    assert stub.requests == []


def test_a_file_that_is_not_there(distill):
    refused(distill("submit", "no.yaml", "--host", "x"), "no.yaml", status=2)


@pytest.mark.parametrize(
    ("param", "words"),
    [
        ("epochs", ["NAME=VALUE"]),
        ("epoch=1", ["no 'epoch'", "Did you mean 'epochs'?"]),
        ("epochs=many", ["'many'", "NUMBER_INTEGER"]),
        ("shuffled=1", ["BOOLEAN"]),
        ("options=[1]", ["STRUCT"]),
    ],
)
def test_parameters_that_do_not_fit(stub, distill, param, words):
    refused(distill("submit", PIPELINE, "--param", param), *words, status=2)
    assert stub.requests == []


def sent(stub, name):
    return {headers[name] for _, _, _, headers in stub.requests}


def test_a_token_from_the_environment(stub, distill, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_TOKEN", SECRET)
    distill("submit", PIPELINE)
    assert sent(stub, "Authorization") == {f"Bearer {SECRET}"}


def test_a_token_file_is_read_again_for_each_request(
    stub, distill, tmp_path
):  # fmt: skip
    file = tmp_path / "token"
    file.write_text("old\n")
    stub.answers["healthz"] = lambda: file.write_text("new\n")
    distill("schedules", "--token-file", file)
    assert sent(stub, "Authorization") == {"Bearer old", "Bearer new"}


def test_cookies_from_a_file(stub, distill, tmp_path):
    file = tmp_path / "cookies"
    file.write_text(f"authservice_session={SECRET}\n")
    distill("schedules", "--cookies-file", file)
    assert sent(stub, "Cookie") == {f"authservice_session={SECRET}"}


@pytest.mark.parametrize("variable", ["TOKEN", "COOKIES"])
@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_secrets_are_in_no_message(stub, distill, monkeypatch, variable, debug):
    value = SECRET if variable == "TOKEN" else f"session={SECRET}"
    monkeypatch.setenv(f"KF_PIPELINES_{variable}", value)
    stub.answers["GET /apis/v2beta1/recurringruns"] = kfp_stub.Answer(
        403, {"message": f"bad credential {SECRET}"}
    )
    code, out, err = distill("schedules", *debug)
    assert code == 1 and "bad credential ***" in err.splitlines()[-1]
    assert SECRET not in out + err.splitlines()[-1]


def test_a_secret_for_another_machine_without_encryption_is_warned_of(
    distill, monkeypatch
):  # fmt: skip
    monkeypatch.setenv("KF_PIPELINES_TOKEN", SECRET)
    _, _, err = distill("schedules", "--host", "http://kubeflow.invalid")
    assert "unencrypted: use https" in err and SECRET not in err


@pytest.mark.parametrize("option", ["--token-file", "--cookies-file", "--ca-cert"])
def test_files_of_secrets_that_are_not_there(distill, option, tmp_path):
    result = distill("schedules", "--host", "x", option, tmp_path / "none")
    refused(result, str(tmp_path / "none"), status=2)


def test_two_tokens(distill, monkeypatch, tmp_path):
    monkeypatch.setenv("KF_PIPELINES_TOKEN", SECRET)
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path))
    refused(distill("schedules", "--host", "x"), "unset one", status=2)
