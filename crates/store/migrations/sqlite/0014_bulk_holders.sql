-- Who is at work on many accounts: the number of the process, so that what it leaves behind is known at once when it is gone.
ALTER TABLE bulk_works ADD COLUMN holder INTEGER;
