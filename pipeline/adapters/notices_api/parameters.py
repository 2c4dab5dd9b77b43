"""Common request parameters of each attempt: gives the pure builder the time and random values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.parameters.request import Attempt, Random, RequestParameters

UUID_DIGITS = 32
DRAWN_BYTES = 2_048


class AttemptParameters:
    """Computes the parameters of each attempt."""

    def __init__(
        self,
        request: RequestParameters,
        *,
        wall_clock: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        nonce_length: int = 32,
        confidential: Sequence[str] = (),
    ) -> None:
        """`wall_clock` returns seconds since the epoch, with steps of the clock followed: the API compares them.

        `confidential` are values that must not appear in texts: the secret, and the body's constants.
        """
        self._request = request
        self._wall_clock = wall_clock
        self._random_bytes = random_bytes
        self._random_hex = ""
        """Drawn for many attempts at once: each draw is a system call."""
        self._nonce_length = nonce_length
        self.confidential = tuple(confidential)

    def __repr__(self) -> str:
        """Without values."""
        return "AttemptParameters()"

    def of(self, body: bytes) -> Attempt:
        """The parameters of an attempt that begins now.

        Raises:
            ValueError: the body cannot take the constants.
        """
        needed = self._nonce_length + UUID_DIGITS
        if len(self._random_hex) < needed:
            self._random_hex = self._random_bytes(DRAWN_BYTES).hex()
        drawn, self._random_hex = self._random_hex[:needed], self._random_hex[needed:]
        return self._request.attempt(body, self._wall_clock(), Random(drawn[UUID_DIGITS:], _uuid(drawn)))


def _uuid(digits: str) -> str:
    """A version 4 UUID (RFC 9562, section 5.4) of random hexadecimal digits; `uuid.UUID` takes ten times as long."""
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
