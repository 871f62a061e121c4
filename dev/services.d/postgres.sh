# PostgreSQL: a primary and its streaming replicas, and one that speaks TLS only. Read by dev/services.
# It refuses to run as root, so root runs it as the user postgres, in a folder that this user can reach.
# shellcheck shell=bash

declare -A postgres_ports=([primary]=15432 [replica1]=15433 [replica2]=15434 [tls]=15435)

postgres_url() {
  local host=127.0.0.1
  [ "$1" != tls ] || host=localhost
  echo "postgres://curtail:curtail@$host:${postgres_ports[$1]}/curtail"
}

# Where the newest installed version has its programs.
postgres_bin() {
  local newest
  newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/pg_ctl | sort -V | tail -n 1)
  if [ -x "$newest" ]; then
    dirname "$newest"
  else
    has pg_ctl && dirname "$(command -v pg_ctl)"
  fi
}

as_postgres() {
  (
    cd /
    let_go
    if [ "$(id -u)" -eq 0 ]; then
      exec runuser -u postgres -- "$@"
    else
      exec "$@"
    fi
  )
}

# Where the data is: in target/services, unless the tree stands where the user postgres may not go. Found out once.
postgres_home() {
  local home
  if read -r home 2> /dev/null < "$folder/postgres.home"; then
    echo "$home"
    return
  fi
  home=$folder/postgres
  mkdir -p "$home"
  if [ "$(id -u)" -eq 0 ]; then
    if ! as_postgres test -x "$home"; then
      rmdir "$home"
      home=/var/tmp/curtail-services-$(cksum <<< "$tree" | cut -d ' ' -f 1)
      mkdir -p "$home"
    fi
    chown postgres: "$home"
  fi
  echo "$home" | tee "$folder/postgres.home"
}

postgres_pids() { pid_in "$(postgres_home)/$1/postmaster.pid" postgres || true; }

# A hung server keeps its port open: only an answer counts.
postgres_answers() {
  PGCONNECT_TIMEOUT=2 "$(postgres_bin)/pg_isready" --quiet --host 127.0.0.1 --port "${postgres_ports[$1]}" --timeout 2
}

postgres_ask() {
  local port=${postgres_ports[$1]}
  PGPASSWORD=curtail psql --no-psqlrc --quiet --tuples-only --no-align --host 127.0.0.1 --port "$port" --username curtail \
    --dbname postgres --command "$2"
}

postgres_start() {
  local name=$1 port=${postgres_ports[$1]} home
  [ -z "$(postgres_pids "$name")" ] || return 0
  if listens "$port"; then
    say "$name: using the server that is on port $port already"
    return
  fi
  home=$(postgres_home)
  if [ ! -f "$home/$name/PG_VERSION" ]; then
    case $name in
      primary) postgres_make "$home" primary ;;
      tls) postgres_make "$home" tls && postgres_make_certificate "$home/tls" ;;
      *) postgres_make_replica "$home" "$name" ;;
    esac
  fi
  let_vanish "$home/$name/postmaster.pid"
  # The start waits until the server answers.
  as_postgres "$(postgres_bin)/pg_ctl" start --silent --wait --timeout 180 --pgdata "$home/$name" --log "$home/$name.log" \
    --options "-p $port" > /dev/null || {
    as_postgres tail -n 20 "$home/$name.log" >&2
    fail "$name does not start: see above, and $home/$name.log"
  }
  [[ $name == replica* ]] || postgres_make_database "$name" curtail
  say "$name: up on port $port"
}

postgres_make_database() {
  local server=$1 name=$2
  if [ "$(postgres_ask "$server" "SELECT 1 FROM pg_database WHERE datname = '$name'")" != 1 ]; then
    postgres_ask "$server" "CREATE DATABASE \"$name\""
  fi
}

postgres_make() {
  local home=$1 name=$2
  as_postgres rm -rf "$home/$name"
  as_postgres bash -c 'echo curtail > "$1/password"' - "$home"
  as_postgres "$(postgres_bin)/initdb" --pgdata "$home/$name" --username curtail --pwfile "$home/password" --auth scram-sha-256 \
    --encoding UTF8 --locale C.UTF-8 --no-instructions > "$folder/initdb.log" 2>&1 || {
    cat "$folder/initdb.log" >&2
    fail "initdb failed: see above"
  }
  as_postgres tee -a "$home/$name/postgresql.conf" < "$tree/dev/services.d/postgresql.conf" > /dev/null
}

# An authority, a certificate of it for this machine, and no way in without TLS.
postgres_make_certificate() {
  local home=$1
  as_postgres bash -euc '
    cd "$1"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=Curtail test authority" \
      -keyout ca.key -out ca.crt -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" -keyout server.key -out server.csr
    printf "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n" > server.extensions
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -extfile server.extensions -out server.crt
    chmod 600 server.key ca.key
    sed -i "s/^host /hostssl /" pg_hba.conf
    printf "\nssl = on\nshared_buffers = 16MB\nwal_level = minimal\nmax_wal_senders = 0\n" >> postgresql.conf
    cat ca.crt
  ' - "$home" 2> "$folder/openssl.log" > "$folder/ca.crt" || {
    tail -n 5 "$folder/openssl.log" >&2
    fail "the certificate of tls cannot be made: see above"
  }
}

# The copy holds the primary's configuration too; a slot keeps what a stopped replica has yet to read.
postgres_make_replica() {
  local home=$1 name=$2
  listens "${postgres_ports[primary]}" || fail "$name is copied from the primary: start that first"
  as_postgres rm -rf "$home/$name"
  postgres_ask primary "SELECT pg_create_physical_replication_slot('$name')
    WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '$name')" > /dev/null
  as_postgres "$(postgres_bin)/pg_basebackup" --pgdata "$home/$name" --write-recovery-conf --slot "$name" --checkpoint fast \
    --dbname "host=127.0.0.1 port=15432 user=curtail password=curtail application_name=$name"
}

postgres_stop() {
  local pid
  pid=$(postgres_pids "$1")
  [ -n "$pid" ] || return 0
  # SIGINT is PostgreSQL's fast shutdown: it breaks off what is under way and writes a checkpoint.
  end_process "$pid" INT
  say "$1: stopped"
}

postgres_clean() { rm -rf "$(postgres_home)" "$folder/postgres.home"; }
