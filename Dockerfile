# Nothing is compiled and nothing is resolved here: every package comes from requirements/base.txt, by hash; with
# --build-arg REQUIREMENTS=dask from requirements/dask.txt, for work on other machines too (docs/distributed.md).
# The base image is named by digest, which changes by hand (docs/decisions/0073-supply-chain.md says how): both stages,
# and the tag is there for the reader.
FROM python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea AS packages
ARG REQUIREMENTS=base
RUN python -m venv /opt/ahpa
COPY requirements/${REQUIREMENTS}.txt /tmp/packages.txt
RUN /opt/ahpa/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/packages.txt \
 && /opt/ahpa/bin/pip check \
 && /opt/ahpa/bin/pip uninstall --yes pip

FROM python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea
LABEL org.opencontainers.image.title="ahpa" org.opencontainers.image.licenses="Apache-2.0"
# Our own code is pure Python: it is copied, not built, so no build backend is needed (docs/decisions/0041).
COPY --from=packages /opt/ahpa /opt/ahpa
COPY LICENSE /opt/ahpa/
COPY ahpa /opt/ahpa/app/ahpa
COPY forecasting /opt/ahpa/app/forecasting
ENV PATH=/opt/ahpa/bin:$PATH PYTHONPATH=/opt/ahpa/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["python", "-m", "ahpa"]
CMD ["--help"]
