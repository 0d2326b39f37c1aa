"""Pods read what the pipeline root's credentials open, and nothing else."""

import pytest

from tfx_distill.pipeline.runners.kubeflow.compiler import import_credentials
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package

SOURCE = {"taskOutputArtifact": {"producerTask": "Source", "outputArtifactKey": "r"}}


def package(uri, variable=None, secret=None):
    """`Teacher` reads what `Source` imports."""
    env = [{"name": variable, "value": "x"}] if variable else []
    entry = {"secretAsEnv": [{"secretName": "s", "keyToEnv": [{"envVar": secret}]}]}
    teacher = {"container": {"env": env}}
    source = {"importer": {"artifactUri": {"constant": uri}}}
    tasks = {
        "Source": {"componentRef": {"name": "Source"}},
        "Teacher": {
            "componentRef": {"name": "Teacher"},
            "inputs": {"artifacts": {"source": SOURCE}},
        },
    }
    spec = {
        "components": {name: {"executorLabel": name} for name in tasks},
        "deploymentSpec": {"executors": {"Source": source, "Teacher": teacher}},
        "root": {"dag": {"tasks": tasks}},
    }
    executors = {"Teacher": entry} if secret else {}
    deployment = {"deploymentSpec": {"executors": executors}}
    return Package(spec, {"platforms": {"kubernetes": deployment}})


@pytest.mark.parametrize(
    ("uri", "root"),
    [
        ("s3://other/t.keras", "s3://bucket/root"),
        ("minio://bucket/t.keras", "s3://bucket/root"),
        ("s3://bucket/t.keras", None),
        ("s3://bucket-2/t.keras", "s3://bucket"),
    ],
)
def test_another_bucket_than_the_roots_is_refused_with_what_to_do(uri, root):
    with pytest.raises(
        CompileError, match="Teacher reads .* AWS_ACCESS_KEY_ID"
    ) as told:
        import_credentials.require_readable_imports(package(uri), root)
    assert f"a folder in {'/'.join(uri.split('/')[:3])}, copy" in str(told.value)


@pytest.mark.parametrize(
    ("uri", "more"),
    [
        ("s3://bucket/other/t.keras", {}),
        ("gs://other/t.keras", {}),  # with the pod's own service account
        ("s3://other/t.keras", {"secret": "AWS_ACCESS_KEY_ID"}),
        ("s3://other/t.keras", {"variable": "AWS_ROLE_ARN"}),
    ],
)
def test_what_pods_can_read_is_accepted(uri, more):
    import_credentials.require_readable_imports(
        package(uri, **more), "s3://bucket/root"
    )
