#!/bin/sh
# Runs once, when the primary's database is made: replicas may connect, and each has a slot that keeps what it has yet to read.
# A process of Curtail holds up to 21 sessions here (docs/scaling.md): four of them, and room for as many more. Replicas copy this file.
set -eu
echo "host replication curtail all scram-sha-256" >> "$PGDATA/pg_hba.conf"
cat >> "$PGDATA/postgresql.conf" <<'CONF'
wal_level = replica
max_connections = 200
max_slot_wal_keep_size = '10GB'
CONF
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 <<'SQL'
SELECT pg_create_physical_replication_slot('replica1');
SELECT pg_create_physical_replication_slot('replica2');
SQL
