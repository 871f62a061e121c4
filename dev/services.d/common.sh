# What all services share: turns, waiting, ends by process id. Read by dev/services.
# shellcheck shell=bash

say() { printf 'dev/services: %s\n' "$*"; }
fail() {
  printf 'dev/services: %s\n' "$*" >&2
  exit 1
}
has() { command -v "$1" > /dev/null 2>&1; }

# One at a time for this tree.
take_turns() {
  exec {turn}> "$folder/lock"
  flock "$turn"
}

# Closes every descriptor but the first three, in a subshell that is about to become something that lives on. A server that inherited
# a lock or a pipe of whoever started it (our own lock, that of a caller, a test's output) would hold it for as long as it runs.
let_go() {
  local descriptor
  for descriptor in "/proc/$BASHPID/fd/"*; do
    descriptor=${descriptor##*/}
    [ "$descriptor" -le 2 ] || eval "exec $descriptor>&-"
  done
}

# Whether somebody listens on a port of this machine.
listens() { (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# Asks again and again whether a command succeeds; gives up after some seconds.
wait_for() {
  local seconds=$1 end
  shift
  end=$((SECONDS + seconds))
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.05
  done
}

# Whether a process has ended; that nobody has asked for its exit code yet does not matter.
is_gone() {
  local state
  state=$(sed 's/.*) //' "/proc/$1/stat" 2> /dev/null) && [ "${state:0:1}" != Z ] && return 1
  return 0
}

# Prints the process of a pid file if it runs and is the program that we started: numbers are used again.
pid_in() {
  local file=$1 program=$2 pid
  read -r pid 2> /dev/null < "$file" || return 1
  [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = "$program" ] && ! is_gone "$pid" && echo "$pid"
}

# Waits until not even the number of an ended process is left: servers take a number that is there for one that runs.
let_vanish() {
  local pid
  read -r pid 2> /dev/null < "$1" || return 0
  is_gone "$pid" || return 0
  wait_for 60 test ! -d "/proc/$pid" || fail "process $pid has ended, and nobody asks for its exit code: remove $1"
}

# Ends a process: wakes it if it was stopped, asks with the signal that it takes for an orderly end, and kills it after 20 s.
end_process() {
  local pid=$1 signal=$2
  kill "-$signal" "$pid" 2> /dev/null || return 0
  kill -CONT "$pid" 2> /dev/null || true
  wait_for 20 is_gone "$pid" && return
  kill -KILL "$pid" 2> /dev/null || true
  wait_for 60 is_gone "$pid" || fail "process $pid does not end"
}
