//! The user agent against another and against scripts, in virtual time.

mod calls;
mod offers;
mod outside;
mod pair;
mod random;
mod registrar;
mod subscriptions;
mod transfers;
mod trunks;
