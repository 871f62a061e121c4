# Installs what is missing: Debian packages where this is root on Debian, else it says what to install. Read by dev/services.
# shellcheck shell=bash

install_missing() {
  local name packages=()
  for name in "$@"; do
    case $(part_of "$name") in
      postgres)
        postgres_bin > /dev/null || packages+=(postgresql)
        has openssl || packages+=(openssl)
        ;;
      pgbouncer) PATH=$PATH:/usr/sbin has pgbouncer || packages+=(pgbouncer) ;;
      redis) has redis-server && has redis-cli || packages+=(redis-server redis-tools) ;;
      kafka)
        has java || packages+=(openjdk-17-jre-headless)
        [ -f "$(kafka_jars)/complete" ] || has mvn || packages+=(maven)
        ;;
    esac
  done
  [ "${#packages[@]}" -eq 0 ] && return
  mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
  if ! has apt-get || [ "$(id -u)" -ne 0 ]; then
    fail "not installed: ${packages[*]}. Install them (on Debian, as root: apt-get install ${packages[*]}), then try again."
  fi
  say "installing ${packages[*]}"
  apt-get update -qq
  # The servers that the packages would start by themselves are not ours, and stay down.
  if [[ " ${packages[*]} " == *" postgresql "* ]]; then
    apt_install postgresql-common
    sed -i "s/^#\?create_main_cluster *=.*/create_main_cluster = false/" /etc/postgresql-common/createcluster.conf
  fi
  RUNLEVEL=1 apt_install "${packages[@]}"
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "$@" > "$folder/apt.log" 2>&1 || {
    tail -n 20 "$folder/apt.log" >&2
    fail "apt-get could not install $*: see above"
  }
}
