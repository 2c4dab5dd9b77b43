"""Keys and names for the node's TLS and SCRAM listener, made again for each run."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in its stub
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.broker.handle import Broker

USER = "pipeline"
PASSWORD = "correct-horse"


def set_password(broker: Broker, password: str) -> None:
    """Give the user another password; connections that are up stay up."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    change = UserScramCredentialUpsertion(
        USER, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4_096), password.encode()
    )
    admin.alter_user_scram_credentials([change])[USER].result(30)


class Keys(NamedTuple):
    """PEM files: who signed, and what the broker shows."""

    authority: Path
    broker: Path
    """Private key and certificate, as Kafka's PEM key store wants them."""
    clients: Path
    """Authorities whose clients are let in by the listener that requires a certificate."""


def make_keys(folder: Path) -> Keys:
    """An authority of our own, and a certificate for the loopback address signed by it."""
    authority_key, broker_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("tests' authority", authority_key.public_key(), "tests' authority", authority_key)
    broker = _certificate("localhost", broker_key.public_key(), "tests' authority", authority_key)
    keys = Keys(folder / "authority.pem", folder / "broker.pem", folder / "clients.pem")
    for path in (keys.authority, keys.clients):
        path.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    keys.broker.write_bytes(
        broker_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + broker.public_bytes(serialization.Encoding.PEM)
    )
    return keys


def _certificate(
    subject: str, key: ec.EllipticCurvePublicKey, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=36_500))
        .add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
    )
    if subject != issuer:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())


def listener_config(keys: Keys) -> Mapping[str, str]:
    """The node's side of the listeners SASL_SSL and MUTUAL."""
    return {
        "listener.name.mutual.ssl.keystore.type": "PEM",
        "listener.name.mutual.ssl.keystore.location": str(keys.broker),
        "listener.name.mutual.ssl.truststore.type": "PEM",
        "listener.name.mutual.ssl.truststore.location": str(keys.clients),
        "listener.name.mutual.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.sasl_ssl.ssl.keystore.type": "PEM",
        "listener.name.sasl_ssl.ssl.keystore.location": str(keys.broker),
    }


def client_config(keys: Keys, bootstrap_servers: str) -> Mapping[str, str]:
    """The client's side of it."""
    return {
        "bootstrap.servers": bootstrap_servers,
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(keys.authority),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": USER,
        "sasl.password": PASSWORD,
    }


def mutual_config(keys: Keys, bootstrap_servers: str) -> Mapping[str, str]:
    """The client's side of the listener MUTUAL, without a certificate; and `trusted`, the authorities of clients."""
    return {
        "bootstrap.servers": bootstrap_servers,
        "security.protocol": "SSL",
        "ssl.ca.location": str(keys.authority),
        "trusted": str(keys.clients),
    }
