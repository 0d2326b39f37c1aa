"""What Kubernetes adds to a node, in the words that KFP's driver reads."""

import pytest

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.runners.kubeflow.compiler import (
    platform_spec,
    postprocessing,
)
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.trainer.errors import ConfigError


def package():
    """One task, `Use`."""
    container = {"container": {"image": "a/b:1", "command": ["c"], "args": []}}
    return Package(
        {
            "components": {"Use": {"executorLabel": "label"}},
            "deploymentSpec": {"executors": {"label": container}},
            "root": {"dag": {"tasks": {"Use": {"componentRef": {"name": "Use"}}}}},
        }
    )


def entry(*overrides, mounted=None):
    """What the platform has for the task."""
    config = load_config("smoke", list(overrides)).kubeflow
    document = platform_spec.make(package(), config, mounted or {})
    if document is None:
        return None
    return document["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["label"]


def constant(name):
    return {"runtimeValue": {"constant": name}}


def test_the_platform_gives_volumes_and_secrets_to_executors():
    secrets = "[{name: s, key: k, env: TOKEN}, {name: certificates, path: /certs}]"
    found = entry(f"kubeflow.secrets={secrets}", mounted={"Use": [("claim", "/data")]})
    assert found == {
        "pvcMount": [{"constant": "claim", "mountPath": "/data"}],
        "secretAsEnv": [
            {"secretName": "s", "keyToEnv": [{"secretKey": "k", "envVar": "TOKEN"}]}
        ],
        "secretAsVolume": [
            {"secretName": "certificates", "mountPath": "/certs", "optional": False}
        ],
    }
    assert entry() is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("node_selector: {disk: ssd}", {"nodeSelector": {"labels": {"disk": "ssd"}}}),
        (
            "tolerations: [{key: gpu, operator: Exists, effect: NoSchedule}]",
            {
                "tolerations": [
                    {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}
                ]
            },
        ),
        (
            "node_affinity: [{key: zone, values: [a, b]}]",
            {
                "nodeAffinity": [
                    {
                        "matchExpressions": [
                            {"key": "zone", "operator": "In", "values": ["a", "b"]}
                        ]
                    }
                ]
            },
        ),
        (
            "image_pull_secrets: [mine]",
            {
                "imagePullSecret": [
                    {"secretName": "mine", "secretNameParameter": constant("mine")}
                ]
            },
        ),
        ("image_pull_policy: Always", {"imagePullPolicy": "Always"}),
        (
            "labels: {team: vision}",
            {"podMetadata": {"labels": {"team": "vision"}, "annotations": {}}},
        ),
        (
            "config_maps: [{name: c, key: k, env: V}, {name: d, path: /etc/d}]",
            {
                "configMapAsEnv": [
                    {
                        "configMapName": "c",
                        "configMapNameParameter": constant("c"),
                        "keyToEnv": [{"configMapKey": "k", "envVar": "V"}],
                    }
                ],
                "configMapAsVolume": [
                    {
                        "configMapName": "d",
                        "configMapNameParameter": constant("d"),
                        "mountPath": "/etc/d",
                        "optional": False,
                    }
                ],
            },
        ),
        (
            "scratch: [{path: /dev/shm, size: 2Gi, memory: true}]",
            {
                "emptyDirMounts": [
                    {
                        "volumeName": "scratch-0",
                        "mountPath": "/dev/shm",
                        "medium": "Memory",
                        "sizeLimit": "2Gi",
                    }
                ]
            },
        ),
        ("deadline_s: 3600", {"activeDeadlineSeconds": 3600}),
    ],
)
def test_each_setting_of_a_node_is_what_the_driver_reads(settings, expected):
    assert entry(f"kubeflow.nodes={{Use: {{{settings}}}}}") == expected


def test_a_node_has_its_own_settings_over_those_of_all():
    nodes = (
        "{default: {labels: {a: x, b: x}, deadline_s: 60, tolerations: [{key: t}]}, "
        "Use: {labels: {b: y}, deadline_s: 90}}"
    )
    found = entry(f"kubeflow.nodes={nodes}")
    assert found["podMetadata"]["labels"] == {"a": "x", "b": "y"}
    assert found["activeDeadlineSeconds"] == 90 and len(found["tolerations"]) == 1


def test_retries_are_the_tasks():
    used = package()
    nodes = "{Use: {retries: {count: 3, backoff_s: 10}}}"
    config = load_config("smoke", [f"kubeflow.nodes={nodes}"]).kubeflow
    postprocessing.adapt(used, config, {})
    assert used.tasks["Use"]["retryPolicy"] == {
        "maxRetryCount": 3,
        "backoffDuration": "10s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "3600s",
    }


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("tolerations: [{operator: Equals}]", "operator must be Equal or Exists"),
        ("config_maps: [{name: c, key: k}]", "must be key and env, or path alone"),
        ("scratch: [{path: shm}]", "path must be an absolute folder"),
        ("image_pull_policy: always", "must be Always, IfNotPresent or Never"),
        ("node_selectr: {}", "Did you mean"),
    ],
)
def test_what_no_pod_can_have_is_refused(settings, reason):
    with pytest.raises(ConfigError, match=reason):
        load_config("smoke", [f"kubeflow.nodes={{Use: {{{settings}}}}}"])


def test_a_run_has_a_deadline_as_a_whole():
    config = load_config("smoke", ["kubeflow.deadline_s=7200"]).kubeflow
    made = Package({}, platform_spec.make(package(), config, {}))
    assert made.run_config == {"activeDeadlineSeconds": 7200}
    assert made.platform_executors == {}
