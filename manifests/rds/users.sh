# A database and a user for each program. All of it may be run again: what is there stays, and gets the password that is
# given now. Passwords have letters and digits only, so they stand in SQL as they are; they come on standard input, for
# arguments are seen by others.
set -eu

# Tables are made and changed by the programs themselves, each in its own database and nowhere else.
OWN="SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES"

# USER DATABASE PASSWORD PRIVILEGES [PLUGIN]
user() {
  cat <<SQL
CREATE DATABASE IF NOT EXISTS $2;
CREATE USER IF NOT EXISTS '$1'@'%' IDENTIFIED ${5:-} BY '$3' REQUIRE SSL;
ALTER USER '$1'@'%' IDENTIFIED ${5:-} BY '$3' REQUIRE SSL ACCOUNT UNLOCK;
GRANT $4 ON $2.* TO '$1'@'%';
SQL
}

{
  user pipelines mlpipeline "$PIPELINES_PASSWORD" "$OWN"
  user cache cachedb "$CACHE_PASSWORD" "$OWN"
  # Its client (MariaDB Connector/C 3.0.8) knows no other plugin. MariaDB leaves such comments out.
  user metadata metadb "$METADATA_PASSWORD" "$OWN" "/*!80000 WITH mysql_native_password */"
  # Without Katib there is no password for it. It makes one table, and writes, reads and deletes rows.
  if [ -n "${KATIB_PASSWORD:-}" ]; then
    user katib katib "$KATIB_PASSWORD" "SELECT, INSERT, DELETE, CREATE"
  fi
} | mysql --host="$DATABASE_HOST" --port="$DATABASE_PORT" --user="$DATABASE_USER" --ssl-mode=REQUIRED
