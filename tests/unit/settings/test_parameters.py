"""Settings of the common request parameters: every mistake is found when the configuration is read, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigurationError
from pipeline.settings import Settings, load_settings
from pipeline.settings.show import changed, masked

HEAD = """\
kafka: {bootstrap_servers: "localhost:9092", topics: [orders]}
notices:
  url: http://localhost:8090/message/v2/notices?v=2
  token: canary-5f1d
  headers: {X-App: a}
  query: {channel: wechat}
  parameters:
"""


def load(tmp_path: Path, parameters: str) -> Settings:
    path = tmp_path / "pipeline.yaml"
    path.write_text(HEAD + "".join(f"    {line}\n" for line in parameters.splitlines()))
    return load_settings(path, {})


@pytest.mark.parametrize(
    ("parameters", "line", "message"),
    [
        ("preset: sorted-md5", 7, "md5 needs a secret: give secret_file"),
        ("preset: hmac-sha256\nsign: {}", 9, "hmac-sha256 needs a secret: give secret_file"),
        ("preset: rsa-sha256\nsign: {secret: s}", 9, "rsa-sha256 signs with a private key: give key_file"),
        ("preset: md5", 8, "must be 'sorted-md5', 'hmac-sha256' or 'rsa-sha256'"),
        ("sign: {query: s, algorithm: md5, over: '{query}', secret: s}", 8, "without {secret} in `over` anyone can"),
        ("sign: {query: s, algorithm: sha1, over: x, secret: s}", 8, "must be 'hmac-sha256', 'hmac-sha1', 'md5'"),
        ("sign:\n  query: s\n  algorithm: hmac-sha1\n  over: '{bdy}'\n  secret: s", 11, "did you mean {body}?"),
        ("sign:\n  query: s\n  algorithm: hmac-sha1\n  over: '{nonce}'\n  secret: s", 11, "the request has no nonce"),
        ("sign:\n  query: s\n  algorithm: hmac-sha1\n  over: '{query.x}'\n  secret: s", 11, "no such parameter"),
        ("sign: {body: s, algorithm: md5, over: '{secret}', secret: s}", 8, "cannot be in the body"),
        ("nonce: {body: nonce}", 8, "cannot be in the body: it changes with each attempt"),
        ("nonce: {}", 8, "give the parameter's name as `query` or as `header`"),
        ("nonce: {query: n, header: N}", 8, "query and header are given: give one of them"),
        ("nonce: {query: n, length: 4}", 8, "at least 8"),
        ("timestamp: {query: t, format: '%Y'}", 8, "%m is missing"),
        ("timestamp: {query: t, zone: Beijing}", 8, "unknown time zone 'Beijing'"),
        ("timestamp: {header: Authorization}", 8, "is written by the service itself"),
        ("body:\n  app: a\n  to: x", 10, "is a key of the notice itself"),
        ("body: {a: .nan}", 8, "not JSON compliant"),
        ("query:\n  channel: x", 9, "the query parameter channel is also `notices.query.channel`"),
        ("query:\n  v: '3'", 9, "the query parameter v is also the query of `notices.url`"),
        ("nonce: {query: v}", 8, "the query parameter v is also the query of `notices.url`"),
        ("headers:\n  x-app: b", 9, "the header x-app is also `notices.headers.X-App`"),
        ("nonce:\n  header: idempotency-key", 9, "the header idempotency-key is also `notices.idempotency_header`"),
        ("nonce: {header: Traceparent}", 8, "is also a header of traces"),
        ("nonce: {query: t}\ntimestamp: {query: t}", 8, "is also `notices.parameters.timestamp.query`"),
        ("preset: sorted-md5\nquery: {sign: x}\nsign: {secret: s}", 10, "is also `notices.parameters.query.sign`"),
        ("query: {a: x}\nsecret_query_files: {a: f}", 7, "a is in both query and secret_query_files"),
        ("query: {a: 1}", 8, "must be text: put it in quotes"),
        ("query: {'': x}", 8, "is not a valid parameter name"),
        ("nonces: {query: n}", 8, "unknown key `notices.parameters.nonces`"),
    ],
)
def test_a_mistake_is_found_with_its_line(tmp_path: Path, parameters: str, line: int, message: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, parameters)
    assert message in caught.value.message
    assert caught.value.message.startswith(f"{tmp_path / 'pipeline.yaml'}:{line}:"), caught.value.message


def test_a_preset_fills_in_what_is_not_given(tmp_path: Path) -> None:
    """Another place, name or text replaces the preset's own, and null removes a part."""
    settings = load(
        tmp_path,
        "preset: sorted-md5\ntimestamp: {header: X-Time, format: ms}\nnonce: null\n"
        "sign: {secret: s, over: '{query}{secret}', query: signature}",
    )
    parameters = settings.notices.parameters
    assert parameters.timestamp is not None
    assert (parameters.timestamp.query, parameters.timestamp.header) == (None, "X-Time")
    assert parameters.nonce is None
    assert parameters.sign is not None
    assert (parameters.sign.query, parameters.sign.over, parameters.sign.encode) == (
        "signature",
        "{query}{secret}",
        "HEX",
    )


def test_secrets_are_masked_and_paths_are_not(tmp_path: Path) -> None:
    """In `config show` and on the status page."""
    settings = load(
        tmp_path,
        "preset: sorted-md5\nquery: {app_secret: canary-1}\nsecret_query_files: {api_key: files/key}\n"
        "body: {auth: {password: canary-2}}\nsign: {secret: canary-3}",
    )
    shown = str(masked(settings)) + str(changed(settings))
    assert "canary" not in shown
    assert "files/key" in shown
    assert "{query}&key={secret}" in shown
