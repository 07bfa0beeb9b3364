package io.github.valetkey;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Finds the account that is meant. */
final class Lookup {
  static final String ACCOUNTS = "/v1/connect/accounts";

  private final Core core;

  Lookup(Core core) {
    this.core = core;
  }

  /** The account that is meant. */
  ConnectedAccount account(AccountRef account, Instant end) {
    account.check();
    if (!account.byId()) {
      return find(account, end);
    }
    return core.send(Core.Call.of("GET", path(account, "", end)), ConnectedAccount.class, end);
  }

  /** Looks an account up by its natural key: without a name the unnamed one, else the only one. */
  ConnectedAccount find(AccountRef account, Instant end) {
    boolean byName = AccountRef.given(account.accountName());
    Map<String, String> query = new LinkedHashMap<>();
    query.put("identifier", account.identifier());
    query.put("connection_name", account.connectionName());
    if (byName) {
      query.put("account_name", account.accountName());
    }
    List<ConnectedAccount> named = new ArrayList<>();
    for (ConnectedAccount found : Pages.together(core, ACCOUNTS, query, ConnectedAccount.class, end)) {
      if (byName ? account.accountName().equals(found.getAccountName()) : !AccountRef.given(found.getAccountName())) {
        return found;
      }
      named.add(found);
    }
    if (byName || named.isEmpty()) {
      throw Failures.accountNotFound(account);
    }
    if (named.size() > 1) {
      throw Failures.ambiguousAccount(account);
    }
    return named.get(0);
  }

  /** A path below an account's; the account is found first where its id is not given. */
  String path(AccountRef account, String below, Instant end) {
    account.check();
    String id = account.byId() ? account.connectedAccountId() : find(account, end).getId();
    return ACCOUNTS + "/" + Encoding.segment("connected_account_id", id) + below;
  }
}
