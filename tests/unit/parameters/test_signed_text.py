"""What is signed: published examples of platforms, and the rules of sorting and encoding."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.parameters.encoding import decoded_query, encoded_query, percent_encoded
from pipeline.parameters.request import Definition, Place, Random, RequestParameters, Signature, Timestamp
from pipeline.parameters.signature import Algorithm, Encode, Sign, signer

SECRET = "s3cret"
BODY = b'{"to":"u1","data":{"thing1":{"value":"\xe5\x92\x96"}}}'
AT = 1_700_000_000.9
RANDOM = Random("n0nce", "request-1")


def shown(text: bytes) -> str:
    """A signer that signs nothing: the text itself, to be looked at."""
    return text.decode()


def signed(over: str, *, sign: Sign = shown, secret: str | None = SECRET, **changes: Any) -> str:  # noqa: ANN401 - of any part
    """The signature of one attempt, without the name of its parameter."""
    signature = Signature(Place("X-Signature", in_header=True), over, sign, secret)
    given = {name: value for name, value in changes.items() if name in Definition._fields}
    of_sign = {name: value for name, value in changes.items() if name in Signature._fields}
    definition = Definition("/message/v2/notices")._replace(**given)
    definition = definition._replace(signature=signature._replace(**of_sign))
    return dict(RequestParameters(definition).attempt(BODY, AT, RANDOM).headers)["X-Signature"]


class TestPublishedExamples:
    """Texts, secrets and signatures from the documentation of platforms."""

    WECHAT_PAY = (
        "device_info=1000&mch_id=10000100&appid=wxd930ea5d5a258f4f&body=test&nonce_str=ibuaiVcKdpRxkhJA&empty=",
        "192006250b4c09247ec02edce69f6a2d",
    )

    @pytest.mark.parametrize(
        ("algorithm", "expected"),
        [
            (Algorithm.MD5, "9A0A8659F005D6984697E2CA0A9CF3B7"),
            (Algorithm.HMAC_SHA256, "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"),
        ],
    )
    def test_wechat_pay(self, algorithm: Algorithm, expected: str) -> None:
        """Sorted parameters and the key, in MD5 and in HMAC-SHA256 (WeChat Pay v2, "signature algorithm")."""
        query, secret = self.WECHAT_PAY
        sign = signer(algorithm, Encode.UPPER_HEX, secret, None)
        assert signed("{query}&key={secret}", sign=sign, secret=secret, query=query) == expected

    def test_taobao(self) -> None:
        """Names and values without separators between two secrets (Taobao's open platform, "API call")."""
        query = (
            "method=taobao.item.seller.get&app_key=12345678&session=test&timestamp=2016-01-01%2012%3A00%3A00&format=json"
            "&v=2.0&sign_method=md5&num_iid=11223344&fields=num_iid%2Ctitle%2Cnick%2Cprice%2Cnum"
        )
        sign = signer(Algorithm.MD5, Encode.UPPER_HEX, "helloworld", None)
        over = "{secret}{query_concatenated}{secret}"
        assert signed(over, sign=sign, secret="helloworld", query=query) == "66987CB115214E59E6EC978214934FB8"

    def test_rfc_4231(self) -> None:
        """HMAC-SHA-256 of test case 2, and HMAC-SHA-1 of RFC 2202's, with a text as key."""
        over = "what do ya want for nothing?"
        sha256, sha1 = (signer(kind, Encode.HEX, "Jefe", None) for kind in (Algorithm.HMAC_SHA256, Algorithm.HMAC_SHA1))
        assert signed(over, sign=sha256) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        assert signed(over, sign=sha1) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"

    def test_alipay(self) -> None:
        """The text to sign of Alipay's gateway: parameters sorted by name with the body as `biz_content`."""
        query = encoded_query(
            [
                ("method", "alipay.trade.query"),
                ("charset", "utf-8"),
                ("app_id", "2014072300007148"),
                ("sign_type", "RSA2"),
                ("version", "1.0"),
                ("notify_url", ""),
            ]
        )
        timestamp = Timestamp(Place("timestamp", in_header=False), "%Y-%m-%d %H:%M:%S", ZoneInfo("Asia/Shanghai"))
        assert signed("{query}", secret=None, query=query, timestamp=timestamp, body_as="biz_content") == (
            f"app_id=2014072300007148&biz_content={BODY.decode()}&charset=utf-8&method=alipay.trade.query"
            "&sign_type=RSA2&timestamp=2023-11-15 06:13:20&version=1.0"
        )


class TestSorting:
    @pytest.mark.parametrize(
        ("query", "changes", "text"),
        [
            ("b=2&a=1&B=3", {}, "B=3&a=1&b=2"),
            ("a=2&a=10&a=1", {}, "a=1&a=10&a=2"),
            ("a-b=1&a=2&a.b=3", {}, "a=2&a-b=1&a.b=3"),
            ("a=&b=1&c", {}, "b=1"),
            ("a=&b=1&c", {"keep_empty": True}, "a=&b=1&c="),
            ("a=x+y&b=x%20y&c=%2B", {}, "a=x y&b=x y&c=+"),
            ("a=x+y&c=%2b%7E~", {"encoded": True}, "a=x%20y&c=%2B~~"),
            ("n=%E5%92%96&%E5%92%96=n", {}, "n=咖&咖=n"),
            ("n=%E5%92%96", {"encoded": True}, "n=%E5%92%96"),
            ("%F0%9F%98%80=1&%EF%BC%81=2", {}, "！=2&😀=1"),
            ("a=1&b=2&z=3", {"body_as": "y"}, f"a=1&b=2&y={BODY.decode()}&z=3"),
        ],
        ids=[
            "capitals first",
            "one name, by value",
            "by bytes of the name alone",
            "empty values left out",
            "empty values kept",
            "decoded",
            "encoded",
            "decoded utf-8",
            "encoded utf-8",
            "order of utf-8 bytes, not of utf-16",
            "body",
        ],
    )
    def test_the_query_is_sorted_by_bytes(self, query: str, changes: Mapping[str, Any], text: str) -> None:
        """By name, then by value; in the form that is signed."""
        assert signed("{query}", query=query, **changes) == text

    def test_what_changes_is_sorted_among_what_does_not(self) -> None:
        """Timestamp, nonce and request id of the query take part; the signature does not."""
        sent = RequestParameters(
            Definition(
                "/",
                query="m=1&z=2",
                timestamp=Timestamp(Place("a time", in_header=False), "%Y-%m-%dT%H:%M:%S%z"),
                nonce=Place("n", in_header=False),
                request_id=Place("X-Id", in_header=True),
                signature=Signature(Place("b", in_header=False), "{query}|{request_id}", shown, encoded=True),
            )
        ).attempt(b"{}", AT, RANDOM)
        time = "2023-11-14T22%3A13%3A20%2B0000"
        text = percent_encoded(f"a%20time={time}&m=1&n=n0nce&z=2|request-1")
        assert sent.query == f"&a%20time={time}&n=n0nce&b={text}"
        assert sent.headers == [("X-Id", "request-1")]

    def test_a_query_of_parameters_alone_begins_with_a_question_mark(self) -> None:
        """The url has none of its own."""
        sent = RequestParameters(Definition("/", nonce=Place("n", in_header=False))).attempt(b"{}", AT, RANDOM)
        assert sent.query == "?n=n0nce"

    def test_encoding_is_that_of_rfc_3986(self) -> None:
        """Every byte but the unreserved ones, a space as %20, digits in upper case; reading it back is lenient."""
        text = "".join(map(chr, range(32, 127))) + "é咖\n"
        encoded = percent_encoded(text)
        assert decoded_query(f"{encoded}={encoded}") == [(text, text)]
        assert percent_encoded("AZaz09-._~ +/=&é") == "AZaz09-._~%20%2B%2F%3D%26%C3%A9"
        assert decoded_query("a=1&&b&=x&c=%zz&d=%ff") == [
            ("a", "1"),
            ("b", ""),
            ("", "x"),
            ("c", "%zz"),
            ("d", "\ufffd"),
        ]


class TestPlaceholders:
    def test_each(self) -> None:
        """Method, path as sent, time, random values, the body and its hashes; braces are doubled."""
        text = signed(
            "{method}\n{path}\n{timestamp}\n{nonce}\n{request_id}\n{body}\n{body_sha256}\n{body_md5}\n{secret}\n"
            "{query.app}\n{header.x-app}\n{header.X-Time}{{}}",
            path="/a%20b/",
            query="app=%E5%92%96",
            headers={"X-App": "h"},
            timestamp=Timestamp(Place("X-Time", in_header=True), "ms", UTC),
            nonce=Place("n", in_header=False),
            request_id=Place("r", in_header=False),
        )
        assert text.split("\n") == [
            "POST",
            "/a%20b/",
            "1700000000900",
            "n0nce",
            "request-1",
            BODY.decode(),
            "5cbc44f9eda7da97eabc5c9a7200269b9324d3af65d2418aae1f00e82e8e6234",
            "55e53d3aac44ff60bc9fd6b47a120cff",
            "s3cret",
            "咖",
            "h",
            "1700000000900{}",
        ]

    @pytest.mark.parametrize(
        ("over", "message"),
        [
            ("{bodysha256}", "did you mean {body_sha256}"),
            ("{Method}", "did you mean {method}"),
            ("{sorted}", "known are method, path"),
            ("{}", "unknown placeholder {}"),
            ("${method}", "write a placeholder without the dollar sign: {method}"),
            ("{method", "a { without its other brace; write {{"),
            ("method}", "a } without its other brace; write }}"),
            ("{nonce}", "the request has no nonce"),
            ("{timestamp}", "the request has no timestamp"),
            ("{query.app}", "there is no such parameter"),
            ("{header.x-app}", "there is no such header"),
        ],
    )
    def test_one_that_stands_for_nothing_is_an_error(self, over: str, message: str) -> None:
        """With what to write instead."""
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message follows
            signed(over)
        assert message in str(caught.value)

    def test_a_secret_of_an_rsa_signature_is_an_error(self) -> None:
        """It has a key and no secret."""
        with pytest.raises(ValueError, match="no secret"):
            signed("{secret}", secret=None)


class TestBody:
    @pytest.mark.parametrize(
        ("body", "constants", "sent"),
        [
            (b'{"to":"u"}', {}, b'{"to":"u"}'),
            (b'{"to":"u"}', {"app": "咖", "n": [1, {"a": None}]}, '{"to":"u","app":"咖","n":[1,{"a":null}]}'.encode()),
            (b"{}", {"app": "a"}, b'{"app":"a"}'),
        ],
    )
    def test_constants_stand_behind_the_notices_own_keys(
        self, body: bytes, constants: Mapping[str, object], sent: bytes
    ) -> None:
        """The same bytes for every attempt, whatever the time."""
        parameters = RequestParameters(Definition("/", body=constants, nonce=Place("n", in_header=True)))
        assert {parameters.attempt(body, at, Random(str(at), "")).body for at in (1.0, 2.0)} == {sent}

    @pytest.mark.parametrize("body", [b"", b"[1]", b"a=b"])
    def test_a_body_that_is_not_an_object_takes_none(self, body: bytes) -> None:
        """The request cannot be built."""
        with pytest.raises(ValueError, match="JSON object"):
            RequestParameters(Definition("/", body={"a": 1})).attempt(body, AT, RANDOM)

    def test_the_signature_is_over_the_body_that_is_sent(self) -> None:
        """With the constants."""
        signature = Signature(Place("s", in_header=True), "{body}", shown)
        sent = RequestParameters(Definition("/", body={"a": 1}, signature=signature)).attempt(b'{"b":2}', AT, RANDOM)
        assert dict(sent.headers)["s"].encode() == sent.body == b'{"b":2,"a":1}'


def test_secrets_are_in_no_repr() -> None:
    """Neither of the definition nor of its parts."""
    signature = Signature(Place("s", in_header=True), "{secret}", shown, "canary")
    assert "canary" not in repr(Definition("/", signature=signature))
