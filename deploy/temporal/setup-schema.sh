#!/bin/sh
# Creates and updates both databases of the Temporal server. Doing it again changes nothing; after an upgrade of the
# images it applies what is new. Needs DB_HOST, DB_PORT, DB_USER and SQL_PASSWORD.
set -eu

schema="${SCHEMA_DIR:-/etc/temporal/schema/postgresql/v12}"

sql_tool() {
  database="$1"
  shift
  temporal-sql-tool --plugin postgres12 --endpoint "$DB_HOST" --port "$DB_PORT" --user "$DB_USER" \
    --database "$database" "$@"
}

for store in temporal visibility; do
  database=temporal
  if [ "$store" = visibility ]; then database=temporal_visibility; fi
  sql_tool "$database" create
  sql_tool "$database" setup-schema -v 0.0
  sql_tool "$database" update-schema -d "$schema/$store/versioned"
done
echo 'The schema of both Temporal databases is up to date.'
