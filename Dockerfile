# lsap on a CPU: docker build --tag lsap . && docker run --rm --volume "$PWD:/work" lsap demo --run demo
FROM python:3.12-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /source
COPY . .
# The pins are those that were tested. PyTorch's own index has builds without CUDA, which are smaller: name it, and the
# usual one, by --build-arg PIP_INDEX_URL=... --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
RUN python -m venv /lsap \
    && /lsap/bin/pip install --no-cache-dir --constraint constraints.txt '.[onnx,parquet]'

FROM python:3.12-slim
COPY --from=build /lsap /lsap
RUN useradd --uid 1000 --create-home lsap && mkdir /work && chown lsap /work
ENV PATH=/lsap/bin:$PATH NUMBA_CACHE_DIR=/tmp/numba MPLCONFIGDIR=/tmp/matplotlib
USER 1000
WORKDIR /work
ENTRYPOINT ["lsap"]
CMD ["--help"]
