"""An assistant's backend in small: connect an account, call a tool, break it, find out why, recover.

Run it beside `./x dev`, in the folder with `.valetkey`:

    set -a; . .valetkey/env; set +a
    python main.py
"""

from __future__ import annotations

import argparse
import os
import ssl
import time
from typing import Callable
from urllib.parse import urlsplit

import httpx

from valetkey import AccountNotActiveError, Actions, ValetkeyClient, ValetkeyError

CONNECTION = "sandbox"


def authorize(actions: Actions, identifier: str, link: str, show: Callable[[str], None], seconds: float) -> None:
    """Shows the link and waits until the user has authorized."""
    show(link)
    deadline = time.monotonic() + seconds
    while actions.get_connected_account(identifier, CONNECTION).status != "ACTIVE":
        if time.monotonic() > deadline:
            raise SystemExit("Nobody has opened the link. Start again when you are ready.")
        time.sleep(0.5)


def break_it(actions: Actions, ca_file: str, user: str) -> None:
    """Makes the simulator take access away, as if the user had done so at the provider."""
    provider = urlsplit(actions.get_connection(CONNECTION).overrides["api_base_url"])
    trust = ssl.create_default_context(cafile=ca_file)
    answer = httpx.post(f"{provider.scheme}://{provider.netloc}/_sim/revoke-grants", json={"user": user}, verify=trust, trust_env=False)
    answer.raise_for_status()


def explain(actions: Actions, identifier: str) -> None:
    """Prints why the account does not work."""
    diagnosis = actions.diagnose(identifier, CONNECTION, probe=False)
    print(f"   {diagnosis.verdict}: {diagnosis.summary}")
    for finding in diagnosis.findings:
        print(f"   - {finding.message} ({finding.confidence}; it is up to: {finding.actor})")
        for remedy in finding.remedies:
            print(f"     → {remedy.text}")


def story(client: ValetkeyClient, ca_file: str, identifier: str, show: Callable[[str], None], seconds: float = 300) -> None:
    """The whole story."""
    actions = client.actions
    print("1. Create the account")
    account = actions.get_or_create_connected_account(identifier, CONNECTION)
    print(f"   {account.id} is {account.status}")

    if account.status != "ACTIVE":
        print("2. Authorize it in the browser")
        authorize(actions, identifier, actions.get_authorization_link(identifier, CONNECTION).link, show, seconds)

    print("3. Call a tool")
    profile = actions.execute_tool("sandbox_get_profile", {}, identifier)
    print(f"   hello, {profile.data['name']}")

    print("4. Break it: access is taken away at the provider")
    break_it(actions, ca_file, profile.data["username"])
    try:
        actions.execute_tool("sandbox_get_profile", {}, identifier)
        raise SystemExit("That should not have worked.")
    except AccountNotActiveError as error:
        print("   " + str(error).replace("\n", "\n   "))
        link = error.authorization_link

    print("5. Why?")
    explain(actions, identifier)

    print("6. Recover: the user authorizes again")
    authorize(actions, identifier, link or actions.get_authorization_link(identifier, CONNECTION).link, show, seconds)
    profile = actions.execute_tool("sandbox_get_profile", {}, identifier)
    print(f"   hello again, {profile.data['name']}")


def main() -> None:
    """Reads the arguments and tells the story."""
    parser = argparse.ArgumentParser(description="Connect, call, break, diagnose, recover.")
    parser.add_argument("--identifier", default="user_123", help="your own id of the end user")
    identifier = parser.parse_args().identifier
    ca_file = os.environ.get("VALETKEY_CA_FILE", "")
    try:
        with ValetkeyClient() as client:
            story(client, ca_file, identifier, lambda link: print(f"   Open this and press Continue, then Allow:\n   {link}"))
    except ValetkeyError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
