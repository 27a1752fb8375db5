"""A local server that behaves as the Hugging Face Hub does for model repositories.

What huggingface_hub asks of it: metadata and files, and an upload by way of Git LFS
(https://huggingface.co/docs/hub/api).
"""

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40
OLD = "b" * 40


@dataclass
class Repository:
    """Files by revision."""

    private: bool = False
    gated: bool = False
    revisions: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {}})
    readable_only: bool = False


class FakeHub(ThreadingHTTPServer):
    """Repositories by "owner/name"; `asked` lists the requests as (method, path)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(
        self, status: int, body: bytes | dict[str, Any] = b"", code: str = "", **headers: str
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header(
            "Content-Type", "application/json" if isinstance(body, dict) else "text/plain"
        )
        if code:
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append((self.command, path))
        parts = path.strip("/").split("/")
        if parts[0] == "api" and parts[1] == "models":
            self._info("/".join(parts[2:4]))
        elif len(parts) > 4 and parts[2] == "resolve":
            self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self.answer(404)

    do_HEAD = do_GET  # noqa: N815

    def _repository(self, name: str) -> Repository | None:
        found = self.server.repositories.get(name)
        if found is None:
            self.answer(404, {"error": "Repository not found"}, "RepoNotFound")
        return found

    def _info(self, name: str) -> None:
        if found := self._repository(name):
            self.answer(200, {"id": name, "private": found.private, "sha": COMMIT, "siblings": []})

    def _file(self, name: str, revision: str, file: str) -> None:
        found = self._repository(name)
        if found is None:
            return
        if found.gated:
            self.answer(401, {"error": "gated"}, "GatedRepo")
        elif revision not in found.revisions and revision != COMMIT:
            self.answer(404, {"error": "no revision"}, "RevisionNotFound")
        elif file not in (files := found.revisions.get(revision, found.revisions["main"])):
            self.answer(404, {"error": "no entry"}, "EntryNotFound")
        else:
            etag = hashlib.sha256(files[file]).hexdigest()
            commit = COMMIT if revision in ("main", COMMIT) else OLD
            self.answer(200, files[file], ETag=f'"{etag}"', X_Repo_Commit=commit)

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(("POST", path))
        data = self.read()
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            asked = json.loads(data)
            name = f"{asked['organization']}/{asked['name']}"
            self.server.repositories[name] = Repository(
                asked.get("private", False) or asked.get("visibility") == "private"
            )
            self.answer(200, {"url": f"{self.server.url}/{name}", "name": name})
        elif path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif path.endswith("/info/lfs/objects/batch"):
            self._batch(json.loads(data))
        elif parts[4:5] == ["preupload"]:
            if self.server.repositories["/".join(parts[2:4])].readable_only:
                self.answer(403, {"error": "Forbidden"})
                return
            files = [
                {"path": each["path"], "uploadMode": mode(each["path"]), "shouldIgnore": False}
                for each in json.loads(data)["files"]
            ]
            self.answer(200, {"files": files})
        elif parts[4:5] == ["commit"]:
            self._commit("/".join(parts[2:4]), data)
        else:
            self.answer(404)

    def do_PUT(self) -> None:
        self.server.objects[self.path.rpartition("/")[2]] = self.read()
        self.answer(200)

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.server.url}/objects/{each['oid']}"}}}
            for each in asked["objects"]
        ]
        self.answer(200, {"transfer": "basic", "objects": objects})

    def _commit(self, name: str, data: bytes) -> None:
        files = self.server.repositories[name].revisions["main"]
        for line in data.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.server.objects[value["oid"]]
        self.answer(
            200, {"commitUrl": f"{self.server.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT}
        )


def mode(path: str) -> str:
    return "lfs" if path.endswith(".safetensors") else "regular"
