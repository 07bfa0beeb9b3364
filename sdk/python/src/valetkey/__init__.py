"""Valetkey for Python: safe use of your users' accounts at Gmail, Slack, GitHub and others.

    from valetkey import ValetkeyClient

    client = ValetkeyClient()  # VALETKEY_URL, VALETKEY_CLIENT_ID, VALETKEY_CLIENT_SECRET
    actions = client.actions
    print(actions.get_authorization_link(identifier="user_123", connection_name="gmail").link)
    print(actions.execute_tool(identifier="user_123", tool_name="gmail_get_profile", tool_input={}).data)

`AsyncValetkeyClient` is the same with `await`. What can go wrong is in `valetkey.errors`, what comes back in
`valetkey.models`, tools for agent frameworks in `valetkey.adapters`. Debug logging: the logger `valetkey`.
"""

from __future__ import annotations

import logging

from . import errors, models, webhooks
from ._answer import ProxyResponse
from ._async.client import AsyncActions, AsyncValetkeyClient
from ._async.pages import AsyncPage, AsyncPager
from ._async.webhooks import AsyncWebhooks
from ._batch import BatchResult, BatchStart, ToolCall
from ._request import UNSET, Unset
from ._sync.client import Actions, ValetkeyClient
from ._sync.pages import Page, Pager
from ._sync.webhooks import Webhooks
from ._version import __version__
from .errors import *  # noqa: F403 - the whole tree of errors
from .errors import __all__ as _errors
from .models import *  # noqa: F403 - everything that calls give
from .models import __all__ as _models
from .webhooks import WebhookVerificationError, verify_webhook

__all__ = [
    "UNSET",
    "Actions",
    "AsyncActions",
    "AsyncPage",
    "AsyncPager",
    "AsyncValetkeyClient",
    "AsyncWebhooks",
    "BatchResult",
    "BatchStart",
    "Page",
    "Pager",
    "ProxyResponse",
    "ToolCall",
    "Unset",
    "ValetkeyClient",
    "WebhookVerificationError",
    "Webhooks",
    "__version__",
    "errors",
    "models",
    "verify_webhook",
    "webhooks",
]
__all__ += _errors
__all__ += _models

logging.getLogger("valetkey").addHandler(logging.NullHandler())
