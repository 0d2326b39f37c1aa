"""KFP's REST API, version v2beta1, as `kfp_server_api` describes it.

That package is generated from the OpenAPI description that KFP publishes: paths,
methods, names of queries, and bodies with their fields, types and enumerations.
"""

import inspect
import re

from kfp_server_api import api, models

# Not in the description; read from the API server's and the web interface's source.
UNDESCRIBED = {
    ("GET", "/apis/v1beta1/healthz"): set(),
    ("GET", "/apis/v1alpha1/runs/{run_id}/nodes/{node_id}/log"): {"follow"},
    # Of servers without ML Metadata: artifact.proto and run.proto of mlmd-removal.
    ("GET", "/apis/v2beta1/runs/{run_id}/tasks"): {"page_size", "page_token"},
    ("GET", "/apis/v2beta1/artifacts"): {
        "namespace",
        "page_size",
        "page_token",
        "sort_by",
    },
    ("GET", "/apis/v2beta1/artifacts/{artifact_id}"): set(),
    ("GET", "/apis/v2beta1/artifact_tasks"): {
        "artifact_ids",
        "page_size",
        "page_token",
        "run_ids",
    },
    ("GET", "/k8s/pod/logs"): {"podname", "runid", "podnamespace", "createdat"},
}


class Operation:
    """One operation of the description."""

    def __init__(self, method, path, query, body=None, upload=None):
        self.method, self.path, self.query = method, path, query
        self.body, self.upload = body, upload
        # A part of a path ends before the colon of a verb.
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", path)
        self.pattern = re.compile(f"{pattern}$")


def operations():
    """Everything that the description allows."""
    for name in dir(api):
        service = getattr(api, name)
        if not inspect.isclass(service):
            continue
        for member, function in inspect.getmembers(service, inspect.isfunction):
            if member.endswith("_with_http_info"):
                yield _operation(inspect.getsource(function))
    for (method, path), query in UNDESCRIBED.items():
        yield Operation(method, path, query)


def _operation(source):
    path, method = re.search(r"call_api\(\s*'([^']+)', '([A-Z]+)'", source).groups()
    query = set(re.findall(r"query_params\.append\(\('([^']+)'", source))
    body = re.search(r"body_params = local_var_params\['(\w+)'\]", source)
    kind = re.search(rf":type {body[1]}: (\w+)", source)[1] if body else None
    upload = re.search(r"local_var_files\['(\w+)'\]", source)
    return Operation(method, path, query, kind, upload[1] if upload else None)


def check(value, kind, where):
    """Raises if a JSON value is not of a type of the description."""
    listed = re.fullmatch(r"list\[(.+)\]", kind)
    mapped = re.fullmatch(r"dict\(str, (.+)\)", kind)
    if kind == "object":
        return
    if listed:
        assert isinstance(value, list), where
        for item in value:
            check(item, listed[1], where)
    elif mapped:
        assert isinstance(value, dict), where
        for key, item in value.items():
            check(item, mapped[1], f"{where}.{key}")
    elif kind in ("str", "int", "float", "bool", "datetime"):
        _check_plain(value, kind, where)
    else:
        _check_model(value, getattr(models, kind), where)


def _check_plain(value, kind, where):
    if kind == "datetime":
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value), where
    # The description writes 64-bit integers as strings; JSON may have them as either.
    elif where.endswith(".max_concurrency"):
        assert str(value).isdigit(), where
    else:
        assert type(value).__name__ == kind, f"{where} is {value!r}, not {kind}"


def _check_model(value, model, where):
    if hasattr(model, "allowable_values"):
        assert value in model.allowable_values, f"{where} is {value!r}"
        return
    assert isinstance(value, dict), f"{where} is no object"
    kinds = {model.attribute_map[a]: kind for a, kind in model.openapi_types.items()}
    assert value.keys() <= kinds.keys(), f"{where} has {value.keys() - kinds.keys()}"
    for key, item in value.items():
        check(item, kinds[key], f"{where}.{key}")
