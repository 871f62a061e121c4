# Redis: one by itself, and a cluster of three. Caches: nothing of theirs is written to disk but who is in the cluster.
# Read by dev/services.
# shellcheck shell=bash

declare -A redis_ports=([redis]="16379" [cluster]="16380 16381 16382")

redis_urls() {
  local port urls=()
  for port in ${redis_ports[$1]}; do
    urls+=("redis://127.0.0.1:$port")
  done
  (IFS=, && echo "${urls[*]}")
}

redis_pids() {
  local port
  for port in ${redis_ports[$1]}; do
    pid_in "$folder/redis/$port/pid" redis-server || true
  done
}

redis_answers() {
  local port
  for port in ${redis_ports[$1]}; do
    redis_pings "$port" || return 1
  done
  [ "$1" = redis ] || redis_cluster_is_whole
}

redis_pings() { [ "$(timeout 2 redis-cli -p "$1" PING 2> /dev/null)" = PONG ]; }

redis_cluster_is_whole() {
  local port
  for port in ${redis_ports[cluster]}; do
    timeout 2 redis-cli -p "$port" CLUSTER INFO 2> /dev/null | grep -q '^cluster_state:ok' || return 1
  done
}

redis_start() {
  local name=$1 port started=0
  for port in ${redis_ports[$name]}; do
    if ! pid_in "$folder/redis/$port/pid" redis-server > /dev/null; then
      if listens "$port"; then
        say "$name: using the server that is on port $port already"
      else
        redis_launch "$name" "$port"
        started=1
      fi
    fi
  done
  [ "$started" = 1 ] || return 0
  for port in ${redis_ports[$name]}; do
    wait_for 120 redis_pings "$port" || {
      tail -n 20 "$folder/redis/$port/log" >&2
      fail "$name does not answer on port $port: see above"
    }
  done
  [ "$name" = redis ] || redis_join_cluster
  say "$name: up on port ${redis_ports[$name]}"
}

redis_launch() {
  local name=$1 port=$2 home=$folder/redis/$2 more=()
  mkdir -p "$home"
  if [ "$name" = cluster ]; then
    # One node away must not take the others with it: each holds its own part of a cache.
    more=(--cluster-enabled yes --cluster-config-file nodes.conf --cluster-node-timeout 15000 --cluster-require-full-coverage no)
  fi
  # DEBUG is allowed from this machine: `DEBUG SLEEP` is how tests make it slow.
  (
    let_go
    exec redis-server --port "$port" --bind 127.0.0.1 --dir "$home" --pidfile "$home/pid" --logfile "$home/log" --daemonize yes \
      --save '' --appendonly no --maxmemory 1gb --maxmemory-policy allkeys-lru --enable-debug-command local "${more[@]}"
  )
}

# The first time, shares the slots out; later, each node finds the others by its nodes.conf.
redis_join_cluster() {
  local port members=()
  for port in ${redis_ports[cluster]}; do
    members+=("127.0.0.1:$port")
  done
  if [ "$(redis-cli -p "${redis_ports[cluster]%% *}" CLUSTER INFO | grep -c '^cluster_slots_assigned:0')" = 1 ]; then
    redis-cli --cluster create "${members[@]}" --cluster-yes > "$folder/redis/create.log" 2>&1 || {
      tail -n 20 "$folder/redis/create.log" >&2
      fail "the cluster cannot be made: see above"
    }
  fi
  wait_for 120 redis_cluster_is_whole || fail "the cluster does not come together: see redis-cli -p 16380 CLUSTER NODES"
}

redis_stop() {
  local pid
  for pid in $(redis_pids "$1"); do
    end_process "$pid" TERM
  done
  [ -z "${pid:-}" ] || say "$1: stopped"
}
