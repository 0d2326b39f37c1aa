"""No secret stands in a configuration, wherever it is and however it is spelled."""

import pytest

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.config.plain_secrets import looks_secret
from tfx_distill.trainer.errors import ConfigError

pytestmark = pytest.mark.attack
NODE_ENV = "kubeflow.nodes.Evaluator.env"
SECRET = "hunter2-5f3a9"
PLACES = [
    f"metadata.connection.mysql.password={SECRET}",
    "metadata.connection.mysql.password=123456",
    f"metadata.connection.postgresql.ssloption.sslpassword={SECRET}",
    f"metadata.connection.postgresql.ssloption.sslPassword={SECRET}",
    f"metadata.connection.ssl_config.client_key={SECRET}",
    f"metadata.connection.ssl_config.clientKey={SECRET}",
    "metadata.connection.ssl_config.custom_ca='-----BEGIN RSA PRIVATE KEY-----'",
    f"beam.args=[--password={SECRET}]",
    f"beam.args=[--dbPassword={SECRET}]",
    f"beam.args=[--s3_secret_access_key={SECRET}]",
    f"beam.args=[--azure-account-key={SECRET}]",
    f"beam.args=['--jdbc=jdbc:x;password={SECRET}']",
    f"beam.args=['--job_endpoint=http://me:{SECRET}@host']",
    f"{NODE_ENV}={{DB_PWD: {SECRET}}}",
    f"{NODE_ENV}={{GITHUB_PAT: {SECRET}}}",
    f"{NODE_ENV}={{PGPASSWORD: {SECRET}}}",
    f"{NODE_ENV}={{apiKey: {SECRET}}}",
    f"{NODE_ENV}={{X: ghp_abcdefgh12345678}}",
    f"kubeflow.nodes.default.annotations={{token: {SECRET}}}",
    f"kubeflow.pipeline_root=s3://me:{SECRET}@bucket",
    f"student.options={{private_key: {SECRET}}}",
    f"data.dataset=https://:{SECRET}@host",
]


@pytest.mark.parametrize("override", PLACES)
def test_a_secret_is_refused_by_key_and_never_shown(override):
    with pytest.raises(ConfigError, match="holds a secret") as caught:
        load_config(None, [override])
    assert str(caught.value).startswith(override.split("=")[0][:20])
    assert SECRET not in str(caught.value) and "ghp_" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_tokens", "5"),
        ("tokenizer", "bert"),
        ("key", "image"),
        ("path", "/data"),
        ("access_key_id", "public"),
        ("ssl_key_file", "/etc/key.pem"),
        ("compat", "on"),
        ("password", ""),
        ("place", "s3://bucket/folder@1:2"),
    ],
)
def test_names_that_only_resemble_one_are_none(name, value):
    assert not looks_secret(name, value)


@pytest.mark.parametrize("name", ["password", "sslPassword", "anything"])
def test_a_reference_is_no_secret(name):
    config = load_config(None, [f"metadata.connection.mysql.{name}=env:PLACE"])
    assert config.metadata.connection["mysql"][name] == "env:PLACE"
