"""A Kubeflow Model Registry that accepts only what its OpenAPI description allows.

The tables below are those of kubeflow/model-registry, `api/openapi/model-registry.yaml`,
as far as registered models, model versions and model artifacts go. `wrong` lists the
requests that do not fit.
"""

import http.server
import itertools
import json
import re
import urllib.parse

import local_servers

API = "/api/model_registry/v1alpha3"
BASE = {"name", "description", "externalId", "customProperties", "state"}
SOURCE = {f"modelSource{part}" for part in ("Kind", "Class", "Group", "Id", "Name")}
# Fields of each kind's …Create schema, and those that it requires.
FIELDS = {
    "registered_model": (BASE | {"owner"}, {"name"}),
    "model_version": (
        BASE | {"author", "registeredModelId"},
        {"name", "registeredModelId"},
    ),
    "model_artifact": (
        BASE
        | SOURCE
        | {"artifactType", "uri", "modelFormatName", "modelFormatVersion"}
        | {"storageKey", "storagePath", "serviceAccountName"},
        {"artifactType"},  # the discriminator
    ),
}
VALUES = {
    "MetadataStringValue": ("string_value", str),
    "MetadataDoubleValue": ("double_value", float),
    "MetadataBoolValue": ("bool_value", bool),
}
ID = re.compile(r"[1-9][0-9]{0,8}")
QUERIES = {"name", "externalId", "parentResourceId"}


class Registry:
    """What the registry has, by kind: each with an `id` and its parent's."""

    def __init__(self):
        self.kinds = {kind: [] for kind in FIELDS}
        self.wrong, self.posts, self.tokens = [], 0, set()
        self.answers = []  # statuses to answer with first
        self._ids = itertools.count(1)

    def answer(self, method, target, token, content):
        self.tokens.add(token)
        if self.answers:
            return self.answers.pop(0), {"code": "", "message": "database is locked"}
        url = urllib.parse.urlsplit(target)
        try:
            if method == "GET":
                return self._find(url.path, dict(urllib.parse.parse_qsl(url.query)))
            return self._create(url.path, json.loads(content))
        except AssertionError as error:
            self.wrong.append(f"{method} {target}: {error}")
            return 400, {"code": "", "message": str(error)}

    def _find(self, path, query):
        kind = path.removeprefix(f"{API}/")
        assert kind in FIELDS, "no such path"
        assert query.keys() <= QUERIES, query
        assert re.fullmatch(r"[\x20-\x7E]+", query["name"])
        if "parentResourceId" in query:
            assert ID.fullmatch(query["parentResourceId"])
        found = self._named(kind, query["name"], query.get("parentResourceId"))
        return (200, found) if found else (404, {"code": "", "message": "not found"})

    def _named(self, kind, name, parent):
        return next(
            (i for i in self.kinds[kind] if (i["name"], i["parent"]) == (name, parent)),
            None,
        )

    def _create(self, path, body):
        self.posts += 1
        below = re.fullmatch(rf"{API}/model_versions/(\d+)/artifacts", path)
        kind = "model_artifact" if below else path.removeprefix(f"{API}/")[:-1]
        assert kind in FIELDS, "no such path"
        self._check(body, *FIELDS[kind])
        parent = below[1] if below else body.get("registeredModelId")
        parents = {i["id"] for kind in self.kinds.values() for i in kind}
        assert parent is None or parent in parents, "no such parent"
        if self._named(kind, body["name"], parent):
            return 409, {"code": "", "message": "already exists"}
        made = {"id": str(next(self._ids)), "parent": parent, **body}
        self.kinds[kind].append(made)
        return 201, made

    def _check(self, body, allowed, required):
        assert required <= body.keys() <= allowed, sorted(body)
        assert body["name"]
        for name, value in body.get("customProperties", {}).items():
            field, kind = VALUES[value["metadataType"]]
            assert value.keys() == {"metadataType", field}, name
            assert type(value[field]) is kind, name
        for name in body.keys() - {"customProperties"}:
            assert isinstance(body[name], str), name


def running():
    """Serves a `Registry` on a free port of this machine: its `url` and `registry`."""
    return local_servers.running(_Handler, registry=Registry())


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        token = self.headers.get("Authorization")
        content = self.rfile.read(length)
        answer = self.server.registry.answer(self.command, self.path, token, content)
        status, body = answer
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET

    def log_message(self, *_):
        pass
