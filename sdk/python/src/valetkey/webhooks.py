"""Webhooks that Valetkey sends to your app: whether they are genuine, and what they say.

    from valetkey import WebhookVerificationError, verify_webhook

    try:
        event = verify_webhook(os.environ["WEBHOOK_SECRET"], request.headers, request.body)
    except WebhookVerificationError:
        return 400
    if event.type == "account.revoked":
        ...

Give the body as it came, before anything has parsed it: the signature is over its bytes. The same event can come more than
once (with the same `id`), so keep the ids that you have dealt with.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Optional, Union

from .errors import ValetkeyError, invalid_argument, remedy
from .models import WebhookEvent

__all__ = ["WebhookVerificationError", "verify_webhook"]

Headers = Mapping[str, Union[str, Sequence[str]]]
"""Headers of a request, whatever the case of their names."""

_PREFIX = "whsec_"
# Two seconds more than the year 9999 has digits for; what is longer is no time.
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


class WebhookVerificationError(ValetkeyError, ValueError):
    """A request to your webhook is not genuine, not whole or not of now. Answer it with 400 and do nothing.

    The code tells why: `webhook_header_missing`, `webhook_header_invalid`, `webhook_timestamp_too_old`,
    `webhook_timestamp_too_new`, `webhook_signature_invalid`, `webhook_payload_invalid`, or, where your own secret is none,
    `webhook_secret_invalid`.
    """


def verify_webhook(
    secret: str,
    headers: Headers,
    payload: Union[str, bytes],
    *,
    tolerance: float = 300.0,
    now: Optional[datetime] = None,
) -> WebhookEvent:
    """Verifies a request to your webhook (Standard Webhooks 1.0) and gives the event in it.

    Args:
        secret: `whsec_…`, as it was given when the webhook was made or its secret renewed.
        headers: of the request; `webhook-id`, `webhook-timestamp` and `webhook-signature` are read.
        payload: the body as it came, byte for byte.
        tolerance: how far the time of sending may be from now, in seconds, before or after.
        now: taken for now, with its time zone. Left out: the system's clock.

    Raises:
        WebhookVerificationError: the request is not to be trusted.
    """
    key = _key(secret)
    webhook_id, sent, signatures = (_header(headers, f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if now is not None and now.utcoffset() is None:
        raise invalid_argument("now needs its time zone.", "Give an aware datetime: datetime.now(timezone.utc).")
    _check_time(sent, time.time() if now is None else now.timestamp(), tolerance)
    body = payload.encode() if isinstance(payload, str) else bytes(payload)
    wanted = hmac.new(key, f"{webhook_id}.{sent}.".encode() + body, hashlib.sha256).digest()
    # Every one is compared, so that time tells nothing.
    fits = [hmac.compare_digest(wanted, given) for given in _signatures(signatures)]
    if True not in fits:
        raise _refused(
            "webhook_signature_invalid",
            "No signature of the webhook fits.",
            "The body was altered on its way or by a parser here, or it was signed with another secret.",
            "Verify the body's bytes as they came; compare the secret with the webhook's.",
        )
    return _event(body, webhook_id)


def _refused(code: str, message: str, cause: str, todo: str) -> WebhookVerificationError:
    return WebhookVerificationError(message, code=code, cause=cause, remedies=[remedy("fix_request", todo)])


def _key(secret: str) -> bytes:
    text = secret.strip()
    text = text[len(_PREFIX) :] if text.startswith(_PREFIX) else text
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        # Not `from` the error underneath: that would show the secret.
        raise _refused(
            "webhook_secret_invalid",
            "The webhook's secret is none.",
            "A secret is whsec_ and base64.",
            "Take it over whole, as it was shown when the webhook was made.",
        ) from None
    return key


def _header(headers: Headers, name: str) -> str:
    for given, value in headers.items():
        if given.lower() == name:
            text = value if isinstance(value, str) else next(iter(value), "")
            if text:
                return text
    raise _refused(
        "webhook_header_missing",
        f"The request has no header {name}.",
        "It does not come from Valetkey, or something in between took the header away.",
        "Hand over all headers of the request; let what is in front of your app pass them.",
    )


def _check_time(sent: str, now: float, tolerance: float) -> None:
    if not _SECONDS.fullmatch(sent):
        raise _refused(
            "webhook_header_invalid",
            "The header webhook-timestamp is no time.",
            "It must be whole seconds since 1970.",
            "Hand the header over as it came.",
        )
    age = now - int(sent)
    if abs(age) <= tolerance:
        return
    old = age > 0
    raise _refused(
        "webhook_timestamp_too_old" if old else "webhook_timestamp_too_new",
        f"The webhook was sent {abs(age):.0f} s {'ago' if old else 'from now'}; {tolerance:g} s are allowed.",
        "It was held up or recorded and sent again, or a clock is wrong.",
        "Check this machine's clock; a delivery that comes again has a time of its own.",
    )


def _signatures(header: str) -> list[bytes]:
    found = []
    for part in header.split(" "):
        version, _, text = part.partition(",")
        if version == "v1":
            try:
                found.append(base64.b64decode(text, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


def _event(body: bytes, webhook_id: str) -> WebhookEvent:
    try:
        data: Any = json.loads(body)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise _refused(
            "webhook_payload_invalid",
            "The webhook's body is not a JSON object.",
            "It is signed with the secret, but it is no event.",
            "Check what else sends with this secret.",
        )
    return WebhookEvent.from_wire({**data, "id": data.get("id") or webhook_id})
