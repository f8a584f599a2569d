# Nothing is compiled from C and nothing is resolved here: every package comes from requirements/base.txt, by hash; with
# --build-arg REQUIREMENTS=dask (or full) from that lock, for work on other machines (docs/distributed.md) or the models
# of statsmodels and prophet too. The base is named by digest, which changes by hand
# (docs/decisions/0073-supply-chain.md says how); the tag is there for the reader. Any other base with Python 3.11 to 3.13
# as `python`, and its venv, does too: `make image` builds on one of Debian's packages where no registry can be reached.
ARG BASE=python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea

FROM ${BASE} AS packages
ARG REQUIREMENTS=base
RUN python -m venv /opt/ahpa
COPY requirements/${REQUIREMENTS}.txt /tmp/packages.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    /opt/ahpa/bin/pip install --no-cache-dir --no-compile --require-hashes --only-binary :all: -r /tmp/packages.txt \
 && /opt/ahpa/bin/pip check \
 && /opt/ahpa/bin/pip uninstall --yes setuptools pip \
 && find /opt/ahpa/lib -type d '(' -name tests -o -path '*/kubernetes/aio' ')' -prune -exec rm -r {} +
# Our own code is pure Python: it is copied, not built, so no build backend is needed (docs/decisions/0041).
COPY LICENSE /opt/ahpa/
COPY ahpa /opt/ahpa/app/ahpa
COPY forecasting /opt/ahpa/app/forecasting
# What is compiled now is not compiled at each start, as nothing can be written then (docs/decisions/0088). Left out are
# the parts of the Kubernetes client that no command imports; its asynchronous half is not even here. No file is compared with its source again.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
      -x '/kubernetes/client/(api|models)/' /opt/ahpa/lib /opt/ahpa/app

FROM ${BASE}
LABEL org.opencontainers.image.title="ahpa" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=packages /opt/ahpa /opt/ahpa
ENV PATH=/opt/ahpa/bin:$PATH PYTHONPATH=/opt/ahpa/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080 8081 8082
ENTRYPOINT ["python", "-m", "ahpa"]
CMD ["--help"]
