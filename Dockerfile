# lsap on a CPU: docker build --tag lsap . && docker run --rm --volume "$PWD:/work" lsap demo --run demo
FROM python:3.12-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /source
COPY . .
# torch's own index has builds without CUDA; the pins are those that were tested
RUN python -m venv /lsap \
    && grep -vE '^(nvidia|cuda|triton)' constraints.txt > /tmp/constraints.txt \
    && /lsap/bin/pip install --no-cache-dir --constraint /tmp/constraints.txt \
        --index-url https://download.pytorch.org/whl/cpu --extra-index-url https://pypi.org/simple '.[onnx,parquet]'

FROM python:3.12-slim
COPY --from=build /lsap /lsap
RUN useradd --uid 1000 --create-home lsap && mkdir /work && chown lsap /work
ENV PATH=/lsap/bin:$PATH NUMBA_CACHE_DIR=/tmp/numba MPLCONFIGDIR=/tmp/matplotlib
USER 1000
WORKDIR /work
ENTRYPOINT ["lsap"]
CMD ["--help"]
