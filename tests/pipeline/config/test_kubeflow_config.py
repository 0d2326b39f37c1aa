"""The section `kubeflow`: quantities, secrets, paths."""

import pytest

from tfx_distill.pipeline.config.kubernetes_values import quantity
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.trainer.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", 0.5),
        ("2", 2),
        (1.5, 1.5),
        ("4Gi", 4 * 2**30),
        ("1k", 1000),
        ("1M", 1e6),
    ],
)
def test_quantities_are_those_of_kubernetes(text, value):
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["4GB", "-1", "0", "", "1e3 Gi", True, None])
def test_other_quantities_are_refused(text):
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        quantity(text)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("kubeflow.nodes={Teacher: {memory: 4GB}}", "memory must be a Kubernetes quantity"),
        ("kubeflow.nodes={Teacher: {gpu: -1}}", "gpu must be an integer >= 0"),
        ("kubeflow.nodes={Teacher: {gpu_type: gpu}}", "must be a Kubernetes resource"),
        ("kubeflow.nodes={Teacher: {gpus: 1}}", "Did you mean kubeflow.nodes.Teacher.gpu?"),
        ("kubeflow.nodes={Teacher: {env: {1A: b}}}", "must be a variable's name"),
        ("kubeflow.nodes={default: {env: {DB_PASSWORD: abc}}}",
         "name a Kubernetes secret in kubeflow.secrets"),
        ("kubeflow.nodes={default: {env: {DB: 'mysql://me:abc@db/x'}}}",
         "name a Kubernetes secret in kubeflow.secrets"),
        ("kubeflow.volumes.data={path: /data}", "must be the name of a Persistent"),
        ("kubeflow.volumes.data={claim: c, path: data}", "must be an absolute folder"),
        ("kubeflow.volumes.data={claim: c, path: /minio/x}", "not in /minio"),
        ("kubeflow.secrets=[{name: s}]", "must be key and env, or path alone"),
        ("kubeflow.secrets=[{name: s, key: k, env: E, path: /p}]", "or path alone"),
        ("kubeflow.secrets=[{name: s, key: k, env: E, value: abc}]", "Unknown config"),
        ("kubeflow.secrets=[{name: S_, path: /p}]", "the name of a Kubernetes secret"),
        ("kubeflow.pipeline_root=/runs", "must be a URI that begins with gs://"),
        ("kubeflow.pipeline_root=s3://b/r?region=eu", "without a query such as ?region"),
        ("kubeflow.parameters=[epochs]", "must be a key such as student.epochs"),
    ],
)  # fmt: skip
def test_what_no_cluster_takes_is_refused(override, message):
    with pytest.raises(ConfigError) as refusal:
        load_config("smoke", [override])
    assert message in str(refusal.value)
    assert "abc" not in str(refusal.value)  # a secret is not repeated


def test_a_node_has_its_own_over_the_default():
    nodes = "{default: {cpu: 1, env: {A: a, B: b}}, Teacher: {cpu: 4, env: {B: c}}}"
    kubeflow = load_config("smoke", [f"kubeflow.nodes={nodes}"]).kubeflow
    teacher = kubeflow.node("Teacher")
    assert (teacher.cpu, teacher.env) == (4, {"A": "a", "B": "c"})
    assert kubeflow.node("Pusher").cpu == 1
