"""The connection to a Kubeflow Pipelines server, and what its refusals mean.

The KFP client does the talking. Added here: it fails within seconds when nobody
answers, it knows a server that is too old and a sign-in page, and every refusal is
one line. Imports `kfp`.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Google's libraries on Python 3.10
    import kfp_server_api
    import urllib3
    from kfp import client as kfp_client

from pipeline.runners.kubeflow.auth import Access
from trainer.errors import ConfigError, DistillError

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
OLDEST = (2, 5)
_MAX_MESSAGE = 400


class ServerError(DistillError):
    """A server that refused, or did not answer."""


class Unavailable(ServerError):
    """A failure that may pass by itself."""


class NotFound(ServerError):
    """The server does not have it."""


class _WebPage(Exception):
    """An answer that is a page for people."""


class Server(kfp_client.Client):
    """The KFP client, with limits of time and a check of who answers."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._healthz: Any = None
        # The namespace is not handed on: to the base class it is also the place of a
        # server in the same cluster.
        super().__init__(**access.client_arguments())
        several = self.get_kfp_healthz().multi_user
        self.namespace = access.namespace or self.get_user_namespace() or None
        if several and self.namespace is None:
            raise ConfigError(
                f"{self.place} is shared by several users. Give --namespace, that of "
                "your own."
            )

    @property
    def place(self) -> str:
        """The server's URL."""
        return str(self._existing_config.host)

    def set_user_namespace(self, namespace: str) -> None:
        """Keeps it for this process; the base class writes into the home folder."""
        self._context_setting["namespace"] = namespace

    def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
        """Asks once who is there; the base class, in its constructor, retries.

        Raises:
            ServerError: If it is no server of Kubeflow Pipelines 2.5 or later.
        """
        if self._healthz is None:
            _limit_time(self._healthz_api.api_client)
            self._healthz = self._checked_version()
        return self._healthz

    def _checked_version(self) -> Any:
        try:
            health = self.get("/apis/v2beta1/healthz")
        except kfp_server_api.ApiException as error:
            if error.status != 404:
                raise
            self._refuse_old()
        if not isinstance(health, dict):
            raise ServerError(f"{self.place} is no server of Kubeflow Pipelines.")
        # The web interface, which may stand before the API server, renames it.
        tag = str(health.get("tag_name") or health.get("apiServerTagName") or "")
        version = re.match(r"v?(\d+)\.(\d+)", tag)
        if version and (int(version[1]), int(version[2])) < OLDEST:
            raise ServerError(_too_old(self.place, tag))
        answer = kfp_server_api.V2beta1GetHealthzResponse()
        answer.multi_user = health.get("multi_user")
        return answer

    def _refuse_old(self) -> None:
        try:
            health = self.get("/apis/v1beta1/healthz")
        except kfp_server_api.ApiException:
            health = None
        if isinstance(health, dict):
            tag = str(health.get("tag_name") or "unknown")
            raise ServerError(_too_old(self.place, f"{tag} with the v1 API alone"))
        raise ServerError(
            f"{self.place} is no server of Kubeflow Pipelines: it has no "
            "/apis/v2beta1. Is a path missing, such as /pipeline?"
        )

    def get(self, path: str, **options: Any) -> Any:
        """Requests something that the client has no method for."""
        api: Any = self._healthz_api.api_client
        return api.call_api(
            path,
            "GET",
            header_params={"Accept": "*/*"},
            response_type="object",
            auth_settings=["Bearer"],
            _return_http_data_only=True,
            **options,
        )

    def text(self, path: str, query: dict[str, str]) -> str | None:
        """A text that may not be there, or not at this path; None then."""
        try:
            # As it is: the client would read a text that looks like JSON.
            response = self.get(
                path, query_params=list(query.items()), _preload_content=False
            )
            return str(response.data.decode("utf-8", "replace"))
        except _WebPage:
            return None
        except kfp_server_api.ApiException as error:
            if error.status in (400, 404, 405, 422, 500, 502):
                return None
            raise


def _too_old(place: str, what: str) -> str:
    oldest = ".".join(map(str, OLDEST))
    return (
        f"{place} runs Kubeflow Pipelines {what}; this needs {oldest} or later. "
        "Upgrade the server."
    )


