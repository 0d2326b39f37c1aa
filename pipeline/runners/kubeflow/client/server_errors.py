"""Explains errors of a Kubeflow server, each in one line. Imports `kfp`."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of Google's libraries on Python 3.10
    import kfp_server_api
    import urllib3

from tfx_distill.pipeline.runners.kubeflow.client.server_access import Access
from tfx_distill.trainer.errors import DistillError

_MAX_MESSAGE = 400
Created = TypeVar("Created")


class ServerError(DistillError):
    """A server that rejected a request or did not answer."""


class Unavailable(ServerError):
    """A failure that may be temporary."""


class NotFound(ServerError):
    """The server does not have it."""


class WebPage(Exception):
    """An answer that is an HTML page."""


def is_page(data: Any) -> bool:
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)
    return text.lstrip()[:15].lower().startswith(("<!doctype html", "<html"))


@contextlib.contextmanager
def calling(access: Access, what: str) -> Iterator[None]:
    """Discards what the client prints, and turns its errors into one line.

    Args:
        access: Has the secrets that no message may contain.
        what: The attempted action, as `create the run`.
    """
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with _no_logging():
                yield
    except DistillError:
        raise
    except kfp_server_api.ApiException as error:
        raise _rejection(access, what, error) from error
    except WebPage as error:
        raise ServerError(
            f"{_place(access)} answered with a web page, usually to sign in. "
            "Give the proxy's cookie (--cookies-file) or a token (--token-file)."
        ) from error
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(_unreachable(access, error)) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        # From the client's own checks, or from an answer that it cannot parse.
        reason = access.redacted(_short(str(error)))
        raise ServerError(f"Could not {what} at {_place(access)}: {reason}") from error


def created_despite(
    error: ServerError, find: Callable[[], Created | None], list_command: str
) -> Created:
    """What the server created before it failed.

    Args:
        error: How it failed.
        find: Looks for what was to be created.
        list_command: Shows whether it is there, if the server cannot be asked now.

    Raises:
        ServerError: The given one, if nothing was created.
    """
    try:
        found = find()
    except ServerError:
        if not isinstance(error, Unavailable):  # rejected
            raise error from None
        raise Unavailable(
            f"{error} Whether it was created all the same is not known: {list_command}"
        ) from error
    if found is None:
        raise error
    return found


@contextlib.contextmanager
def _no_logging() -> Iterator[None]:
    # The client logs to the root logger, and urllib3 logs every retry.
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
            f"The certificate of {_place(access)} is not trusted. Give its authority's "
            f"certificate with --ca-cert FILE. ({_short(_plain(reason))})"
        )
    return (
        f"Cannot reach {_place(access)}: {_short(_plain(reason))}. Check --host, the "
        "network, and any port forwarding."
    )


def _plain(reason: str) -> str:
    """The cause of a connection error, without names of Python objects."""
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


def _rejection(access: Access, what: str, error: Any) -> ServerError:
    place, status = _place(access), error.status
    message = access.redacted(_message(error))
    said = f" The server says: {message}" if message else ""
    if not status:
        return Unavailable(_unreachable(access, Exception(error.reason)))
    if status == 401:
        return ServerError(
            f"{place} requires authentication (401). Give a token (--token-file) or "
            f"cookies (--cookies-file), or renew them.{said}"
        )
    if status == 403:
        where = f" in the namespace {access.namespace}" if access.namespace else ""
        return ServerError(
            f"No permission to {what}{where} on {place} (403). Ask for the role in "
            f"kubeflow/manifests/rbac.yaml.{said}"
        )
    if status == 404:
        return NotFound(f"Could not {what}: not found on {place} (404).{said}")
    if status == 429 or status >= 500:
        return Unavailable(f"Could not {what}: {place} failed ({status}).{said}")
    return ServerError(f"Could not {what}: rejected by {place} ({status}).{said}")


def _message(error: Any) -> str:
    """The error message of the API server; empty for an HTML page."""
    body = (
        error.body.decode("utf-8", "replace")
        if isinstance(error.body, bytes)
        else str(error.body or "")
    )
    try:
        answer = json.loads(body)
    except ValueError:
        return "" if is_page(body) or "<" in body[:1] else _short(body)
    if not isinstance(answer, dict):
        return ""
    for key in ("error_message", "message", "error"):
        if isinstance(answer.get(key), str) and answer[key]:
            return _short(answer[key])
    return ""


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_MESSAGE else f"{text[: _MAX_MESSAGE - 1]}…"
