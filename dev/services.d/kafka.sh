# Apache Kafka: one process that is broker and controller, from its own Maven artifacts. Read by dev/services.
# shellcheck shell=bash

kafka_port=19092

kafka_home() { echo "$folder/kafka"; }
kafka_jars() { echo "$folder/kafka/lib"; }
kafka_options=(-Dorg.slf4j.simpleLogger.logFile=System.out -Dorg.slf4j.simpleLogger.showDateTime=true -cp "$(kafka_jars)/*")

kafka_pids() { pid_in "$(kafka_home)/pid" java || true; }

# Asks which versions it speaks (ApiVersions 0, the smallest request there is), and waits for the first byte of the answer: a hung
# broker keeps its port open.
kafka_answers() {
  (
    exec 3<> "/dev/tcp/127.0.0.1/$kafka_port" || exit 1
    printf '\0\0\0\12\0\22\0\0\0\0\0\1\377\377' >&3
    [ "$(timeout 2 head -c 4 <&3 | wc -c)" = 4 ]
  ) 2> /dev/null
}

# The port is open before requests are answered; this line comes after.
kafka_has_started() { grep -q 'Kafka Server started' "$(kafka_home)/log" 2> /dev/null; }

kafka_start() {
  [ -z "$(kafka_pids)" ] || return 0
  # Its tools are needed here whoever runs the broker.
  kafka_fetch
  if listens "$kafka_port"; then
    say "kafka: using the server that is on port $kafka_port already"
    return
  fi
  local home
  home=$(kafka_home)
  sed "s|@home@|$home|" "$tree/dev/services.d/kafka/server.properties" > "$home/server.properties"
  if [ ! -f "$home/data/meta.properties" ]; then
    kafka_java kafka.tools.StorageTool format --cluster-id "$(kafka_cluster_id)" \
      --config "$home/server.properties" > "$home/format.log" 2>&1 || {
      cat "$home/format.log" >&2
      fail "Kafka cannot format its folder: see above"
    }
  fi
  (let_go && exec setsid java -Xmx512m "${kafka_options[@]}" kafka.Kafka "$home/server.properties") > "$home/log" 2>&1 < /dev/null &
  echo $! > "$home/pid"
  wait_for 180 kafka_started_or_ended || true
  kafka_has_started || {
    tail -n 20 "$home/log" >&2
    fail "kafka does not start: see above, and $home/log"
  }
  say "kafka: up on port $kafka_port"
}

kafka_started_or_ended() { kafka_has_started || is_gone "$(cat "$(kafka_home)/pid")"; }

# 16 random bytes, as `kafka.tools.StorageTool random-uuid` writes them. Without dashes: a number that begins with one, which one of 64
# would, is taken for an option.
kafka_cluster_id() { head -c 16 /dev/urandom | base64 | tr '+/' 'Zz' | tr -d '='; }

# Runs one of Kafka's own programs.
kafka_java() { java -Xmx256m "${kafka_options[@]}" "$@"; }

# The jars, by Maven, into target/services: 54 MB.
kafka_fetch() {
  local jars
  jars=$(kafka_jars)
  [ -f "$jars/complete" ] && return
  say "fetching Kafka's artifacts"
  rm -rf "$jars"
  mkdir -p "$jars"
  mvn --batch-mode --quiet --file "$tree/dev/services.d/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" \
    > "$folder/maven.log" 2>&1 || {
    tail -n 20 "$folder/maven.log" >&2
    fail "Maven cannot fetch Kafka: see above"
  }
  touch "$jars/complete"
}

kafka_make_topic() {
  kafka_fetch
  kafka_java org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$kafka_port" --create --if-not-exists --topic "$1" \
    --partitions "$2" > "$folder/topic.log" 2>&1 || {
    tail -n 5 "$folder/topic.log" >&2
    fail "the topic $1 cannot be made: see above"
  }
}

kafka_stop() {
  local pid
  pid=$(kafka_pids)
  [ -n "$pid" ] || return 0
  end_process "$pid" TERM
  say "kafka: stopped"
}
