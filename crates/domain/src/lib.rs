//! Words of Valetkey: types, ids, the account state machine, the error catalogue and the storage traits. No I/O.
