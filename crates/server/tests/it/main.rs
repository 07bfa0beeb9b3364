//! The server from outside: the real router over a real engine, and the real listener.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod app;
mod branding;
mod browser;
mod calls;
mod connect_pages;
mod dashboard;
mod dashboard_routes;
mod dashboard_webhooks;
mod dashboard_work;
mod diagnoses;
mod docs;
mod every_error;
mod hostile_provider;
mod languages;
mod life;
mod listener;
mod mcp;
mod openapi;
mod proxy;
mod rates;
mod rest;
mod result_pages;
mod routes;
mod sso;
mod support;
mod token;
