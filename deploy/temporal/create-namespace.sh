#!/bin/sh
# Creates the namespace with its retention and search attributes, or brings an existing one in line. Needs
# TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, NAMESPACE_RETENTION (such as 168h) and SEARCH_ATTRIBUTES (names by blanks).
set -eu

attempts="${ATTEMPTS:-60}"

# A server that has just started says that it is not healthy yet, and a new namespace is known to all of its parts
# only after some seconds: so every step is tried until it works.
retry() {
  attempt=1
  until output="$("$@" 2>&1)"; do
    if [ "$attempt" -ge "$attempts" ]; then
      echo "Failed after $attempts attempts: $*" >&2
      echo "$output" >&2
      exit 1
    fi
    attempt=$((attempt + 1))
    sleep 1
  done
}

ensure_namespace() {
  if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE"; then
    temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$NAMESPACE_RETENTION"
  else
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$NAMESPACE_RETENTION"
  fi
}

ensure_search_attribute() {
  known="$(temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE")"
  if echo "$known" | grep -Eq "^ *$1 +Keyword *$"; then return 0; fi
  temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$1" --type Keyword
}

retry temporal operator cluster health
retry ensure_namespace
for name in $SEARCH_ATTRIBUTES; do retry ensure_search_attribute "$name"; done
echo "Namespace $TEMPORAL_NAMESPACE is ready: retention $NAMESPACE_RETENTION, search attributes $SEARCH_ATTRIBUTES."
