"""Common request parameters of a platform: constants, timestamp, nonce, request id and signature. Pure."""
