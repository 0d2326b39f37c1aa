"""The connection to a Kubeflow Pipelines server.

Extends the KFP client: it fails within seconds if no server answers, and recognizes
servers that are too old and sign-in pages. Imports `kfp`.
"""

from __future__ import annotations

import contextlib
import json
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of Google's libraries on Python 3.10
    import kfp_server_api
    import urllib3
    from kfp import client as kfp_client

from tfx_distill.pipeline.runners.kubeflow.client.server_access import Access
from tfx_distill.pipeline.runners.kubeflow.client.server_errors import (
    ServerError,
    WebPage,
    calling,
    is_page,
)
from tfx_distill.trainer.errors import ConfigError

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
_PAGE_SIZE = 100
OLDEST = (2, 5)


class Server(kfp_client.Client):
    """The KFP client, with timeouts and a check of the server."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._healthz: Any = None
        self._version: tuple[int, int] | None = None  # unknown
        # Without the namespace: the base class would also look for the server in it.
        super().__init__(**access.client_arguments())
        is_multi_user = self.get_kfp_healthz().multi_user
        self.namespace = access.namespace or self.get_user_namespace() or None
        if is_multi_user and self.namespace is None:
            raise ConfigError(
                f"{self.place} is a multi-user server. Give --namespace with your own "
                "namespace."
            )

    @property
    def place(self) -> str:
        """The server's URL."""
        return str(self._existing_config.host)

    def set_user_namespace(self, namespace: str) -> None:
        """Sets it for this process; the base class would write to the home folder."""
        self._context_setting["namespace"] = namespace

    def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
        """Checks the server once; the base class, in its constructor, retries.

        Raises:
            ServerError: If it is not a server of Kubeflow Pipelines 2.5 or later.
        """
        if self._healthz is None:
            _set_timeouts(self._healthz_api.api_client)
            self._healthz = self._checked_version()
        return self._healthz

    def _checked_version(self) -> Any:
        try:
            health = self.get("/apis/v2beta1/healthz")
        except kfp_server_api.ApiException as error:
            if error.status != 404:
                raise
            self._reject_old()
        if not isinstance(health, dict):
            raise ServerError(f"{self.place} is not a server of Kubeflow Pipelines.")
        # The web interface renames it, if it is in front of the API server.
        tag = str(health.get("tag_name") or health.get("apiServerTagName") or "")
        version = re.match(r"v?(\d+)\.(\d+)", tag)
        if version:
            self._version = int(version[1]), int(version[2])
            if self._version < OLDEST:
                raise ServerError(_too_old(self.place, tag))
        answer = kfp_server_api.V2beta1GetHealthzResponse()
        answer.multi_user = health.get("multi_user")
        return answer

    def require(self, version: tuple[int, int], what: str) -> None:
        """Rejects what only newer servers know, unless the version is unknown."""
        if self._version is not None and self._version < version:
            needed, own = (".".join(map(str, v)) for v in (version, self._version))
            raise ServerError(
                f"{what} needs Kubeflow Pipelines {needed}; {self.place} runs {own}."
            )

    def _reject_old(self) -> None:
        try:
            health = self.get("/apis/v1beta1/healthz")
        except kfp_server_api.ApiException:
            health = None
        if isinstance(health, dict):
            tag = str(health.get("tag_name") or "unknown")
            raise ServerError(_too_old(self.place, f"{tag} with only the v1 API"))
        raise ServerError(
            f"{self.place} is not a server of Kubeflow Pipelines: it has no "
            "/apis/v2beta1. Is a path missing, such as /pipeline?"
        )

    def get(self, path: str, **options: Any) -> Any:
        """Sends a request for which the client has no method."""
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

    def get_experiment(
        self,
        experiment_id: str | None = None,
        experiment_name: str | None = None,
        namespace: str | None = None,
    ) -> Any:
        """As in the base class, whose filter finds no name with `+` or `%`."""
        if experiment_name is None:
            return super().get_experiment(experiment_id, None, namespace)
        answer = self.list_experiments(
            namespace=namespace, filter=name_filter(experiment_name)
        )
        if not answer.experiments:  # the base class knows this message
            raise ValueError(f"No experiment is found with name {experiment_name}.")
        return answer.experiments[0]

    def retry_run(self, run_id: str) -> None:
        """The base class has no method for it."""
        self._run_api.retry_run(run_id)

    def text(self, path: str, query: dict[str, str]) -> str | None:
        """Returns a text; None if it is not at this path."""
        try:
            # Not preloaded: the client would parse a text that looks like JSON.
            response = self.get(
                path, query_params=list(query.items()), _preload_content=False
            )
            return str(response.data.decode("utf-8", "replace"))
        except WebPage:
            return None
        except kfp_server_api.ApiException as error:
            if error.status in (400, 404, 405, 422, 500, 502):
                return None
            raise

    def calling(self, what: str) -> contextlib.AbstractContextManager[None]:
        """See `server_errors.calling`."""
        return calling(self.access, what)

    def pages(self, what: str, key: str, get: Callable[..., Any]) -> Iterator[Any]:
        """Yields the items of a list under `key`, from all pages."""
        token = ""
        while True:
            with self.calling(what):
                answer = get(page_token=token, page_size=_PAGE_SIZE)
            yield from getattr(answer, key) or ()
            token = answer.next_page_token
            if not token:
                return


def _too_old(place: str, what: str) -> str:
    oldest = ".".join(map(str, OLDEST))
    return (
        f"{place} runs Kubeflow Pipelines {what}; this needs {oldest} or later. "
        "Upgrade the server."
    )


def _set_timeouts(api: Any) -> None:
    """Gives every request a timeout and no silent retries."""
    rest = api.rest_client
    rest.pool_manager.connection_pool_kw["retries"] = urllib3.Retry(
        total=None, connect=0, read=0, redirect=3, status=0, other=0
    )
    request = rest.request

    def limited(*args: Any, **kwargs: Any) -> Any:
        if not kwargs.get("_request_timeout"):
            kwargs["_request_timeout"] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        response = request(*args, **kwargs)
        if is_page(getattr(response, "data", "")):
            raise WebPage
        return response

    rest.request = limited


def connect(access: Access) -> Server:
    """Connects and checks the server.

    Raises:
        ServerError: If the server cannot be used.
    """
    with calling(access, "connect"):
        return Server(access)


def name_filter(name: str) -> str:
    """The filter of a list request for one name."""
    return equals_filter("display_name", name)


def equals_filter(key: str, value: str) -> str:
    """The filter of a list request for one value.

    The server reads the value as if it were part of a URL.
    """
    value = value.replace("%", "%25").replace("+", "%2B")
    predicate = {"operation": 1, "key": key, "stringValue": value}  # EQUALS
    return json.dumps({"predicates": [predicate]})
