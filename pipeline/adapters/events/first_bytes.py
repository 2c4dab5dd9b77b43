"""Forms of values that are not read, by their first bytes: so that a message can name what came."""

from __future__ import annotations

_COMPRESSED = "compress with Kafka's own `compression.type`"
_FRAMED = "use Confluent's framing"
_FORMS = {
    b"\x1f\x8b": ("gzip", _COMPRESSED),
    b"\x28\xb5\x2f\xfd": ("Zstandard", _COMPRESSED),
    b"\x04\x22\x4d\x18": ("LZ4", _COMPRESSED),
    b"\xff\x06\x00\x00sNaPpY": ("Snappy", _COMPRESSED),
    b"\x82SNAPPY": ("Snappy", _COMPRESSED),
    b"BZh": ("bzip2", _COMPRESSED),
    b"\xfd7zXZ": ("xz", _COMPRESSED),
    b"\x78\x01": ("zlib", _COMPRESSED),
    b"\x78\x9c": ("zlib", _COMPRESSED),
    b"\x78\xda": ("zlib", _COMPRESSED),
    b"\x78\x5e": ("zlib", _COMPRESSED),
    b"PK\x03\x04": ("zip", _COMPRESSED),
    b"\xc3\x01": ("Avro's single object encoding", _FRAMED),
    b"Obj\x01": ("an Avro container file", _FRAMED),
    b"\x03\x00": ("AWS Glue's framing", _FRAMED),
    b"\x03\x05": ("AWS Glue's framing", _FRAMED),
    b"\x01\x00\x00\x00\x00\x00\x00": ("Hortonworks' framing", _FRAMED),
    b"\x80\x02}": ("Python's pickle", "write JSON or Avro"),
    b"\x80\x03}": ("Python's pickle", "write JSON or Avro"),
    b"\x80\x04\x95": ("Python's pickle", "write JSON or Avro"),
    b"\x80\x05\x95": ("Python's pickle", "write JSON or Avro"),
    b"eyJ": ("JSON in base64", "write the JSON itself"),
    b'"eyJ': ("JSON in base64", "write the JSON itself"),
    b"\xac\xed\x00\x05": ("Java's serialization", "write JSON or Avro"),
    b"\xff\xfe": ("UTF-16", "write UTF-8"),
    b"\xfe\xff": ("UTF-16", "write UTF-8"),
    b"{\x00": ("UTF-16", "write UTF-8"),
    b"<": ("XML", "write JSON or Avro"),
}


def looks_like(value: bytes) -> str:
    """What is appended to a message about a value: `; it looks like gzip, which is not read: …`; mostly nothing."""
    found = next((form for magic, form in _FORMS.items() if value.startswith(magic)), None)
    return "" if found is None else f"; it looks like {found[0]}, which is not read: {found[1]}"
