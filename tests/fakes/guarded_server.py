"""An HTTPS server whose certificate, trusted clients and expected headers can be replaced while it runs."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple, Self

from tests.fakes.certificates import Pair


class Asked(NamedTuple):
    """One request that was let in by TLS."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    client: object
    """Common name of the client's certificate."""


Answer = Callable[[Asked], tuple[int, bytes]]
"""Status and body."""


class GuardedServer:
    """Up while its context lasts. Each connection is for one request, so that a change is in force at once."""

    def __init__(self, answer: Answer, certificate: Pair) -> None:
        self._answer = answer
        self.guard(certificate)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._respond(self)

            def do_GET(self) -> None:
                outer._respond(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> tuple[socket.socket, object]:
                connection, address = super().get_request()
                # The handshake is the connection's own thread's: one that fails must not end the server.
                return outer._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

            def handle_error(self, *_: object) -> None:
                """A client that does not trust us, or that we do not trust, ends the handshake."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self.requested: list[Asked] = []

    def guard(self, certificate: Pair, clients: Pair | None = None) -> None:
        """Show this certificate from now on, and let in only clients whose certificate this authority has signed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "server.pem"
            path.write_bytes(certificate.pem_with_key)
            context.load_cert_chain(path)
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=clients.pem.decode())
        self._tls = context

    def _respond(self, handler: BaseHTTPRequestHandler) -> None:
        shown = handler.connection.getpeercert() if isinstance(handler.connection, ssl.SSLSocket) else None
        subject = dict(pair for part in (shown or {}).get("subject", ()) for pair in part)  # type: ignore[misc]  # typeshed's type of it is too wide
        body = handler.rfile.read(int(handler.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        requested = Asked(handler.command, handler.path, headers, body, subject.get("commonName"))
        self.requested.append(requested)
        status, content = self._answer(requested)
        handler.send_response(status)
        handler.send_header("content-length", str(len(content)))
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
