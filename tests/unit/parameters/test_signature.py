"""Algorithms and keys of signatures."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pipeline.parameters.signature import Algorithm, Encode, rsa_key, signer

KEY = rsa.generate_private_key(65_537, 2_048)
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PKCS8, PKCS1 = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
PLAIN = serialization.NoEncryption()


@pytest.mark.parametrize("form", [PKCS8, PKCS1])
@pytest.mark.parametrize("encoding", [PEM, DER])
def test_rsa_keys_are_read_in_their_usual_forms(
    form: serialization.PrivateFormat, encoding: serialization.Encoding
) -> None:
    """PEM of both kinds, and the base64 alone that Alipay's key tool writes."""
    raw = KEY.private_bytes(encoding, form, PLAIN)
    text = raw.decode() if encoding is PEM else base64.encodebytes(raw).decode()
    assert rsa_key(text).private_numbers() == KEY.private_numbers()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, PKCS8, PLAIN).decode(), "another kind (EC"),
        (ed25519.Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, PLAIN).decode(), "another kind (Ed25519"),
        (
            KEY.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"canary")).decode(),
            "an encrypted key",
        ),
        (
            KEY.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
            "holds a public key",
        ),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "holds a certificate"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "no private key in PEM form"),
        ("canary", "no private key in PEM form"),
        ("ключ", "no private key in PEM form"),
        ("", "no private key in PEM form"),
    ],
)
def test_what_is_not_an_rsa_key_is_named(text: str, message: str) -> None:
    """The message says what it is instead, and never quotes it."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message follows
        rsa_key(text)
    assert message in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_without_secret_or_key_nothing_is_signed(algorithm: Algorithm) -> None:
    """Each algorithm names what it needs."""
    with pytest.raises(ValueError, match=r"needs a (secret|private key)"):
        signer(algorithm, Encode.HEX, None, None)


def test_encodings_are_of_the_same_bytes() -> None:
    """Hexadecimal in both cases, and base64 with padding."""
    one, two, three = (signer(Algorithm.SHA256, encode, "s", None)(b"x") for encode in Encode)
    assert bytes.fromhex(one) == bytes.fromhex(two) == base64.b64decode(three, validate=True)
    assert (one.upper(), three[-1]) == (two, "=")
