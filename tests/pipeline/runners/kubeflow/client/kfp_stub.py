"""A server with KFP's REST API, version v2beta1, that accepts only valid requests.

It checks requests against `kfp_api`, and against rules of the API server that the
description does not contain. `Stub.wrong` lists the invalid requests.
"""

import datetime
import email.message
import email.parser
import http.server
import json
import pathlib
import re
import urllib.parse
import uuid

import kfp_api
import kfp_task_api
import local_servers
import yaml
from kfp_task_api import Answer, grpc_error, there

PIPELINE = pathlib.Path(__file__).parent / "kfp_pipeline.yaml"
NOW = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.timezone.utc)


class Stub(kfp_task_api.TaskApi):
    """What the server has; `answers` are tried first, by a part of `METHOD path`."""

    def __init__(self):
        self.operations = list(kfp_api.operations())
        self.requests, self.wrong, self.answers = [], [], {}
        self.health = {"tag_name": "2.16.1", "multi_user": False}
        self.pipelines, self.versions, self.experiments = {}, {}, {}
        self.runs, self.recurring, self.states, self.logs = {}, {}, [], {}
        self.max_page_size = 100

    def answer(self, method, target, headers, content):
        """The answer to one request, as JSON or a text."""
        url = urllib.parse.urlsplit(target)
        query = urllib.parse.parse_qs(url.query, strict_parsing=bool(url.query))
        query = {name: ",".join(values) for name, values in query.items()}
        self.requests.append((method, url.path, query, headers))
        for part, given in self.answers.items():
            if part in f"{method} {url.path}":
                given = given.pop(0) if isinstance(given, list) and given else given
                given = given() if callable(given) else given
                if isinstance(given, Answer):
                    raise given
        try:
            operation, names = self._checked(method, url.path, query, headers, content)
            body = json.loads(content) if operation.body else None
            if operation.upload:
                body = self._uploaded(operation, headers, content)
        except AssertionError as error:
            self.wrong.append(f"{method} {target}: {error}")
            raise Answer(400, {"message": "wrong request"}) from None
        return getattr(self, _handler(operation))(query=query, body=body, **names)

    def _checked(self, method, path, query, headers, content):
        for operation in self.operations:
            match = operation.pattern.match(path)
            if match and operation.method == method:
                break
        else:
            raise AssertionError("not in the description")
        assert query.keys() <= operation.query, f"query {query}"
        for predicate in json.loads(query.get("filter", "{}")).get("predicates", ()):
            assert predicate.keys() <= {"operation", "key", "stringValue"}, predicate
        if operation.body:
            assert headers["Content-Type"] == "application/json"
            kfp_api.check(json.loads(content), operation.body, operation.body)
        return operation, match.groupdict()

    def _uploaded(self, operation, headers, content):
        head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
        (part,) = email.parser.BytesParser().parsebytes(head + content).get_payload()
        disposition = email.message.Message()
        disposition["Content-Disposition"] = part["Content-Disposition"]
        field = disposition.get_param("name", header="Content-Disposition")
        assert field == operation.upload, field
        assert part.get_filename().endswith(".yaml")
        return list(yaml.safe_load_all(part.get_payload(decode=True)))

    def get_healthz(self, **_):
        return self.health

    def get_v1_healthz(self, **_):
        return self.health

    def get_pipelines(self, query, **_):
        return self._page("pipelines", self.pipelines.values(), query)

    def get_pipelines_versions(self, query, pipeline_id, **_):
        found = [v for v in self.versions.values() if v["pipeline_id"] == pipeline_id]
        assert query.get("sort_by") == "created_at desc"
        return self._page("pipeline_versions", found[::-1], query)

    def get_pipelines_versions_one(self, pipeline_id, pipeline_version_id, **_):
        return there(self.versions, pipeline_version_id)

    def post_pipelines_upload(self, query, body, **_):
        name = query["name"]
        made = keep(self.pipelines, "pipeline_id", display_name=name)
        self._version(made["pipeline_id"], name, query, body)
        return made

    def post_pipelines_upload_version(self, query, body, **_):
        there(self.pipelines, query["pipelineid"])
        return self._version(query["pipelineid"], query["name"], query, body)

    def _version(self, pipeline_id, name, query, body):
        return keep(
            self.versions, "pipeline_version_id", pipeline_id=pipeline_id,
            display_name=name, description=query.get("description"),
            pipeline_spec={
                "pipeline_spec": body[0],
                "platform_spec": body[1] if len(body) > 1 else None,
            },
        )  # fmt: skip

    def get_experiments(self, query, **_):
        return self._page("experiments", self.experiments.values(), query)

    def post_experiments(self, body, **_):
        return keep(self.experiments, "experiment_id", **body)

    def post_runs(self, body, **_):
        self._check_new(body)
        made = keep(self.runs, "run_id", state="PENDING", **body)
        if len(body["display_name"]) > 127:  # after the workflow was created
            raise grpc_error(500, 13, "Data too long for column 'DisplayName'")
        return made

    def get_runs(self, query, **_):
        newest_first = list(self.runs.values())[::-1]
        return self._page("runs", newest_first, query)

    def post_runs_terminate(self, run_id, **_):
        return there(self.runs, run_id)

    post_runs_retry = post_runs_terminate

    def delete_runs_one(self, run_id, **_):
        there(self.runs, run_id)
        del self.runs[run_id]
        return {}

    def get_pipelines_one(self, pipeline_id, **_):
        return there(self.pipelines, pipeline_id)

    def get_runs_one(self, run_id, **_):
        run = there(self.runs, run_id)
        if self.states:
            run.update(self.states.pop(0) if len(self.states) > 1 else self.states[0])
        return run

    def post_recurringruns(self, body, **_):
        self._check_new(body)
        assert 1 <= body["max_concurrency"] <= 10
        status = {"ENABLE": "ENABLED", "DISABLE": "DISABLED"}[body["mode"]]
        return keep(self.recurring, "recurring_run_id", status=status, **body)

    def _check_new(self, body):
        reference = body["pipeline_version_reference"]
        version = there(self.versions, reference["pipeline_version_id"])
        there(self.experiments, body["experiment_id"])
        there(self.pipelines, reference["pipeline_id"])
        spec = version["pipeline_spec"]["pipeline_spec"]
        known = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        if body["runtime_config"]["parameters"].keys() != known.keys():
            raise grpc_error(400, 3, "parameters do not fit")

    def get_recurringruns(self, query, **_):
        return self._page("recurringRuns", self.recurring.values(), query)

    def get_recurringruns_one(self, recurring_run_id, **_):
        return there(self.recurring, recurring_run_id)

    def post_recurringruns_enable(self, recurring_run_id, **_):
        there(self.recurring, recurring_run_id)["status"] = "ENABLED"
        return {}

    def post_recurringruns_disable(self, recurring_run_id, **_):
        there(self.recurring, recurring_run_id)["status"] = "DISABLED"
        return {}

    def delete_recurringruns_one(self, recurring_run_id, **_):
        there(self.recurring, recurring_run_id)
        del self.recurring[recurring_run_id]
        return {}

    def get_runs_nodes_log(self, node_id, **_):
        if node_id not in self.logs:
            # As the API server: the status 200 is already sent.
            return json.dumps({"error_message": "no pod"}, separators=(",", ":"))
        return self.logs[node_id]

    def get_k8s_logs(self, query, **_):
        raise Answer(404, "pod not found", "text/plain")

    def _page(self, key, items, query):
        for predicate in json.loads(query.get("filter", "{}")).get("predicates", ()):
            # As if it came out of a URL.
            wanted = urllib.parse.unquote_plus(
                predicate["stringValue"], errors="strict"
            )
            if re.search(r"%(?![0-9A-Fa-f]{2})", predicate["stringValue"]):
                raise grpc_error(400, 3, "invalid URL escape")
            items = [i for i in items if i.get(predicate["key"]) == wanted]
        items = list(items)
        first = int(query.get("page_token") or 0)
        size = min(int(query.get("page_size", 20)), self.max_page_size)
        last = first + size
        token = str(last) if last < len(items) else ""
        return {key: items[first:last], "next_page_token": token}


