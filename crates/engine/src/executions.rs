//! The record of calls.
