# Makes the user of web and worker, who may read and write rows and change no table. Read by the entry point of MariaDB's
# image when it makes the database, after it has made MARIADB_USER, who owns the tables and migrates; see compose.yaml.
# shellcheck shell=sh

case ${SERVICE_PASSWORD:-} in
    '' | *[!A-Za-z0-9]*)
        echo "MARIADB_PASSWORD must be letters and digits, as it becomes part of an address." >&2
        exit 1
        ;;
esac

docker_process_sql --database=mysql <<SQL
CREATE USER bookings@'%' IDENTIFIED BY '$SERVICE_PASSWORD';
GRANT SELECT, INSERT, UPDATE, DELETE ON bookings.* TO bookings@'%';
SQL
