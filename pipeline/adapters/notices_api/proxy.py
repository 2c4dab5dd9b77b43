"""Which proxy a request goes through, and the way through it."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

MAX_HEAD_BYTES = 65_536
_PORTS = {"http": 80, "https": 443}
_REPLY = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class Proxy(NamedTuple):
    """A proxy as it is reached."""

    host: str
    port: int
    is_tls: bool
    authorization: str | None
    """Value of `Proxy-Authorization` (RFC 7617), from user and password of the url."""

    def __repr__(self) -> str:
        """Without user and password."""
        return f"Proxy({self.host}:{self.port})"


class ProxyRefused(OSError):
    """The proxy does not make the tunnel; its message holds nothing secret."""


def read_proxy(url: str) -> Proxy:
    """The proxy of a url.

    Raises:
        ValueError: it is neither http nor https, or has no host; the message does not hold the url.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("the proxy's url must begin with http:// or https://")
    authorization = None
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(user.encode()).decode()}"
    return Proxy(parts.hostname, parts.port or _PORTS[parts.scheme], parts.scheme == "https", authorization)


def proxy_for(url: str, proxy: str | None, no_proxy: Iterable[str]) -> str | None:
    """The proxy for `url`: `proxy`, unless an entry of `no_proxy` names the url's host."""
    return None if proxy is None or is_excluded(url, no_proxy) else proxy


def is_excluded(url: str, no_proxy: Iterable[str]) -> bool:
    """Whether an entry names the url's host.

    Entries are read as by Go and curl: `*` is every host; `example.com` the domain and its subdomains, `.example.com`
    and `*.example.com` its subdomains alone; an IP address itself; `10.0.0.0/8` the addresses of the network, if the
    url has an address (names are not looked up). `:8080` behind a name or an address limits the entry to that port.
    Upper and lower case are the same.
    """
    parts = urlsplit(url)
    host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme)
    return any(_names(entry.strip().lower(), host, port) for entry in no_proxy if entry.strip())


def _names(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if "/" in entry:
        return address is not None and _in_network(address, entry)
    name, wanted = _split_port(entry)
    if wanted is not None and wanted != port:
        return False
    named = _address(name)
    if named is not None or address is not None:
        return named == address
    name = name.removeprefix("*").rstrip(".")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, int | None]:
    if _address(entry) is not None:
        return entry, None
    name, _, port = entry.rpartition(":")
    if name and port.isdigit():
        return name.strip("[]"), int(port)
    return entry.strip("[]"), None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _in_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, entry: str) -> bool:
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def environment_proxy(url: str, environ: Mapping[str, str]) -> tuple[str | None, list[str]]:
    """The proxy that the environment names for the url's scheme, and the entries of NO_PROXY.

    Names in lower case come first, as with curl. `HTTP_PROXY` in upper case counts as well, since this is no CGI
    program. Hosts of this machine (`localhost`, loopback addresses) never go through it.
    """
    scheme = urlsplit(url).scheme
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    found = next((environ[name] for name in names if environ.get(name)), None)
    if found is not None and "://" not in found:
        found = f"http://{found}"
    entries = (environ.get("no_proxy") or environ.get("NO_PROXY") or "").replace(",", " ").split()
    return found, [*entries, "localhost", "127.0.0.0/8", "::1"]


class Tunnel(asyncio.Protocol):
    """Asks a proxy for a tunnel (RFC 9110, section 9.3.6); `made` is done once the proxy has agreed."""

    def __init__(self, authority: str, authorization: str | None) -> None:
        """`authority` is the host and port of the API."""
        lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
        if authorization is not None:
            lines.append(f"Proxy-Authorization: {authorization}")
        self._request = "".join(f"{line}\r\n" for line in [*lines, ""]).encode()
        self._head = b""
        self.made: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        transport.write(self._request)  # type: ignore[attr-defined]  # a stream's transport can always write

    def data_received(self, data: bytes) -> None:
        """Read the proxy's reply."""
        self._head += data
        end = _HEAD_END.search(self._head)
        if end is None:
            if len(self._head) > MAX_HEAD_BYTES:
                self._fail("the proxy's reply is too long")
            return
        reply = _REPLY.match(self._head)
        if reply is None:
            self._fail("the proxy's reply is not HTTP")
        elif not reply[1].startswith(b"2"):
            self._fail(f"the proxy answers {reply[1].decode()}")
        elif end.end() < len(self._head):
            self._fail("the proxy sends bytes before the tunnel is used")
        elif not self.made.done():
            self.made.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's
        """The proxy ended the connection."""
        self._fail("the proxy ended the connection")

    def _fail(self, message: str) -> None:
        if not self.made.done():
            self.made.set_exception(ProxyRefused(message))
