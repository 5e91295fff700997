# Two programs, two images:  docker build --target ingest .   and   docker build --target task .
# The image `task` holds the program `ai-agent`.
#
# Both are linked statically against glibc, so that an image holds one program beside certificates, users and time
# zones: no shell, no package manager, no loader. glibc and not musl, because it is what all tests run on, it needs no
# second C toolchain for aws-lc and the grammars, and its allocator does not slow the index down.
ARG RUST=docker.io/library/rust:1.95-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082
ARG RUNTIME=gcr.io/distroless/static-debian12:nonroot@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab

FROM ${RUST} AS chef
RUN cargo install cargo-chef --version 0.1.78 --locked \
    && cargo install cargo-auditable --version 0.7.7 --locked
WORKDIR /src

FROM chef AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

# Dependencies are a layer of their own, made again only when Cargo.toml or Cargo.lock change. With `--target`, the
# flags leave build scripts and procedural macros alone, which cannot be static. The tables of the grammars hold 60,000
# pointers; packed, their relocations take 1.4 MB less.
FROM chef AS build
ENV RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs"
COPY --from=plan /src/recipe.json recipe.json
RUN cargo chef cook --release --locked --package ingest --package task --target "$(rustc --print host-tuple)"
COPY . .
# The programs carry the list of crates that they were built from, for the image's own list and for scanners, and the
# commit, which `--version` says: the repository is not here to be asked.
ARG REVISION=unknown
RUN SOURCE_REVISION="$REVISION" cargo auditable build --release --locked --package ingest --package task --target "$(rustc --print host-tuple)" \
    && mkdir /out \
    && cp "target/$(rustc --print host-tuple)/release/ingest" "target/$(rustc --print host-tuple)/release/ai-agent" /out/

FROM ${RUNTIME} AS ingest
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=https://github.com/octo/ai-agent
LABEL org.opencontainers.image.title="ai-agent ingest" \
      org.opencontainers.image.description="Turns a verified webhook into at most one task on the queue" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build /out/ingest /usr/local/bin/ingest
# The allocator gives memory back: what is freed of a long body is not kept for the next one. By itself it raises the
# threshold to the longest that was freed, and keeps as much in each of its arenas.
ENV MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=65536 \
    MALLOC_TRIM_THRESHOLD_=131072
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/ingest"]

FROM ${RUNTIME} AS task
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=https://github.com/octo/ai-agent
LABEL org.opencontainers.image.title="ai-agent task" \
      org.opencontainers.image.description="Takes one task through one cycle: read, ask the model, check, commit, pull request" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build /out/ai-agent /usr/local/bin/ai-agent
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/ai-agent"]
CMD ["consume"]
