"""Fleet forecasting with calibrated quantiles. Pure: numpy only at import, no clock, no I/O."""
