"""Django's backend for MariaDB and MySQL, which closes connections that are of no use any more."""
