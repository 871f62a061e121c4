#!/bin/sh
# A streaming replica, named by its one argument: copies the primary the first time, then follows it.
set -eu
name=$1
PGDATA=${PGDATA:-/var/lib/postgresql/data}
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # What a copy that was broken off has left.
  find "$PGDATA" -mindepth 1 -delete
  pg_basebackup --pgdata "$PGDATA" --write-recovery-conf --slot "$name" --checkpoint fast \
    --dbname "host=primary user=curtail password=$POSTGRES_PASSWORD application_name=$name"
  chmod 700 "$PGDATA"
fi
exec postgres -D "$PGDATA"
