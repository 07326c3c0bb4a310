# Copies databases between the MySQL of this pod and a managed one, whole or not at all. Who writes to the one that they
# are copied from is stopped first, and stays stopped: by then nothing but the other one counts. Run again it begins again.
#
# One line on standard input: WAY HOST PORT USER PASSWORD USERS DATABASES. WAY is `managed` or `claim`, where the data goes;
# USERS are those of the managed one. Lists have commas. What it has copied it prints: a table and its rows a line.
set -eu
IFS=' ' read -r way host port user password users databases

here() {
  program=$1
  shift
  MYSQL_PWD=${MYSQL_ROOT_PASSWORD:-} "$program" --user=root "$@"
}

there() {
  program=$1
  shift
  MYSQL_PWD=$password "$program" --host="$host" --port="$port" --user="$user" --ssl-mode=REQUIRED "$@"
}

# Of a run whose connection broke off. An exec is a group of processes of its own.
pid=/tmp/kubeflow-move.pid
if [ -s $pid ] && grep -qs kubeflow-move "/proc/$(cat $pid)/cmdline"; then kill -- "-$(cat $pid)" || :; fi
echo $$ >$pid

# Also after a restart, until it is taken back.
writable() { here mysql --execute="SET PERSIST super_read_only = OFF; SET PERSIST read_only = OFF"; }

# A lock is for new connections.
locked() {
  for one in $(echo "$users" | tr , ' '); do echo "ALTER USER IF EXISTS '$one'@'%' ACCOUNT LOCK;"; done | there mysql
  names=$(echo "$users" | sed "s/,/','/g")
  there mysql --batch --skip-column-names --execute="SELECT CONCAT('CALL mysql.rds_kill(', id, ');')
    FROM information_schema.processlist WHERE user IN ('$names')" | there mysql --force
}

unlocked() {
  for one in $(echo "$users" | tr , ' '); do echo "ALTER USER IF EXISTS '$one'@'%' ACCOUNT UNLOCK;"; done | there mysql
}

# A connection that says nothing is ended, and so is one that a forgotten child still holds.
(while sleep 30 </dev/null >/dev/null 2>&1; do echo; done) &
waiting=$!
undo=:
ended() {
  kill $waiting
  $undo
}
trap ended EXIT

tries=60
until here mysql --execute="SELECT 1" >/dev/null 2>&1; do
  tries=$((tries - 1))
  [ $tries -gt 0 ] || { here mysql --execute="SELECT 1"; exit 1; }
  sleep 2
done

if [ "$way" = managed ]; then
  from=here to=there undo=writable
  here mysql --execute="SET PERSIST super_read_only = ON"
else
  from=there to=here undo=unlocked
  writable
  locked
fi

ask() {
  side=$1
  shift
  "$side" mysql --batch --skip-column-names --execute="$*"
}

whole=/tmp/kubeflow-move.whole
for database in $(echo "$databases" | tr , ' '); do
  [ "$(ask $from "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '$database'")" = 1 ] || continue
  rm -f $whole
  {
    $from mysqldump --databases "$database" --add-drop-database --single-transaction --hex-blob --no-tablespaces \
      --set-gtid-purged=OFF --column-statistics=0 && echo >$whole || :
  } | $to mysql
  [ -s $whole ]
  for table in $(ask $from "SELECT table_name FROM information_schema.tables
    WHERE table_schema = '$database' AND table_type = 'BASE TABLE' ORDER BY table_name"); do
    was=$(ask $from "SELECT COUNT(*) FROM \`$database\`.\`$table\`")
    is=$(ask $to "SELECT COUNT(*) FROM \`$database\`.\`$table\`")
    [ "$was" = "$is" ] || { echo "$database.$table has $was rows, and its copy $is" >&2; exit 1; }
    echo "$database.$table $was"
  done
done
undo=:
