"""Requests to a service that speaks JSON over HTTP. Needs no TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import requests
from requests import adapters
from urllib3.util import retry

from tfx_distill.trainer.errors import DistillError

_TIMEOUTS_S = (5, 60)  # until connected, until answered
_MAX_QUOTED = 300
# A request that was understood twice does no harm to those who are asked here.
_RETRIES = retry.Retry(
    total=3,
    backoff_factor=0.5,
    status_forcelist=(502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)


class ServiceError(DistillError):
    """A service that cannot be reached, or refused a request."""


class JsonService:
    """A service at one address."""

    def __init__(self, url: str, token: str | None = None, *, name: str = "") -> None:
        """Opens no connection yet.

        Args:
            url: Of the service; a path is appended, if there is one.
            token: Bearer token; no message contains it.
            name: For messages, in place of a URL that is a secret itself.
        """
        self._url, self._name = url, name or url
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json"
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapters.HTTPAdapter(max_retries=_RETRIES))

    def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any] | None:
        """The answer to a GET; None if there is no such thing.

        Raises:
            ServiceError: In one line.
        """
        response = self._request("GET", path, params=dict(query))
        return None if response.status_code == 404 else self._content(response)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer to a POST; None if there is a thing of that name already.

        Raises:
            ServiceError: In one line.
        """
        response = self._request("POST", path, json=dict(body))
        return None if response.status_code == 409 else self._content(response)

    def _request(self, method: str, path: str, **content: Any) -> requests.Response:
        try:
            return self._session.request(
                method,
                self._url.rstrip("/") + path if path else self._url,
                timeout=_TIMEOUTS_S,
                allow_redirects=False,  # to a page where people sign in
                **content,
            )
        except (requests.RequestException, UnicodeError) as error:
            raise ServiceError(
                f"{self._name} cannot be reached ({_reason(error)}). Check the URL and "
                "the network."
            ) from None

    def _content(self, response: requests.Response) -> dict[str, Any]:
        status, text = response.status_code, response.text
        if status in (401, 403):
            raise ServiceError(
                f"{self._name} refused the token, or its absence ({status})."
            )
        if not 200 <= status < 300:
            raise ServiceError(f"{self._name} answered {status}: {_message(text)}")
        try:
            answer = json.loads(text or "{}")
        except ValueError:
            answer = None
        return answer if isinstance(answer, dict) else {}


def _message(text: str) -> str:
    """What an answer says of an error, in one line."""
    try:
        answer = json.loads(text)
        text = answer.get("message") or text if isinstance(answer, dict) else text
    except ValueError:
        pass
    return " ".join(str(text).split())[:_MAX_QUOTED] or "no text"


def _reason(error: BaseException) -> str:
    """The cause of a connection error, without names of Python objects."""
    text = str(error)
    known = {
        "Connection refused": "connection refused",
        "timed out": "no answer in time",
        "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted; REQUESTS_CA_BUNDLE "
        "names a file with trusted ones",
        "Name or service not known": "no such host name",
        "Temporary failure in name resolution": "no such host name",
        "Failed to resolve": "no such host name",
    }
    found = [words for part, words in known.items() if part in text]
    return found[0] if found else type(error).__name__
