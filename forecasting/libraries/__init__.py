"""The named libraries and simple baselines, one series at a time, calibrated alike."""
