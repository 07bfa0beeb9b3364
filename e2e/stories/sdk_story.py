"""One user's story with the official Python SDK: `link` prints an authorization link, `call` goes on once it was used."""

import os
import sys

from scalekit import ScalekitClient
from scalekit.common.exceptions import ScalekitNotFoundException

client = ScalekitClient(os.environ["VALETKEY_URL"], os.environ["VALETKEY_CLIENT_ID"], os.environ["VALETKEY_CLIENT_SECRET"])
actions = client.actions
step, identifier = sys.argv[1:]
who = {"connection_name": "sandbox", "identifier": identifier}

if step == "link":
    actions.get_or_create_connected_account(**who)
    print(actions.get_authorization_link(**who).link)
else:
    account = actions.get_connected_account(**who).connected_account
    print("status", account.status)
    result = actions.execute_tool(tool_name="sandbox_get_profile", tool_input={}, **who)
    assert result.execution_id.startswith("ex_")
    print("tool", result.data["email"])
    listed = actions.list_connected_accounts(connection_name="sandbox", identifier=identifier).connected_accounts
    assert [entry.identifier for entry in listed] == [identifier], listed
    print("listed")
    actions.update_connected_account(api_config={"team": "blue"}, **who)
    print("updated")
    actions.delete_connected_account(**who)
    print("deleted")
    try:
        actions.get_connected_account(**who)
    except ScalekitNotFoundException:
        print("not found")
