#!/bin/sh
# Creates and updates both databases of the Temporal server. Doing it again changes nothing; after an upgrade of the
# images it applies what is new: the schema is in the tool. Needs DB_HOST, DB_PORT, DB_USER, SQL_PASSWORD, DBNAME and
# VISIBILITY_DBNAME.
set -eu

sql_tool() {
  database="$1"
  shift
  temporal-sql-tool --plugin postgres12 --endpoint "$DB_HOST" --port "$DB_PORT" --user "$DB_USER" \
    --database "$database" "$@"
}

set_up() {
  sql_tool "$1" create
  sql_tool "$1" setup-schema -v 0.0
  sql_tool "$1" update-schema --schema-name "postgresql/v12/$2"
}

set_up "$DBNAME" temporal
set_up "$VISIBILITY_DBNAME" visibility
echo 'The schema of both Temporal databases is up to date.'
