-- Executions are sealed into the audit log window by window, by any replica: of two that seal the same window, or note the
-- same removal, one is first.
CREATE UNIQUE INDEX audit_seals ON audit (action, subject)
    WHERE action IN ('executions.sealed', 'executions.removed');
