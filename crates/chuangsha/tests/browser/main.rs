//! The console in a real Chromium: the whole story from the counter to the network with a fake camera, keys, both languages, no scripts,
//! accessibility and weight. Pictures of every page go to `target/screenshots`.

mod blocked;
mod capture_app;
mod everywhere;
mod exports;
mod hotline;
mod kit;
mod paint;
mod person;
mod place;
mod review;
mod stopped;
mod story;
mod weather;
