"""A stand-in for a kube-apiserver: objects in memory, over HTTP, with the answers that a real one gave."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "good"
HALF = "<no newline yet>"
"""Ends a line of a log that is not whole yet."""
CORE = ("v1", ("configmaps", "services", "pods", "events", "persistentvolumeclaims", "secrets", "resourcequotas"))
APIS = {
    "batch/v1": ("jobs",),
    "jobset.x-k8s.io/v1alpha2": ("jobsets",),
    "kubeflow.org/v1": ("pytorchjobs",),
    "authorization.k8s.io/v1": ("selfsubjectaccessreviews",),
}


def status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


def _merge(thing: dict[str, Any], change: dict[str, Any]) -> None:
    for key, value in change.items():
        if value is None:
            thing.pop(key, None)
        elif isinstance(value, dict):
            _merge(thing.setdefault(key, {}), value)
        else:
            thing[key] = value


class FakeApi:
    """`objects`: path -> object. `logs`: pod -> lines, each with its time. `refusals`: path -> what is answered."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, list[tuple[str, str]]] = {}
        self.refusals: dict[str, tuple[int, str]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.conflicts = 0
        """Changes that are refused, since somebody else was first."""
        self.when_conflicting: Callable[[], None] = lambda: None
        self.apis = dict(APIS)
        self._made = 0
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(url.query).items()}
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or "null")
                api.requests.append((self.command, url.path, query))
                code, answer = api.answer(self.command, url.path, query, body, self.headers)
                data = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_PATCH = do_DELETE = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def kubeconfig(self, folder: Path, token: str = TOKEN) -> Path:
        server = f"http://127.0.0.1:{self._server.server_address[1]}"
        contexts = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("fake", "other")]
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": contexts,
            "current-context": "fake",
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def add(self, path: str, thing: dict[str, Any]) -> dict[str, Any]:
        self._made += 1
        meta = thing.setdefault("metadata", {})
        meta.setdefault("name", path.rpartition("/")[2])
        meta.setdefault("uid", f"uid-{self._made}")
        meta.setdefault("creationTimestamp", f"2026-11-21T00:00:{self._made:02d}Z")
        self.objects[path] = thing
        return thing

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, headers: Any) -> tuple[int, Any]:
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, status(401, "Unauthorized", "Unauthorized")
        if path in self.refusals:
            code, message = self.refusals[path]
            return code, status(code, "", message)
        if path == "/version":
            return 200, {"major": "1", "minor": "33+", "gitVersion": "v1.33.5-eks-3025e55"}
        if path == "/apis":
            versions = {api.partition("/")[0]: {"groupVersion": api} for api in self.apis}
            groups = [{"name": g, "versions": [v], "preferredVersion": v} for g, v in versions.items()]
            return 200, {"kind": "APIGroupList", "groups": groups}
        if found := re.fullmatch(r"/apis/([^/]+)", path):
            apis = [api for api in self.apis if api.startswith(f"{found[1]}/")]
            return (200, {"preferredVersion": {"groupVersion": apis[0]}}) if apis else (404, "404 page not found\n")
        if found := re.fullmatch(r"/apis/([^/]+/[^/]+)", path):
            return 200, {"kind": "APIResourceList", "resources": [{"name": name} for name in self.apis[found[1]]]}
        if path.endswith("/selfsubjectaccessreviews"):
            return 201, {**body, "status": {"allowed": body["spec"]["resourceAttributes"]["verb"] != "delete"}}
        if path.endswith("/log"):
            return self._log(path.split("/")[-2], query)
        return self._object(method, path, query, body)

    def _object(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if method == "POST":
            if not self._serves(path):
                return 404, "404 page not found\n"
            path = f"{path}/{body['metadata']['name']}"
            if path in self.objects:
                return 409, status(409, "AlreadyExists", f'"{body["metadata"]["name"]}" already exists')
            return 201, self.add(path, body)
        if path in self.objects:
            if method == "DELETE":
                return 200, self.objects.pop(path)
            if method == "PATCH":
                return self._patch(path, body)
            return 200, self.objects[path]
        if self._serves(path) and method == "GET":
            inside = [o for p, o in self.objects.items() if p.rpartition("/")[0] == path]
            return 200, {"kind": "List", "items": [o for o in inside if self._selected(o, query)]}
        return 404, status(404, "NotFound", f'"{path.rpartition("/")[2]}" not found')

    def _patch(self, path: str, body: Any) -> tuple[int, Any]:
        """As JSON merge patch (RFC 7386) does: mappings are merged, null deletes, lists are replaced."""
        if self.conflicts:
            self.conflicts -= 1
            self.when_conflicting()
            what = "the object has been modified; please apply your changes to the latest version and try again"
            return 409, status(409, "Conflict", f"Operation cannot be fulfilled on {path}: {what}")
        _merge(self.objects[path], body)
        return 200, self.objects[path]

    def _serves(self, path: str) -> bool:
        if re.fullmatch(r"/api/v1/(nodes|namespaces)", path):
            return True
        found = re.fullmatch(r"/apis?/(.+)/namespaces/[^/]+/([^/]+)", path)
        return found is not None and found[2] in dict([CORE, *self.apis.items()]).get(found[1], ())

    def _selected(self, thing: dict[str, Any], query: dict[str, str]) -> bool:
        selector = query.get("labelSelector", "")
        labels = thing["metadata"].get("labels", {})
        if found := re.fullmatch(r"(\S+) in \((.*)\)", selector):
            return labels.get(found[1]) in found[2].split(",")
        return all(labels.get(k) == v for k, _, v in (part.partition("=") for part in selector.split(",") if part))

    def _log(self, pod: str, query: dict[str, str]) -> tuple[int, Any]:
        name = f"{pod}-previous" if query.get("previous") == "true" else pod
        if name not in self.logs:
            message = f'container "node" in pod "{pod}" is waiting to start: ContainerCreating'
            return 400, status(400, "BadRequest", message)
        since = query.get("sinceTime", "").partition(".")[0].rstrip("Z")  # the real one looks at whole seconds
        lines = [(stamp, line) for stamp, line in self.logs[name] if stamp.partition(".")[0] >= since]
        stamped = query.get("timestamps") == "true"
        text = "".join(f"{stamp} {line}\n" if stamped else f"{line}\n" for stamp, line in lines)
        return 200, text.removesuffix(f"{HALF}\n")
