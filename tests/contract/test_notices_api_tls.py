"""TLS to the notices API: an authority of one's own, a certificate of ours, and nothing less."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.httpx import HttpxNoticesApi
from pipeline.adapters.notices_api.pyreqwest import PyreqwestNoticesApi
from pipeline.model.notice import Notice
from pipeline.model.reply import Fault, Reply
from pipeline.ports import NoticesApi
from tests.contract.asking import posted
from tests.fakes.scripted_server import ScriptedServer, reply

Make = Callable[[HttpOptions], NoticesApi]
OK = reply(b'{"code":200}')
SINCE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
UNTIL = dt.datetime(2090, 1, 1, tzinfo=dt.UTC)


class Pair(NamedTuple):
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def pem_with_key(self) -> bytes:
        return self.pem + self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def make_pair(name: str, issuer: Pair | None = None) -> Pair:
    """An authority, or a certificate signed by one, good for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(SINCE)
        .not_valid_after(UNTIL)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    return Pair(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


AUTHORITY, STRANGER = make_pair("authority"), make_pair("stranger")
SERVER, CLIENT = make_pair("server", AUTHORITY), make_pair("client", AUTHORITY)


@pytest.fixture(params=[LoopNoticesApi, PyreqwestNoticesApi, HttpxNoticesApi], ids=["loop", "pyreqwest", "httpx"])
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "server.pem").write_bytes(SERVER.pem_with_key)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(cadata=AUTHORITY.pem.decode())
    return context


async def ask(make: Make, server: ScriptedServer, **pems: bytes) -> Reply:
    api = make(HttpOptions(server.url, ca_pem=pems.get("ca_pem"), client_pem=pems.get("client_pem")))
    try:
        return await posted(api, Notice("id", "rule", "alias", "u1", b"{}", None), "token")
    finally:
        await api.close()


async def test_an_unknown_authority_is_not_trusted(make: Make, tls: ssl.SSLContext) -> None:
    """Without its authority the server is not trusted, and the token does not leave."""
    async with ScriptedServer(OK, tls=tls) as server:
        assert (await ask(make, server)).fault is Fault.CONNECT
        assert (await ask(make, server, ca_pem=STRANGER.pem)).fault is Fault.CONNECT
    assert not server.requests


@pytest.mark.parametrize(
    "ca_pem", [AUTHORITY.pem, STRANGER.pem + b"# another\n" + AUTHORITY.pem], ids=["one", "bundle"]
)
async def test_an_authority_of_ones_own(make: Make, tls: ssl.SSLContext, ca_pem: bytes) -> None:
    """The server is trusted by its authority, wherever that stands in the file."""
    async with ScriptedServer(OK, tls=tls) as server:
        assert await ask(make, server, ca_pem=ca_pem) == Reply(200, 200)


async def test_a_certificate_of_ours(make: Make, tls: ssl.SSLContext) -> None:
    """A server that wants to know us is shown our certificate; without it, nothing comes of it."""
    tls.verify_mode = ssl.CERT_REQUIRED
    async with ScriptedServer(OK, tls=tls) as server:
        assert await ask(make, server, ca_pem=AUTHORITY.pem, client_pem=CLIENT.pem_with_key) == Reply(200, 200)
        assert (await ask(make, server, ca_pem=AUTHORITY.pem)).fault is not None
    assert len(server.requests) == 1


async def test_a_certificate_for_another_name(make: Make, tls: ssl.SSLContext) -> None:
    """A certificate that is good for another host is not good for this one."""
    async with ScriptedServer(OK, tls=tls) as server:
        api = make(HttpOptions(server.url.replace("127.0.0.1", "localhost"), ca_pem=AUTHORITY.pem))
        answer = await posted(api, Notice("id", "rule", "alias", "u1", b"{}", None), "token")
        await api.close()
    assert answer.fault is Fault.CONNECT
    assert not server.requests
