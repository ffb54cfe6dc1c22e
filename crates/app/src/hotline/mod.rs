//! 热线与投诉: tickets with clocks, appeals, refunds, early warning, the tag the hotline's switch asks for (R-HOT, L-HOT).
