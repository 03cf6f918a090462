//! End to end, contract, simulation and golden tests
