"""A run's records as KFP 2.17 on Argo writes them, by the rules seen on a real server."""

import datetime

WORKFLOW = "digits-x7k2p"
START = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.timezone.utc)
NEVER = "0001-01-01T00:00:00Z"
# What a node's driver, group and container are in each stage of its life.
_STAGES = {
    "driving": ("RUNNING", None, None),
    "driver failed": ("FAILED", "", None),
    "no pod": ("SUCCEEDED", "RUNNING", "PENDING"),
    "running": ("SUCCEEDED", "RUNNING", "RUNNING"),
    "succeeded": ("SUCCEEDED", "SUCCEEDED", "SUCCEEDED"),
    "failed": ("SUCCEEDED", "FAILED", "FAILED"),
    "cached": ("SUCCEEDED", "SUCCEEDED", None),
    "omitted": ("", "", None),  # Argo gives no state to it
}


def argo_id(full_name, template=""):
    """Argo's ID of a node, or with a template its pod's name."""
    value = 2166136261
    for byte in full_name.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return f"{WORKFLOW}-{template}-{value}" if template else f"{WORKFLOW}-{value}"


def container(node, attempt=0):
    """The full name of a node's container."""
    return f"{WORKFLOW}(0).root(0).{node}(0).executor({attempt})"


def driver(node):
    """The full name of a node's driver."""
    return f"{WORKFLOW}(0).root(0).{node}-driver(0)"


def records(stages, seconds=20):
    """Task details of a run whose nodes are in stages, in no useful order."""
    made = [
        _record("root(0)", "RUNNING", START, None),
        _record("root", "RUNNING", START, None, f"{WORKFLOW}(0).root(0)"),
        _record("root-driver", "SUCCEEDED", START, 4, f"{WORKFLOW}(0).root-driver(0)"),
        {"create_time": _text(START), "execution_id": "64"},  # of ML Metadata
    ]
    for number, (node, stage) in enumerate(stages.items()):
        begin = START + datetime.timedelta(seconds=100 * number)
        made += _node(node, stage, begin, seconds)
    return made[::-1]


def run_state(state, stages, **fields):
    """The answer for a run whose nodes are in stages."""
    return {"state": state, "run_details": {"task_details": records(stages)}, **fields}


def _node(node, stage, begin, seconds):
    driver_state, group, own = _STAGES[stage]
    path = f"{WORKFLOW}(0).root(0).{node}"
    yield _record(f"{node}-driver", driver_state, begin, 4, driver(node))
    yield _record(f"{node}-driver(0)", driver_state, begin, 3)
    if group is None:
        return
    # Those that follow hang on it, as its children.
    begin += datetime.timedelta(seconds=4)
    end = seconds if group in ("SUCCEEDED", "FAILED") else None
    yield _record(node, group, begin, end, f"{path}(0)", path)
    yield _record(f"{node}(0)", group, begin, end, f"{path}(0).executor")
    if own is not None:
        yield _record("executor", group, begin, end, container(node))
        yield _record("executor(0)", own, begin, end)


def _record(name, state, begin, seconds, *children):
    end = (
        NEVER if seconds is None else _text(begin + datetime.timedelta(seconds=seconds))
    )
    return {
        "display_name": name,
        "create_time": _text(START),
        "start_time": _text(begin),
        "end_time": end,
        **({"state": state} if state else {}),
        "child_tasks": [{"pod_name": argo_id(child)} for child in children],
    }


def _text(moment):
    return moment.isoformat().replace("+00:00", "Z")
