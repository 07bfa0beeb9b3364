-- Who is at work on many accounts: the number of the process, so that what it leaves behind is known when it is gone,
-- before its lease has run out. Replicas of the version before leave it empty; the lease is enough for them.
ALTER TABLE bulk_works ADD COLUMN holder bigint;
