//! Tests of the whole suite: each starts one of its own, with a database of its
//! own, and calls through the gateway.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alerts;
mod attention;
mod audit;
mod backups;
mod calendars;
mod clauses;
mod clocks;
mod compensations;
mod consents;
mod contexts;
mod data_requests;
mod destruction;
mod duplicates;
mod explain;
mod exports;
mod faults;
mod figures;
mod file_numbers;
mod five_views;
mod handling;
mod handovers;
mod intake;
mod leak;
mod lists;
mod merges;
mod migrations;
mod outage;
mod quality;
mod queues;
mod rating;
mod recalls;
mod record_facts;
mod records;
mod refusals;
mod retention;
mod revisions;
mod saved_selections;
mod scopes;
mod searches;
mod selections;
mod shares;
mod surveys;
mod ticket_views;
mod timeline;
mod verifications;
mod watches;
mod writes;
