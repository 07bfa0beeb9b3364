//! Use cases: connections, accounts, links, authorization, refresh, execution.
