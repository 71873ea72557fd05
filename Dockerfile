# docker build -t postern . && docker run -v ./space.yml:/etc/postern/space.yml -p 8080:8080 --stop-timeout 120 postern
# The file needs places that user node may write to: admin: { address: "unix:/var/lib/postern/postern.sock" }
# and state: /var/lib/postern/state, best on a volume
FROM node:26-slim AS build
WORKDIR /src
COPY . .
RUN npm ci && npm pack --pack-destination /tmp

FROM node:26-slim
# Process 1 has to wait for whatever the dynos leave behind; tini does, and passes signals on.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
COPY --from=build /tmp/postern-*.tgz /tmp/
RUN npm install --global --omit=dev /tmp/postern-*.tgz && rm /tmp/postern-*.tgz
RUN mkdir -p /var/lib/postern && chown node:node /var/lib/postern
USER node
WORKDIR /var/lib/postern
ENTRYPOINT ["tini", "--", "postern"]
CMD ["start", "--config", "/etc/postern/space.yml"]