def _limit_time(api: Any) -> None:
    """Gives every request a time limit and no silent retries."""
    rest = api.rest_client
    rest.pool_manager.connection_pool_kw["retries"] = urllib3.Retry(
        total=None, connect=0, read=0, redirect=3, status=0, other=0
    )
    request = rest.request

    def limited(*args: Any, **kwargs: Any) -> Any:
        if not kwargs.get("_request_timeout"):
            kwargs["_request_timeout"] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        response = request(*args, **kwargs)
        if _is_page(getattr(response, "data", "")):
            raise _WebPage
        return response

    rest.request = limited


def _is_page(data: Any) -> bool:
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)
    return text.lstrip()[:15].lower().startswith(("<!doctype html", "<html"))


def connect(access: Access) -> Server:
    """Returns a checked connection.

    Raises:
        ServerError: If the server cannot be used, and why.
    """
    with calling(access, "connect"):
        return Server(access)


@contextlib.contextmanager
def calling(access: Access, what: str) -> Iterator[None]:
    """Keeps the client's prints away, and makes one line of what goes wrong.

    Args:
        access: Whose secrets no message may hold.
        what: That was tried, as `create the run`.
    """
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with _no_logging():
                yield
    except DistillError:
        raise
    except kfp_server_api.ApiException as error:
        raise _refusal(access, what, error) from error
    except _WebPage as error:
        raise ServerError(
            f"{_place(access)} answered with a web page, usually one to sign in on. "
            "Give the proxy's cookie (--cookies-file) or a token (--token-file)."
        ) from error
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(_unreachable(access, error)) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        # The client's own checks, and what it makes of an answer that is no API's.
        reason = access.redacted(_short(str(error)))
        raise ServerError(f"Could not {what} at {_place(access)}: {reason}") from error


@contextlib.contextmanager
def _no_logging() -> Iterator[None]:
    # The root logger's lines of the client, and urllib3's of every retry.
    previous = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(previous)


def _place(access: Access) -> str:
    return access.host or "the cluster's server"


def _unreachable(access: Access, error: Exception) -> str:
    reason = str(getattr(error, "reason", None) or error)
    if "CERTIFICATE_VERIFY_FAILED" in reason or "SSL" in type(error).__name__:
        return (
            f"{_place(access)} has a certificate that is not trusted here. Give its "
            f"authority's with --ca-cert FILE. ({_short(_plain(reason))})"
        )
    return (
        f"Cannot reach {_place(access)}: {_short(_plain(reason))}. Check --host, the "
        "network, and whether a port is still forwarded."
    )


def _plain(reason: str) -> str:
    """A cause without the names of Python objects before it."""
    known = {
        "Connection refused": "connection refused",
        "timed out": "no answer in time",
        "Name or service not known": "no such host name",
        "Temporary failure in name resolution": "no such host name",
        "nodename nor servname": "no such host name",
        "Failed to resolve": "no such host name",
    }
    for part, words in known.items():
        if part in reason:
            return words
    return re.sub(r"^<[^>]*>:?\s*|\(Caused by.*", "", reason)


def _refusal(access: Access, what: str, error: Any) -> ServerError:
    place, status = _place(access), error.status
    message = access.redacted(_message(error))
    said = f" It says: {message}" if message else ""
    if not status:
        return Unavailable(_unreachable(access, Exception(error.reason)))
    if status == 401:
        return ServerError(
            f"{place} does not know who this is (401). Give a token (--token-file) or "
            f"cookies (--cookies-file), or renew them.{said}"
        )
    if status == 403:
        where = f" in the namespace {access.namespace}" if access.namespace else ""
        return ServerError(
            f"{place} forbids to {what}{where} (403). Ask for the role in "
            f"kubeflow/manifests/rbac.yaml.{said}"
        )
    if status == 404:
        return NotFound(f"Could not {what}: {place} does not have it (404).{said}")
    if status == 429 or status >= 500:
        return Unavailable(f"Could not {what}: {place} failed ({status}).{said}")
    return ServerError(f"Could not {what}: {place} refused ({status}).{said}")


def _message(error: Any) -> str:
    """The sentence in an answer of the API server; nothing of a page for people."""
    body = (
        error.body.decode("utf-8", "replace")
        if isinstance(error.body, bytes)
        else str(error.body or "")
    )
    try:
        answer = json.loads(body)
    except ValueError:
        return "" if _is_page(body) or "<" in body[:1] else _short(body)
    if not isinstance(answer, dict):
        return ""
    for key in ("error_message", "message", "error"):
        if isinstance(answer.get(key), str) and answer[key]:
            return _short(answer[key])
    return ""


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_MESSAGE else f"{text[: _MAX_MESSAGE - 1]}…"
