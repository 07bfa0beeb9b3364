#!/usr/bin/env bash
# A PostgreSQL server to throw away, for tests. It runs on a free port of the loopback interface, offers TLS, and keeps
# everything in DIR, which `start` makes and `stop` removes.
#
#   scripts/postgres.sh start DIR     starts it and prints its URL
#   scripts/postgres.sh halt DIR      stops it at once, cutting every connection, and keeps its data
#   scripts/postgres.sh resume DIR    starts it again where it was
#   scripts/postgres.sh stop DIR      stops it and removes DIR
#   scripts/postgres.sh kill DIR      kill -9 of all its processes
#   scripts/postgres.sh standby DIR NEW   a synchronous standby of the server in DIR, in the new folder NEW
#   scripts/postgres.sh promote DIR   makes a standby the primary and prints its URL
#
# The URL names the certificate authority of the server (sslrootcert); it asks for TLS only with &sslmode=verify-full.
set -euo pipefail

usage() { sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# = 2 ] || { [ $# = 3 ] && [ "$1" = standby ]; } || usage
command=$1
dir=$2

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "${bin:-}/initdb" ] || bin=$(pg_config --bindir 2>/dev/null || true)
[ -x "${bin:-}/initdb" ] || bin=$(dirname "$(command -v initdb || echo /none)")
if [ ! -x "$bin/initdb" ]; then
  echo "PostgreSQL's server is missing: run scripts/prepare.sh, or install it (Debian: apt-get install postgresql)" >&2
  exit 1
fi

# The server refuses to run as root.
as_owner() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$dir" "$@"
  else
    "$@"
  fi
}
launch() { # port
  as_owner "$bin/pg_ctl" start -D "$dir/data" -w -t 60 -s -l "$dir/log" -o "-p $1" >/dev/null 2>&1
}

# Below the ports that the system gives out by itself.
launch_somewhere() {
  local port
  for _ in $(seq 20); do
    port=$((15000 + RANDOM % 15000))
    if launch "$port"; then
      echo "$port" | as_owner tee "$dir/port" >/dev/null
      # The tests may run as another user than the server.
      chmod 711 "$dir" && chmod 644 "$dir/ca.pem"
      return 0
    fi
  done
  cat "$dir/log" >&2
  echo "PostgreSQL did not start" >&2
  return 1
}
url() {
  echo "postgres://valetkey:$(cat "$dir/password")@127.0.0.1:$(cat "$dir/port")/postgres?sslrootcert=$dir/ca.pem"
}

case $command in
  start)
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    if [ "$(id -u)" = 0 ]; then chown postgres:postgres "$dir"; fi
    chmod 700 "$dir"
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s' "$password" | as_owner tee "$dir/password" >/dev/null
    as_owner "$bin/initdb" -D "$dir/data" -U valetkey --pwfile="$dir/password" --auth=scram-sha-256 \
      --encoding=UTF8 --locale=C --no-sync >/dev/null
    # An authority and a certificate of it, for localhost and 127.0.0.1.
    (
      umask 077
      cd "$dir"
      as_owner openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Test authority' \
        -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
      as_owner openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' \
        -keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
      printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' |
        as_owner tee "$dir/server.ext" >/dev/null
      as_owner openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
        -extfile "$dir/server.ext" -out "$dir/server.pem" 2>/dev/null
    )
    # Nobody needs this data after a crash of the machine: no waiting for the disk.
    as_owner tee -a "$dir/data/postgresql.conf" >/dev/null <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
max_connections = 400
fsync = off
full_page_writes = off
ssl = on
ssl_cert_file = '$dir/server.pem'
ssl_key_file = '$dir/server.key'
deadlock_timeout = 100ms
END
    launch_somewhere
    url
    ;;
  halt) as_owner "$bin/pg_ctl" stop -D "$dir/data" -w -t 60 -s -m immediate ;;
  resume) launch "$(cat "$dir/port")" ;;
  kill)
    # Its children notice that it is gone and end; nothing is written any more.
    kill -9 "$(head -n 1 "$dir/data/postmaster.pid")"
    ;;
  standby)
    primary=$dir
    dir=$3
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    if [ "$(id -u)" = 0 ]; then chown postgres:postgres "$dir"; fi
    chmod 700 "$dir"
    for file in password ca.key ca.pem server.key server.pem; do
      as_owner cp -p "$primary/$file" "$dir/$file"
    done
    as_owner env PGPASSWORD="$(cat "$primary/password")" "$bin/pg_basebackup" -D "$dir/data" -R -X stream -c fast --no-sync \
      -d "host=127.0.0.1 port=$(cat "$primary/port") user=valetkey application_name=standby" >/dev/null
    # The settings came along; the folder is another one.
    as_owner sed -i "s|$primary|$dir|g" "$dir/data/postgresql.conf"
    launch_somewhere
    # From here on a commit is acknowledged only once the standby has it.
    as_owner env PGPASSWORD="$(cat "$primary/password")" "$bin/psql" -q -h 127.0.0.1 -p "$(cat "$primary/port")" -U valetkey \
      -d postgres -c "ALTER SYSTEM SET synchronous_standby_names = 'standby'" -c "SELECT pg_reload_conf()" >/dev/null
    for _ in $(seq 100); do
      state=$(as_owner env PGPASSWORD="$(cat "$primary/password")" "$bin/psql" -At -h 127.0.0.1 -p "$(cat "$primary/port")" \
        -U valetkey -d postgres -c "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
      [ "$state" = 1 ] && exit 0
      sleep 0.1
    done
    cat "$dir/log" >&2
    echo "the standby does not follow" >&2
    exit 1
    ;;
  promote)
    # Alone from here on: it waits for no standby.
    as_owner "$bin/pg_ctl" promote -D "$dir/data" -w -t 60 -s >/dev/null
    as_owner env PGPASSWORD="$(cat "$dir/password")" "$bin/psql" -q -h 127.0.0.1 -p "$(cat "$dir/port")" -U valetkey \
      -d postgres -c "ALTER SYSTEM RESET synchronous_standby_names" -c "SELECT pg_reload_conf()" >/dev/null
    url
    ;;
  stop)
    as_owner "$bin/pg_ctl" stop -D "$dir/data" -w -t 60 -s -m immediate >/dev/null 2>&1 || true
    rm -rf "$dir"
    ;;
  *) usage ;;
esac
