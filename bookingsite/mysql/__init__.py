"""Django's backend for MariaDB and MySQL, which lets go of connections that lead nowhere."""
