# One image for every role: `docker run civitai-orchestrator <role>`; the roles are those of `--help`.
# Debian and not Alpine: the native module of the Temporal SDK is built against glibc. Nothing here depends on the
# processor, so the same file builds for amd64 and arm64.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS base
WORKDIR /app

FROM base AS build
COPY package.json package-lock.json .npmrc ./
COPY patches ./patches
RUN --mount=type=cache,target=/root/.npm npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM base AS production-dependencies
COPY package.json package-lock.json .npmrc ./
COPY patches ./patches
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev

FROM base AS runtime
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="civitai-orchestrator" \
      org.opencontainers.image.description="A durable, self-hosted drop-in for Civitai's generation orchestrator" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
# The Temporal client verifies TLS against the system's certificates.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
# A named volume mounted here takes over the owner, so that the unprivileged user can write to it.
RUN install -d -o node -g node \
    /var/lib/orchestrator /var/lib/orchestrator/blobs /var/lib/orchestrator/simulator
ENV NODE_ENV=production \
    DATA_DIR=/var/lib/orchestrator
# Files belong to root: the program cannot change itself.
COPY --from=production-dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY migrations ./migrations
COPY --from=build /app/dist ./dist
USER node
ENTRYPOINT ["node", "dist/cli.js"]
CMD ["--help"]
