# PgBouncer in front of the primary, as strict as people run it: a connection is the client's for one transaction, and no longer.
# Read by dev/services.
# shellcheck shell=bash

pgbouncer_port=15436

pgbouncer_home() { echo "$(postgres_home)/pgbouncer"; }

pgbouncer_pids() { pid_in "$(pgbouncer_home)/pid" pgbouncer || true; }

pgbouncer_answers() {
  PGCONNECT_TIMEOUT=2 "$(postgres_bin)/pg_isready" --quiet --host 127.0.0.1 --port "$pgbouncer_port" --timeout 2
}

pgbouncer_start() {
  local home
  [ -z "$(pgbouncer_pids)" ] || return 0
  if listens "$pgbouncer_port"; then
    say "pgbouncer: using the server that is on port $pgbouncer_port already"
    return
  fi
  home=$(pgbouncer_home)
  let_vanish "$home/pid"
  as_postgres mkdir -p "$home"
  as_postgres tee "$home/users" > /dev/null <<< '"curtail" "curtail"'
  sed "s|@home@|$home|" "$tree/dev/services.d/pgbouncer.ini" | as_postgres tee "$home/pgbouncer.ini" > /dev/null
  PATH=$PATH:/usr/sbin as_postgres pgbouncer --quiet --daemon "$home/pgbouncer.ini" || {
    tail -n 20 "$home/log" >&2
    fail "pgbouncer does not start: see above"
  }
  wait_for 120 pgbouncer_answers || fail "pgbouncer does not answer: see $home/log"
  say "pgbouncer: up on port $pgbouncer_port"
}

pgbouncer_stop() {
  local pid
  pid=$(pgbouncer_pids)
  [ -n "$pid" ] || return 0
  end_process "$pid" TERM
  say "pgbouncer: stopped"
}
