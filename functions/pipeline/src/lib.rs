//! Store, commit log, queue and run: what every entry point shares
