"""The Kubernetes API, as far as this launcher needs it: JSON in and out, every refusal a UserError."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from seatrial.errors import Problem, UserError, unknown
from seatrial.extras import needed
from seatrial.launchers.kubernetes.options import Options

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0

_LOG_IN = "log in again; for EKS: aws sts get-caller-identity, then aws eks update-kubeconfig --name CLUSTER"


class Refused(UserError):
    """What the API server answered with another status than 2xx."""

    def __init__(self, status: int, message: str, where: str, remedy: str = "") -> None:
        super().__init__(Problem(message, where, remedy))
        self.status = status


class Api:
    """A connection to the cluster that the kubeconfig's context names. Raises UserError if there is none."""

    def __init__(self, options: Options) -> None:
        self.namespace = options.namespace
        self._client = _connect(options.context)
        self._host: str = self._client.configuration.host

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The object at a path, or the list."""
        return self._json("GET", path, query=query)

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """The members of a list."""
        found: list[dict[str, Any]] = self.get(path, **query).get("items") or []
        return found

    def exists(self, path: str) -> bool:
        """Whether there is an object at a path. Only its metadata is asked for: a Secret stays secret."""
        try:
            self._send("GET", path, accept="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
        except Refused as error:
            if error.status != 404:
                raise
            return False
        return True

    def create(self, path: str, thing: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object; a field that its schema does not have is refused."""
        return self._json("POST", path, query={"fieldManager": "seatrial", "fieldValidation": "Strict"}, body=thing)

    def merge(self, path: str, change: Mapping[str, Any]) -> None:
        """Change some fields of an object."""
        self._json("PATCH", path, body=change, kind="application/merge-patch+json")

    def delete(self, path: str) -> None:
        """Delete an object after everything that it owns is gone."""
        self._json("DELETE", path, body={"propagationPolicy": "Foreground"})

    def text(self, path: str, *, seconds: float = READ_SECONDS, **query: Any) -> str:
        """An answer that is no JSON: a log."""
        return self._send("GET", path, query=query, seconds=seconds).decode("utf-8", errors="replace")

    def _json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._send(method, path, **request))
        return answer

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        kind: str = "application/json",
        accept: str = "application/json, */*",
        seconds: float = READ_SECONDS,
    ) -> bytes:
        import urllib3
        from kubernetes.client import ApiException

        headers = {"Accept": accept, "Content-Type": kind}
        # The client package knows kubeconfigs, logins and certificates; its own decoding would break on a log.
        self._client.update_params_for_auth(headers, [], ["BearerToken"])
        url = f"{self._host}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            answer = self._client.rest_client.request(
                method,
                url,
                headers=headers,
                body=body,
                _preload_content=False,
                _request_timeout=(CONNECT_SECONDS, seconds),
            )
            data: bytes = answer.data
        except ApiException as error:
            if error.status:
                raise _refusal(error.status, error.body, path) from None
            raise self._out_of_reach(error.reason) from None  # its certificate, or it speaks no TLS
        except urllib3.exceptions.HTTPError as error:
            raise self._out_of_reach(error) from None
        return data

    def _out_of_reach(self, why: object) -> UserError:
        remedy = "check the address, the network or VPN, and kubectl cluster-info"
        return UserError(Problem(f"the API server is out of reach: {why}", self._host, remedy))


def _refusal(status: int, data: bytes, path: str) -> Refused:
    text = data.decode("utf-8", errors="replace")
    try:
        message = str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        message = text.strip().partition("\n")[0] or f"HTTP {status}"
    if status == 401 or "system:anonymous" in message:
        return Refused(
            401, "the API server does not accept the credentials: they have expired, or never fitted", path, _LOG_IN
        )
    if status == 403:
        return Refused(status, message, path, "ask for a role that allows it")
    return Refused(status, message, path)


def _connect(context: str | None) -> Any:
    import yaml

    with needed("kubernetes", "launcher kubernetes"):
        from kubernetes import client, config
    file = os.environ.get("KUBECONFIG") or config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION
    try:
        if context is None and "KUBERNETES_SERVICE_HOST" in os.environ and not os.path.exists(os.path.expanduser(file)):
            settings = client.Configuration()  # a pod, whose service account is who it is
            settings.retries = False
            config.load_incluster_config(client_configuration=settings)
            return client.ApiClient(settings)
        contexts = [entry["name"] for entry in config.list_kube_config_contexts(file)[0]]
        if context is not None and context not in contexts:
            raise UserError(unknown("context", context, contexts, file))
        settings = client.Configuration()
        settings.retries = False  # whoever asks decides whether to ask again
        return config.new_client_from_config(file, context=context, client_configuration=settings)
    except (config.ConfigException, yaml.YAMLError, OSError) as error:
        remedy = "set KUBECONFIG, or make one: aws eks update-kubeconfig --name CLUSTER"
        raise UserError(Problem(f"there is no usable kubeconfig: {error}", file, remedy)) from None
