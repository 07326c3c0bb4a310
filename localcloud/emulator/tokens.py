"""Service account tokens: whether the local API server signed one, which is all that MiniStack does not ask."""

import base64
import binascii
import json
import time
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_HALF = 32  # bytes of each number in a signature on the curve P-256 (RFC 7518, section 3.4)


class BadTokenError(Exception):
    """A token that nobody may use, and why."""


def read(token: str, public_key: bytes, now: float | None = None) -> dict[str, Any]:
    """The claims of a token (a JWT signed with ES256, as the plane's key is on P-256); raises BadTokenError.

    Who may use a good one, its issuer, subject and audience, is for the role's trust policy to say.
    """
    try:
        head, body, mark = token.split(".")
        header, claims, signature = _json(head), _json(body), _bytes(mark)
    except (ValueError, binascii.Error):
        raise BadTokenError("the token is no JSON Web Token") from None
    key = serialization.load_pem_public_key(public_key)
    if header.get("alg") != "ES256" or not isinstance(key, ec.EllipticCurvePublicKey) or len(signature) != 2 * _HALF:
        raise BadTokenError("the token is not signed as the local API server signs")
    numbers = (int.from_bytes(part) for part in (signature[:_HALF], signature[_HALF:]))
    try:
        key.verify(encode_dss_signature(*numbers), f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise BadTokenError("the token is not signed by the local API server") from None
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or (time.time() if now is None else now) >= expires:
        raise BadTokenError("the token has expired")
    return claims


def with_one_audience(claims: dict[str, Any]) -> str:
    """The claims as a token, unsigned, whose audience is a text; raises BadTokenError where there are several or none.

    Kubernetes writes a list, of which MiniStack 1.5.33 makes a text that fits no condition; STS takes its one entry.
    """
    audience = claims.get("aud")
    if not isinstance(audience, list) or len(audience) != 1:
        raise BadTokenError("a token for AWS has one audience")
    parts = ({"alg": "none"}, {**claims, "aud": audience[0]})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def _bytes(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _json(part: str) -> dict[str, Any]:
    decoded = json.loads(_bytes(part))
    if not isinstance(decoded, dict):
        raise ValueError(decoded)
    return decoded
