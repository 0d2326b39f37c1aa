"""What a server without ML Metadata answers about nodes and artifacts."""

import json


class Answer(Exception):
    """An answer other than 200 with JSON."""

    def __init__(self, status, body="", kind="application/json", location=None):
        super().__init__(status)
        self.status, self.kind, self.location = status, kind, location
        self.body = body if isinstance(body, str) else json.dumps(body)


def grpc_error(status, code, message):
    """An error as the API server's gateway writes it."""
    return Answer(status, {"error": message, "code": code, "message": message})


def there(kept, key):
    if key not in kept:
        raise grpc_error(404, 5, f"{key} not found")
    return kept[key]


class TaskApi:
    """A part of `kfp_stub.Stub`, whose pages it uses."""

    # None: the server has ML Metadata.
    tasks, artifacts, artifact_tasks = None, {}, []

    def get_runs_tasks(self, query, run_id, **_):
        if self.tasks is None:
            raise grpc_error(404, 5, "Not Found")
        of_run = [task for task in self.tasks if task.get("run_id", run_id) == run_id]
        return self._page("tasks", of_run, query)

    def get_artifacts(self, query, **_):
        assert query.get("sort_by") == "created_at desc"
        made = sorted(self.artifacts.values(), key=lambda a: a["created_at"])
        return self._page("artifacts", made[::-1], query)

    def get_artifacts_one(self, artifact_id, **_):
        return there(self.artifacts, artifact_id)

    def get_artifact_tasks(self, query, **_):
        wanted = query["artifact_ids"].split(",")
        found = [t for t in self.artifact_tasks if t["artifact_id"] in wanted]
        return self._page("artifact_tasks", found, query)
