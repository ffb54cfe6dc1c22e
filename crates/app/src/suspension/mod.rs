//! 停复机: holds on a number, for whatever lawful ground, and their lifting (G3, L-REM-8, L-REM-11).
