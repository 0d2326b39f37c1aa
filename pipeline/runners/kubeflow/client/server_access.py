"""Address and authentication of the server, as in the KFP client.

Secrets come from the environment, a file or a mounted volume, never from the command
line, where other users of the machine can see them. No message contains one.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import pathlib
import urllib.parse
from collections.abc import Mapping
from typing import Any

from tfx_distill.trainer.errors import ConfigError

HOST_ENV = "KF_PIPELINES_ENDPOINT"  # the KFP client has the same two names
TOKEN_FILE_ENV = "KF_PIPELINES_SA_TOKEN_PATH"
TOKEN_ENV = "KF_PIPELINES_TOKEN"
COOKIES_ENV = "KF_PIPELINES_COOKIES"
IN_CLUSTER_ENV = "KUBERNETES_SERVICE_HOST"


@dataclasses.dataclass(frozen=True)
class Access:
    """How to reach a server; its `repr` omits secrets.

    Attributes:
        host: URL; None: the cluster that this process runs in, or the one in
            kubectl's configuration.
        namespace: The user's, on a multi-user server; otherwise None.
        token: Bearer token.
        token_file: File with a bearer token, read again for every request, since
            Kubernetes renews it.
        cookies: Cookie header of an authenticating proxy, as `authservice_session=…`.
        ca_cert: File with the trusted certificates.
    """

    host: str | None = None
    namespace: str | None = None
    token: str | None = dataclasses.field(default=None, repr=False)
    token_file: str | None = None
    cookies: str | None = dataclasses.field(default=None, repr=False)
    ca_cert: str | None = None

    def client_arguments(self) -> dict[str, Any]:
        """Arguments of `kfp.Client`."""
        arguments: dict[str, Any] = {
            "host": self.host,
            "existing_token": self.token,
            "cookies": self.cookies,
            "ssl_ca_cert": self.ca_cert,
        }
        if self.token_file is not None:
            from kfp.client import ServiceAccountTokenVolumeCredentials

            arguments["credentials"] = ServiceAccountTokenVolumeCredentials(
                self.token_file
            )
        return arguments

    def redacted(self, text: str) -> str:
        """Returns the text with every known secret replaced."""
        for secret in (self.token, self.cookies, *self._cookie_values()):
            if secret:
                text = text.replace(secret, "***")
        return text

    def _cookie_values(self) -> list[str]:
        pairs = (self.cookies or "").split(";")
        values = (pair.partition("=")[2].strip() for pair in pairs)
        return [value for value in values if len(value) > 3]

    def warning(self) -> str | None:
        """Warns if a secret would be sent unencrypted to another machine."""
        url = urllib.parse.urlsplit(self.host or "https://")
        secret = self.token or self.token_file or self.cookies
        if url.scheme != "http" or not secret or _is_local(url.hostname or ""):
            return None
        return f"The token or cookie is sent to {self.host} unencrypted: use https."


def _is_local(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith((".svc", ".cluster.local"))


def access(
    host: str | None,
    namespace: str | None = None,
    token_file: str | None = None,
    cookies_file: str | None = None,
    ca_cert: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Access:
    """Combines options and environment; an option overrides its variable.

    Raises:
        ConfigError: If there is no server, more than one token, or an unreadable file.
    """
    host = host or environment.get(HOST_ENV) or None
    if host is None and not has_cluster(environment):
        raise ConfigError(
            f"No server is given. Add --host URL or set {HOST_ENV}; otherwise, run this "
            "in the cluster or configure kubectl."
        )
    token = None if token_file else environment.get(TOKEN_ENV, "").strip() or None
    token_file = token_file or environment.get(TOKEN_FILE_ENV) or None
    if token and token_file:
        raise ConfigError(f"{TOKEN_ENV} and {TOKEN_FILE_ENV} are both set: unset one.")
    if token_file:
        _read(token_file, "token")
    cookies = (
        _read(cookies_file, "cookies")
        if cookies_file
        else environment.get(COOKIES_ENV, "").strip() or None
    )
    for what, secret in (("token", token), ("cookies", cookies)):
        if secret and ("\n" in secret or "\r" in secret):
            raise ConfigError(f"The {what} must be a single line, received several.")
    if cookies and "=" not in cookies:
        raise ConfigError("The cookies must be NAME=VALUE, as authservice_session=….")
    if ca_cert and not os.path.isfile(ca_cert):
        raise ConfigError(f"--ca-cert: {ca_cert} is not a file.")
    return Access(_url(host), namespace, token, token_file, cookies, ca_cert)


def has_cluster(environment: Mapping[str, str]) -> bool:
    """Whether this process runs in a cluster, or kubectl is configured."""
    configuration = environment.get("KUBECONFIG") or os.path.expanduser(
        "~/.kube/config"
    )
    return IN_CLUSTER_ENV in environment or os.path.exists(configuration)


def _url(host: str | None) -> str | None:
    if host is None:
        return None
    url = host if "://" in host else f"https://{host}"
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"--host: received {host!r}, expected https://NAME or http://NAME."
        )
    if parts.username or parts.password:
        raise ConfigError(
            f"--host: the URL must not contain a password; use {TOKEN_ENV} "
            f"or {COOKIES_ENV}."
        )
    # Drop what a browser adds, such as /#/pipelines.
    return url.partition("#")[0].rstrip("/")


def _read(path: str, what: str) -> str:
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"The {what} file {path}: {reason}.") from None
    if not text:
        raise ConfigError(f"The {what} file {path} is empty.")
    return text
