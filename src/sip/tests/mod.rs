//! The user agent against another and against scripts, in virtual time.

mod calls;
mod faults;
mod lasting;
mod offers;
mod outside;
mod pair;
mod random;
mod registrar;
mod reliable;
mod subscriptions;
mod transfers;
mod trunks;
