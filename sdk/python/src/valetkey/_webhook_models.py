"""What the server says of webhooks and sends to them; part of `valetkey.models`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional

from ._decode import Model


@dataclass(frozen=True)
class Webhook(Model):
    """An address of your app that is told of events."""

    id: str
    """`wh_…`"""
    url: str
    """The address that is told."""
    description: Optional[str]
    """Your own words about it."""
    event_types: list[str]
    """The events that it is told of; empty means all."""
    enabled: bool
    """Whether it is told."""
    status: str
    """`healthy`, `failing` (the last delivery failed and is tried again) or `disabled`."""
    created_at: Optional[datetime]
    """When it was made."""
    updated_at: Optional[datetime]
    """When it last changed."""
    failing_since: Optional[datetime]
    """Since when every delivery fails."""
    last_delivery_at: Optional[datetime]
    """When it last took a delivery."""
    last_error: Optional[str]
    """What the last failed delivery failed with."""
    disabled_reason: Optional[str]
    """Why it is disabled."""


@dataclass(frozen=True)
class WebhookSecret(Model):
    """A webhook with its secret, which is shown this once."""

    webhook: Webhook
    """The webhook."""
    secret: str = field(repr=False)
    """`whsec_…`, for `verify_webhook`."""
    old_secret_valid_until: Optional[datetime]
    """Until when deliveries are signed with the secret before too; `None` for a new webhook."""


@dataclass(frozen=True)
class WebhookDelivery(Model):
    """One event on its way to a webhook."""

    id: str
    """The id that it goes out with each time, as `webhook-id`."""
    type: str
    """The event's type."""
    outcome: str
    """`pending`, `delivered` or `failed`."""
    attempts: int
    """How often it was sent."""
    created_at: Optional[datetime]
    """When the event happened."""
    next_attempt_at: Optional[datetime]
    """When it is sent again."""
    response_status: Optional[int]
    """The HTTP status that your app answered last."""
    error: Optional[str]
    """Why the last try failed."""


@dataclass(frozen=True)
class WebhookEvent(Model):
    """What a delivery says; `verify_webhook` gives it."""

    id: str
    """The same each time that this event is delivered."""
    type: str
    """Such as `account.revoked`, `connection.client_refused`, `execution.finished` or `webhook.test`."""
    timestamp: Optional[datetime]
    """When it happened."""
    environment: str
    """The environment that it happened in."""
    data: dict[str, Any]
    """What it is about; its fields depend on `type`."""
