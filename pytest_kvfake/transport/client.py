"""Sends the requests of contract cases to any endpoint, with the target untouched."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_kvfake.contract.cases import Answer
from pytest_kvfake.errors import UsageError

if TYPE_CHECKING:
    from pytest_kvfake.contract.cases import Sent

__all__ = ["Client"]


class Client:
    """An HTTP/1.1 client without manners: no redirects, no retries, no tidying of paths; a connection a request.

    Attributes:
        base_url: what a case's ``base_path`` stands for.
    """

    def __init__(self, base_url: str, *, base_path: str = "", timeout: float = 30.0) -> None:
        """Makes a client.

        Args:
            base_url: of the endpoint, in the form that the service's official client takes.
            base_path: with what the targets of the cases begin in its place.
            timeout: of each step on the wire, in seconds.

        Raises:
            UsageError: that is no HTTP URL.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(f"{base_url!r} is no base URL such as https://api.example.com/v1.")
        self.base_url = base_url
        self._host = parts.hostname
        self._port = parts.port
        self._secure = parts.scheme == "https"
        self._path = parts.path.rstrip("/")
        self._base_path = base_path
        self._timeout = timeout

    def send(self, request: Sent) -> Answer:
        """Sends one request and gives the whole answer.

        Raises:
            OSError: the endpoint cannot be reached, or ends the connection.
            http.client.HTTPException: it answers something that is not HTTP.
        """
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout)
        try:
            connection.putrequest(request.method, self._target(request.target), skip_accept_encoding=True)
            for name, value in request.headers:
                connection.putheader(name, value.encode("utf-8"))
            if request.chunked:
                connection.putheader("Transfer-Encoding", "chunked")
                connection.endheaders(iter([request.body]), encode_chunked=True)
            else:
                if request.body or request.method in {"PUT", "POST", "PATCH"}:
                    connection.putheader("Content-Length", str(len(request.body)))
                connection.endheaders(request.body or None)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()

    def _target(self, target: str) -> str:
        if target.startswith(f"{self._base_path}/"):
            return self._path + target[len(self._base_path) :]
        return self._path.removesuffix(self._base_path) + target
