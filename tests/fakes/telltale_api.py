"""A notices API and token endpoint on a bad day: every refusal echoes the request."""

from __future__ import annotations

import json
from collections import Counter
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.fakes.loopback import LoopbackServer

STEPS = ("html", "message", "unavailable", "unauthorised", "redirect", "flood", "cut", "accept")
"""What the first, second, … request of one notice meets; the last refuses every second recipient."""


class TelltaleApi(LoopbackServer):
    """Keeps all that it hears."""

    def __init__(self, token: str) -> None:
        """`token` is what the token endpoint gives."""
        self.token = token
        self.seen: Counter[str] = Counter()
        """Requests of each notice, by its idempotency key."""
        self.followed = 0
        """Requests that came to where the redirect pointed."""
        self.heard: list[str] = []
        """Everything that was ever sent here."""
        super().__init__(type("Handler", (_Handler,), {"api": self}))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: TelltaleApi

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        reported = f"{self.requestline} {self.headers} {body}"
        self.api.heard.append(reported)
        if self.path.startswith("/token"):
            grant = {"access_token": self.api.token, "token_type": "Bearer", "expires_in": 3600}
            self._answer(200, json.dumps(grant))
        elif self.path.startswith("/elsewhere"):
            self.api.followed += 1
            self._answer(200, '{"code":200}')
        else:
            key = self.headers.get("idempotency-key", "")
            step = STEPS[min(self.api.seen[key], len(STEPS) - 1)]
            self.api.seen[key] += 1
            self._meet(step, reported, json.loads(body))

    def _meet(self, step: str, reported: str, body: dict[str, Any]) -> None:
        if step == "html":
            self._answer(502, f"<html><h1>Bad gateway</h1><pre>{reported}</pre></html>")
        elif step == "redirect":
            self._answer(307, reported, location="/elsewhere")
        elif step == "flood":
            self._answer(200, reported * 2_000)
        elif step == "cut":
            self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{reported}".encode())
            self.close_connection = True
        elif step == "accept" and int(str(body["to"])[-1]) % 2 == 0:
            self._answer(200, '{"code":200}')
        else:
            status, code = {"unauthorised": (401, 401), "accept": (200, 47003)}.get(step, (503, 503))
            self._answer(status, json.dumps({"code": code, "message": f"refused: {reported}"}))

    def _answer(self, status: int, body: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""
