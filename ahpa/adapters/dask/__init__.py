"""Work on other machines: an existing Dask cluster behind `forecasting.executor.Executor`. Nobody else imports it."""
