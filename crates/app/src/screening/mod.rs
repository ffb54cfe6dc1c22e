//! 来电甄别: lists, rules and snapshots for the engine, what it decided, and how a mistake is mended (R-SCR, L-SCR).
