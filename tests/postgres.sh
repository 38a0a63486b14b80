#!/usr/bin/env bash
# A throwaway PostgreSQL for the tests, reached through a socket in its own directory; no port, no password.
#   tests/postgres.sh start DIRECTORY   start it (made where there is none) and print its URL
#   tests/postgres.sh stop DIRECTORY    stop it at once, as a crash would; what was committed stays
# A superuser may not run PostgreSQL: as root, it runs as `postgres`.
set -euo pipefail

usage="usage: tests/postgres.sh start|stop DIRECTORY"
action=${1:?$usage}
directory=${2:?$usage}

server=$(find /usr/lib/postgresql/*/bin /usr/local/pgsql/bin /opt/homebrew/opt/postgresql*/bin -name pg_ctl 2> /dev/null | sort -V | tail -n 1 || true)
server=${server:-$(command -v pg_ctl || true)}
[[ -n $server ]] || { echo "tests/postgres.sh: PostgreSQL is not installed (no pg_ctl found)" >&2; exit 1; }
bin=$(dirname "$server")

mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
cd /
as=()
if [[ $(id -u) == 0 ]]; then
    chown -R postgres "$directory"
    as=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi

case $action in
    start)
        if [[ ! -e $directory/data/PG_VERSION ]]; then
            "${as[@]}" "$bin/initdb" -D "$directory/data" -U postgres -A trust -E UTF8 --no-locale --no-sync > /dev/null
            "${as[@]}" tee -a "$directory/data/postgresql.conf" > /dev/null << SETTINGS
listen_addresses = ''
unix_socket_directories = '$directory'
fsync = off
full_page_writes = off
max_connections = 200
SETTINGS
        fi
        "${as[@]}" "$bin/pg_ctl" -D "$directory/data" -l "$directory/log" -w -t 60 start > /dev/null
        echo "postgresql://postgres@/postgres?host=$directory"
        ;;
    stop)
        "${as[@]}" "$bin/pg_ctl" -D "$directory/data" -m immediate -w -t 60 stop > /dev/null
        ;;
    *)
        echo "$usage" >&2
        exit 2
        ;;
esac