def _handler(operation):
    """`GET /apis/v2beta1/runs/{run_id}` is answered by `get_runs_one`."""
    if operation.path == "/apis/v1beta1/healthz":
        return "get_v1_healthz"
    if operation.path == "/k8s/pod/logs":
        return "get_k8s_logs"
    rest = re.sub(r"^/apis/v\w+/", "", operation.path)
    end = "_one" if rest.endswith("}") else ""
    words = re.findall(r"\w+", re.sub(r"\{\w+\}", "", rest))
    return "_".join([operation.method.lower(), *words]) + end


def keep(kept, id_name, **fields):
    made = {id_name: str(uuid.uuid4()), "created_at": NOW.isoformat(), **fields}
    kept[made[id_name]] = made
    return made


class Handler(http.server.BaseHTTPRequestHandler):
    """Brings requests to the stub that its server holds."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet: else the client waits 40 ms

    def do_GET(self):
        self._handle()

    do_POST = do_DELETE = do_GET

    def _handle(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        stub = self.server.stub
        try:
            body = stub.answer(self.command, self.path, self.headers, content)
            text = body if isinstance(body, str) else json.dumps(body)
            self._write(Answer(200, text))
        except Answer as answer:
            self._write(answer)
        except Exception as error:
            stub.wrong.append(f"{self.command} {self.path}: {error!r}")
            self._write(Answer(500, repr(error)))

    def _write(self, answer):
        data = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(data)))
        if answer.location:
            self.send_header("Location", answer.location)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def running():
    """A stub on a server: yields that, with `url` and `stub`."""
    return local_servers.running(Handler, stub=Stub())
